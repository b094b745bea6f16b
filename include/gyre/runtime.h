/*
 * A runtime is N threads with a loop each: the shards.
 *
 * Say what one shard does as a service; the runtime makes a thread per shard,
 * pins it, makes its loop on that thread, and runs every service on every
 * shard. Shards are numbered 0 … N-1 and share nothing but the bus.
 *
 *     struct gyre_runtime *runtime;
 *     gyre_runtime_new(&(struct gyre_runtime_options){ .stop_signals = true },
 *                      &runtime);
 *     gyre_runtime_add_service(runtime, &my_service, NULL);
 *     gyre_runtime_run(runtime);
 *     gyre_runtime_free(runtime);
 *
 * Or gyre_runtime_start() and gyre_runtime_wait(), where the thread that does
 * so has something else to do meanwhile.
 */
#ifndef GYRE_RUNTIME_H
#define GYRE_RUNTIME_H

#include <gyre/base.h>
#include <gyre/bus.h>
#include <gyre/future.h>
#include <gyre/loop.h>
#include <gyre/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_runtime;

#define GYRE_SHARDS_MAX  1024u
#define GYRE_WATCHDOG_NS GYRE_MS(100)

/*
 * How shards get their CPUs. All but NONE and LIST pin only where each shard
 * can have its own: not with more loops than CPUs, and not where the control
 * group's quota is less than the loops.
 */
enum gyre_pin {
	GYRE_PIN_AUTO, /* as SPREAD */
	GYRE_PIN_NONE, /* leave the threads to the scheduler */
	GYRE_PIN_LIST, /* shard i on cpus[i % cpus_count], whatever they are */
	GYRE_PIN_SPREAD, /* as far apart as can be: nodes in turn, other cores
			  * before the second CPU of one */
	GYRE_PIN_PACK,   /* as near as can be: node by node, core by core */
	GYRE_PIN_CORE,   /* one to a core; its other CPUs are left to others */
};

/* One CPU, as it is told of to a runtime. */
struct gyre_topology_cpu {
	unsigned cpu;
	unsigned core; /* a number that the CPUs of one core share */
	unsigned node; /* NUMA */
};

/*
 * Who tells a runtime how CPUs hang together: gyre_hwloc_topology(), or one of
 * yours. `describe` fills in core and node of each of the CPUs, which are those
 * that the process may run on, in the order of their numbers; 0, or a negative
 * errno.
 */
struct gyre_topology {
	int (*describe)(void *arg, struct gyre_topology_cpu *cpus,
			unsigned count);
	void *arg;
};

struct gyre_runtime_options {
	/* 0: one per allowed CPU, core or CPU of the list, by `pin`; by a
	 * policy no more than the control group's quota has CPUs. */
	unsigned loops;
	enum gyre_pin pin;
	const unsigned *cpus; /* for GYRE_PIN_LIST; copied */
	unsigned cpus_count;
	/* Asked once, in new; NULL, or one that fails, which is a warning: what
	 * the system's files tell. */
	const struct gyre_topology *topology;
	/*
	 * Stop on SIGINT and SIGTERM, from start until wait has returned: the
	 * process's actions for them are the runtime's for that time. The
	 * second of them brings the stop's deadline at once, the third ends
	 * the process, as it would by default.
	 */
	bool stop_signals;
	/* How long a stop may take before what is left is said and dropped;
	 * 0: five seconds. GYRE_FOREVER: as long as it takes, which a
	 * simulation may not. */
	int64_t stop_timeout_ns;
	/* Of the blocking lane of the shared pool; 0: its default. */
	unsigned pool_threads_max;
	/* Calls that are open at once, from one loop to one shard; 0: 65,536.
	 */
	unsigned calls_max;
	/* A seed: no threads, a virtual clock (gyre/simulation.h). 0: not so.
	 * `loops` must be given; pins, the pool's options and spin_ns say
	 * nothing. */
	uint64_t simulate;
	/*
	 * Where gyre-top may ask what the runtime does: a local socket that
	 * is made at this path, for the same user alone, from start to wait.
	 * NULL: where the environment's GYRE_CONTROL says, or nowhere. Start
	 * fails where it can't be made, and only warns if that was
	 * GYRE_CONTROL's. Copied.
	 */
	const char *control_path;
	/*
	 * A loop that does not poll for so long, from when it last did, is
	 * reported: one thread watches all loops of the runtime, and sleeps
	 * while they do. The log says which shard, for how long, in which
	 * callback, whether that runs, is blocked (in which system call) or
	 * waits for a CPU, and its stack; five a minute, and how many were
	 * left out. gyre_runtime_stats() has the latest of all. For the stack
	 * the thread is interrupted as by gyre_loop_log_stack(). While the
	 * process is stopped, as under a debugger, no time passes here.
	 * At least a millisecond; GYRE_FOREVER: no watchdog; 0: as many
	 * milliseconds as the environment's GYRE_WATCHDOG says, 0 of them
	 * for none, or else GYRE_WATCHDOG_NS. In a simulation there is none.
	 */
	int64_t watchdog_ns;
	/*
	 * How long each loop looks for work before it sleeps, as the option of
	 * that name of a loop says; 0: it sleeps at once. They spin only where
	 * each is pinned to a CPU of its own, beside others, and the control
	 * group's quota has time for all of them; else the log says why not.
	 * In a simulation they never do.
	 */
	int64_t spin_ns;
	/* For each loop, as the option of that name of a loop says; 0: a
	 * millisecond. In a simulation each timeout runs at its instant. */
	int64_t slack_ns;
	struct gyre_log log;
	const struct gyre_sys *_sys;
};

/* One shard, as its services see it. */
struct gyre_shard {
	struct gyre_runtime *runtime;
	struct gyre_loop *loop;
	unsigned index;
	int cpu; /* pinned to, or -1; planned, once started the fact */
};

/*
 * Where a runtime is in its life. It goes from one to a later one, and back
 * only where it is started again; a phase may be left out. QUIET and what
 * follows are the stop.
 */
enum gyre_runtime_phase {
	GYRE_PHASE_NEW,      /* services may be added */
	GYRE_PHASE_STARTING, /* services start */
	GYRE_PHASE_RUNNING,  /* all have */
	/* Listeners have closed, periodics call no more, the services are
	 * told to drain. */
	GYRE_PHASE_QUIET,
	/* All that was accepted runs: until each message that was sent, each
	 * job and each future that somebody awaits on a loop is done. */
	GYRE_PHASE_DRAINING,
	GYRE_PHASE_CLOSING, /* services stop; what is left is dropped */
	GYRE_PHASE_JOINING, /* no loop is left; the pool's jobs end */
	GYRE_PHASE_ENDED,   /* nor is any thread */
};

/*
 * What a service does on each shard. The functions run on the shard's thread,
 * where gyre_loop_current() is its loop; all but `start` may be NULL. Start,
 * drain and stop may have the next step wait: gyre_shard_await().
 */
struct gyre_service_ops {
	const char *name;
	/*
	 * Start on one shard; every shard's loop exists by then and can be
	 * posted to. No loop runs before all services on all shards have
	 * started; but from when a start awaits something, each runs once
	 * those of its own shard have. Keep the shard's state in *ret_state. 0,
	 * or a negative errno (gyre_raise() adds a message) that fails
	 * gyre_runtime_start(); this service is then neither stopped nor freed
	 * here. One whose start awaits what fails is freed and not stopped.
	 */
	int (*start)(const struct gyre_shard *shard, void *arg,
		     void **ret_state);
	/*
	 * Take no more from outside, and see to it that what was taken comes to
	 * its end: last service first. Not called where the loop ended first,
	 * or the stop's deadline has come.
	 */
	void (*drain)(const struct gyre_shard *shard, void *state);
	/*
	 * Stop, when all shards have drained: last service first; then the loop
	 * stops. It runs on the loop, or after it if the loop ended first or
	 * never ran, and then waits for nothing.
	 */
	void (*stop)(const struct gyre_shard *shard, void *state);
	/* Free the state: the loop is closed, other shards may be gone, jobs
	 * on the pool may still run. */
	void (*free)(void *state);
	/* Names of the services that start before this one and stop after it,
	 * NULL behind the last; or NULL. */
	const char *const *needs;
};

/*
 * Make a runtime and plan where its shards run. NULL options mean the
 * defaults.
 *
 * Thread: setup
 * Errors: -EINVAL more than GYRE_SHARDS_MAX loops, an empty or bad CPU list, a
 *         negative time-out, a watchdog_ns below a millisecond, a
 *         spin_ns or slack_ns below 0 or beyond its bound, `simulate`
 *         without `loops` or with what it cannot have (the log says which);
 *         -ENOMEM
 */
GYRE_API int gyre_runtime_new(const struct gyre_runtime_options *options,
			      struct gyre_runtime **ret_runtime)
	GYRE_MUST_CHECK;

/*
 * Add a service. They start in the order they were added, but for those that
 * need one that was added later.
 *
 * Thread: setup
 * Owns:   ops stays the caller's and must outlive the runtime
 * Errors: -EBUSY the runtime runs; -ENOMEM; -EPERM the process is a fork
 */
GYRE_API int gyre_runtime_add_service(struct gyre_runtime *runtime,
				      const struct gyre_service_ops *ops,
				      void *arg) GYRE_MUST_CHECK;

/*
 * Start the threads and return when every shard has started its services.
 * All loops exist before any service starts; if one shard fails, the others
 * are undone, the log says which shard and service, and its error is returned.
 * A pin that the kernel refuses is a warning.
 *
 * One that has ended, or whose start has failed, may be started again. Services
 * and shard map stay; loops, bus, pool and its lanes, and counters are new, and
 * nobody may use the old ones any more.
 *
 * Thread: setup
 * Blocks: until all shards have started or one has failed
 * Errors: -EALREADY it has not ended; -EINVAL a service needs one
 *         that there is not, or itself by way of others; -ESHUTDOWN stopped
 *         before all loops were made, or while a service's start waited;
 *         -EDEADLK a simulated service's start waits for what never comes;
 *         -EPERM the process is a fork of the one that made it, or of one whose
 *         loops or jobs had threads (the log says so); -EAGAIN no thread;
 *         -EMFILE; -ENOMEM; what a loop or a service failed with; -EADDRINUSE,
 *         -EEXIST, -ENAMETOOLONG and the like: the control socket
 */
GYRE_API int gyre_runtime_start(struct gyre_runtime *runtime) GYRE_MUST_CHECK;

/*
 * Start the runtime, be its shard 0, and return when it has ended: as
 * gyre_runtime_start() and gyre_runtime_wait(), but that shard 0 has this
 * thread, pinned meanwhile, instead of one of its own; a thread of the house
 * starts and supervises the shards.
 *
 * Thread: setup
 * Blocks: until gyre_runtime_stop() and the end of what runs
 * Errors: those of gyre_runtime_start() and gyre_runtime_wait(); -EBUSY a loop
 *         is current for this thread
 */
GYRE_API int gyre_runtime_run(struct gyre_runtime *runtime) GYRE_MUST_CHECK;

/*
 * Have the next service's start, drain or stop wait until the future is
 * complete; called from within one of these, as often as there is something to
 * wait for. The loop runs meanwhile. If it is rejected a start fails with its
 * error, while a drain or a stop goes on with a warning. A future of NULL is
 * one that there was no memory for, so that a call can stand as argument:
 *
 *     return gyre_shard_await(shard, gyre_bus_call(bus, 0, ask, NULL));
 *
 * Thread: owner; in start, drain or stop
 * Owns:   takes the reference over, whatever it returns
 * Errors: -ENOMEM; -EINVAL the future is not of this shard's loop; -ESHUTDOWN
 *         nothing is waited for any more: the deadline has come, or the loop
 *         has ended
 */
GYRE_API int gyre_shard_await(const struct gyre_shard *shard,
			      struct gyre_future *future);

/*
 * Return the shard whose loop is current for this thread: for what comes in a
 * message and asks where it is.
 *
 * Thread: any
 * Errors: NULL the thread is no shard's, or its loop is closed
 */
GYRE_API const struct gyre_shard *gyre_shard_current(void);

/*
 * Return what the service keeps on the current shard. The state on another one
 * is not to be had: send there what is to be done with it.
 *
 * Thread: any
 * Errors: NULL the thread is no shard's, or the service has not started there,
 *         or is freed
 */
GYRE_API void *gyre_shard_state(const struct gyre_service_ops *ops);

/*
 * Stop, in phases that gyre_runtime_phase() tells. Quiet: on each shard, as
 * soon as what runs there returns and before what is queued, listeners take
 * who has come and close, periodics call no more, what threads that are not
 * gyre's send is refused with -ESHUTDOWN, and the services drain, last first.
 * Draining: what was accepted runs, on all shards, until a count of what was
 * sent and what was done says that nothing is left; timeouts that are not due
 * are not waited for. Closing: the services stop, last first, then the loop,
 * and what is left is dropped. At the deadline, which is stop_timeout_ns after
 * the call, the log says of each shard what is left, and all steps that wait
 * are over; gyre_runtime_wait() sees to it.
 *
 * Once is enough, more do no harm; before the first start, that start returns
 * -ESHUTDOWN. A shard whose loop ends by itself (gyre_loop_stop(), a poller
 * that fails) stops alone: its services are stopped, its loop is closed, the
 * others run on.
 *
 * Thread: any+signal
 */
GYRE_API void gyre_runtime_stop(struct gyre_runtime *runtime);

/*
 * Bring all loops and the pool's threads to a halt, each between two tasks or
 * jobs, call the function on this thread while nothing else of the runtime
 * runs, and let them go on. What any of them did before is seen by the
 * function, and what it does is seen by them; it may not wait for one of them,
 * nor send them anything that it then waits for. Those who pause at once take
 * turns.
 *
 * Thread: any but a loop's, a job's or another of gyre's; the runtime is freed
 *         by nobody meanwhile
 * Blocks: until all have halted, at most to the deadline, an instant of
 *         CLOCK_MONOTONIC; and while the function runs
 * Errors: -ETIMEDOUT, the log names the shards and jobs that did not halt, and
 *         the function was not called; -EINVAL the runtime does not run;
 *         -EDEADLK; -ENOTSUP it is a simulation; -EPERM the process is a fork
 */
GYRE_API int gyre_runtime_pause(struct gyre_runtime *runtime,
				void (*fn)(void *arg), void *arg,
				int64_t deadline_ns) GYRE_MUST_CHECK;

/*
 * Tell where the runtime is in its life.
 *
 * Thread: any+signal
 */
GYRE_API enum gyre_runtime_phase gyre_runtime_phase(
	const struct gyre_runtime *runtime);

/*
 * Return a phase's name: "quiet".
 *
 * Thread: any+signal
 */
GYRE_API const char *gyre_runtime_phase_name(enum gyre_runtime_phase phase);

/*
 * Wait until all shards have stopped and their threads are joined. Every
 * task and job they accepted has run or been dropped by then. A shard that
 * does not answer at the deadline is named in the log with what runs there, a
 * job that does not return likewise; they are then waited for.
 *
 * Thread: setup; the thread that called start
 * Blocks: until gyre_runtime_stop() and the end of what runs, jobs included;
 *         a simulation runs here
 * Errors: -EINVAL it does not run: start was not called or failed, or wait
 *         was called before; -EDEADLK a simulation in which nothing would ever
 *         happen again: it was stopped; -EPERM the process is a fork; what the
 *         first failing loop returned
 */
GYRE_API int gyre_runtime_wait(struct gyre_runtime *runtime);

/*
 * Free a runtime; one that was started must have ended. NULL is a
 * no-op, and in a fork of the process that made it so is every runtime.
 *
 * Thread: setup
 */
GYRE_API void gyre_runtime_free(struct gyre_runtime *runtime);

/*
 * Return the bus that connects the shards; it lives until the runtime is freed
 * or started again.
 *
 * Thread: any
 */
GYRE_API struct gyre_bus *gyre_runtime_bus(struct gyre_runtime *runtime);

/*
 * Return the pool that all loops share, for its lanes and counters: off the
 * loops' CPUs where there are others, with as many threads in its fast lane as
 * there are CPUs without a loop. It makes no thread before its first job, is
 * shut down in gyre_runtime_wait(), and lives until the runtime is freed or
 * started again; NULL in a simulation.
 *
 * Thread: any
 */
GYRE_API struct gyre_pool *gyre_runtime_pool(struct gyre_runtime *runtime);

/*
 * Return the number of shards.
 *
 * Thread: any
 */
GYRE_API unsigned gyre_runtime_shards(const struct gyre_runtime *runtime);

/*
 * Return one shard; its cpu is planned from new on, its loop is there from a
 * start that returned 0 until the runtime is freed or started again.
 *
 * Thread: any, but while start runs
 * Errors: NULL there is no such shard
 */
GYRE_API const struct gyre_shard *gyre_runtime_shard(
	const struct gyre_runtime *runtime, unsigned index);

#ifdef __cplusplus
}
#endif

#endif
