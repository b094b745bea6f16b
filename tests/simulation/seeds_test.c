/*
 * Shards that do all that a bus is for, in an order that the seed decides:
 * calls with deadlines and cancels, callbacks, timeouts, jobs, ports that are
 * full, topics that are joined and left, a stop at any moment. What is begun
 * ends exactly once; what one sends to another comes in order; timeouts run in
 * the order of their instants; the same seed gives the same run.
 *
 * GYRE_SEEDS: how many; GYRE_SIMULATE: only this one, as a failure says.
 */
#include <gyre/port.h>
#include <gyre/simulation.h>
#include <gyre/topic.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if !defined(SEEDS)
#define SEEDS 1000
#endif
#define SHARDS_MAX 4
#define STEPS      40

static uint64_t seed;

#define LAW(holds) law((holds), #holds, __LINE__)

static void
law(bool holds, const char *what, int line)
{
	if (holds)
		return;
	fprintf(stderr,
		"seeds_test.c:%d: %s does not hold; GYRE_SIMULATE=%" PRIu64
		" repeats it\n",
		line, what, seed);
	exit(1);
}

struct actor {
	const struct gyre_shard *shard;
	unsigned steps;
	struct gyre_port *port;
	struct gyre_subscription *subscription; /* or NULL */
	uint64_t sent[SHARDS_MAX];              /* the last number to each */
	uint64_t seen[SHARDS_MAX];              /* the last of each */
	int64_t last_ns; /* of the timeout that ran last */
	uint64_t last_id;
};

static struct gyre_runtime *runtime;
static struct actor actors[SHARDS_MAX];
static unsigned shards;
static unsigned actors_left;
static uint64_t begun;
static uint64_t ended;
static uint64_t timeouts;
static bool is_told; /* to stop */

static uint64_t
below(uint64_t limit)
{
	return gyre_simulation_random(runtime) % limit;
}

static struct gyre_loop *
loop_of(unsigned shard)
{
	return gyre_runtime_shard(runtime, shard)->loop;
}

/* -- what begins and ends ------------------------------------------------- */

struct thing {
	unsigned from;
	unsigned to;
	uint64_t number;
	int64_t when_ns;
};

static struct thing *
new_thing(unsigned from, unsigned to)
{
	struct thing *thing = calloc(1, sizeof(*thing));

	LAW(thing != NULL);
	thing->from = from;
	thing->to = to;
	begun++;
	return thing;
}

static void
end_thing(struct thing *thing)
{
	ended++;
	free(thing);
}

static void
drop_thing(void *arg, enum gyre_drop_reason reason)
{
	(void)reason;
	end_thing(arg);
}

/* -- callbacks ------------------------------------------------------------ */

static void
receive(void *arg)
{
	struct thing *thing = arg;
	struct actor *actor = &actors[thing->to];

	LAW(gyre_loop_current(false) == actor->shard->loop);
	LAW(thing->number == actor->seen[thing->from] + 1);
	actor->seen[thing->from] = thing->number;
	end_thing(thing);
}

static void
send(struct actor *actor)
{
	unsigned to = (unsigned)below(shards);
	struct thing *thing = new_thing(actor->shard->index, to);
	int result;

	thing->number = ++actor->sent[to];
	result = gyre_loop_add_callback_drop(loop_of(to), receive, thing,
					     drop_thing);
	if (result < 0) {
		LAW(result == -ESHUTDOWN && is_told);
		end_thing(thing);
	}
}

/* -- calls ---------------------------------------------------------------- */

static void *
answer(void *arg)
{
	struct thing *thing = arg;

	LAW(gyre_loop_current(false) == loop_of(thing->to));
	end_thing(thing);
	return &runtime;
}

static void
on_answer(struct gyre_future *future, void *arg)
{
	void *value = NULL;
	int result = gyre_future_result(future, &value);

	LAW(gyre_loop_current(false) == loop_of(((struct thing *)arg)->from));
	if (result == 0)
		LAW(value == &runtime);
	else
		LAW(result == -ECANCELED || result == -ETIMEDOUT ||
		    (result == -ESHUTDOWN && is_told));
	end_thing(arg);
}

static void
await(struct actor *actor, struct gyre_future *future)
{
	struct thing *thing = new_thing(actor->shard->index, 0);
	uint64_t what = below(4);

	LAW(gyre_loop_add_future_drop(actor->shard->loop, future, on_answer,
				      thing, drop_thing) == 0);
	if (what == 0)
		LAW(gyre_loop_expire_future(
			    actor->shard->loop, future,
			    gyre_loop_time(actor->shard->loop) +
				    (int64_t)below(GYRE_US(20))) == 0);
	else if (what == 1)
		gyre_future_cancel(future);
	gyre_future_unref(future);
}

static void
call(struct actor *actor)
{
	unsigned to = (unsigned)below(shards);
	struct gyre_future *future = gyre_bus_call_drop(
		gyre_runtime_bus(runtime), to, answer,
		new_thing(actor->shard->index, to), drop_thing);

	LAW(future != NULL);
	await(actor, future);
}

static void *
nothing(void *arg)
{
	return arg;
}

static void
call_each(struct actor *actor)
{
	struct gyre_future *future =
		gyre_bus_each(gyre_runtime_bus(runtime), nothing, NULL, NULL);

	LAW(future != NULL);
	gyre_future_unref(future);
	(void)actor;
}

/* -- jobs ----------------------------------------------------------------- */

static void *
work(void *arg)
{
	LAW(gyre_loop_current(false) == NULL);
	end_thing(arg);
	return &runtime;
}

static void
submit(struct actor *actor)
{
	struct gyre_future *future = gyre_loop_run_in_executor_drop(
		actor->shard->loop, NULL, work,
		new_thing(actor->shard->index, 0), drop_thing);

	LAW(future != NULL);
	await(actor, future);
}

/* -- ports and topics ----------------------------------------------------- */

static void
on_message(struct gyre_port *port, struct gyre_message *message, void *arg)
{
	(void)port;
	(void)arg;
	LAW(message->size == sizeof(struct thing));
	ended++;
}

static void
on_drop_message(struct gyre_port *port, struct gyre_message *message,
		enum gyre_drop_reason reason, void *arg)
{
	(void)reason;
	on_message(port, message, arg);
}

static void
on_room(struct gyre_port *port, void *arg)
{
	struct thing thing = { 0 };

	begun++;
	LAW(gyre_port_send_copy(port, &thing, sizeof(thing)) == 0);
	end_thing(arg);
}

static void
fill(struct actor *actor)
{
	struct gyre_port *port = actors[below(shards)].port;
	struct thing thing = { 0 };
	int result;

	if (port == NULL) /* not started yet */
		return;
	begun++;
	result = gyre_port_send_copy(port, &thing, sizeof(thing));
	if (result == 0)
		return;
	ended++;
	if (result == -EAGAIN) {
		struct thing *waits = new_thing(actor->shard->index, 0);

		result = gyre_port_notify(port, on_room, waits, drop_thing);
		if (result < 0)
			end_thing(waits);
	}
	LAW(result == 0 || (result == -ESHUTDOWN && is_told));
}

static void
on_news(const struct gyre_delivery *delivery, void *arg)
{
	struct actor *actor = arg;

	LAW(actor->subscription == delivery->subscription);
	LAW(gyre_loop_current(false) == actor->shard->loop);
}

static void
publish(struct actor *actor)
{
	struct gyre_bus *bus = gyre_runtime_bus(runtime);
	static char text[] = "x";
	struct gyre_message message = { .data = text, .size = 1 };
	const struct gyre_subscribe_options options = { .pattern = "news.*",
							.fn = on_news,
							.arg = actor };

	if (below(2) == 0) {
		(void)!gyre_bus_publish(bus, "news.all", message);
	} else if (actor->subscription == NULL) {
		LAW(gyre_bus_subscribe(bus, &options, &actor->subscription) ==
		    0);
	} else {
		gyre_bus_unsubscribe(actor->subscription);
		actor->subscription = NULL;
	}
}

/* -- timeouts ------------------------------------------------------------- */

static void
on_time(void *arg)
{
	struct thing *thing = arg;
	struct actor *actor = &actors[thing->from];

	LAW(gyre_loop_time(actor->shard->loop) >= thing->when_ns);
	LAW(thing->when_ns >= actor->last_ns);
	LAW(thing->when_ns > actor->last_ns || thing->number > actor->last_id);
	actor->last_ns = thing->when_ns;
	actor->last_id = thing->number;
	end_thing(thing);
}

/* In the future by a whole number of ticks, so that there are ties; never
 * before one that has run. */
static void
schedule(struct actor *actor)
{
	struct thing *thing = new_thing(actor->shard->index, 0);
	int64_t tick_ns = GYRE_US(10);
	gyre_timeout timeout;

	thing->number = ++timeouts;
	thing->when_ns = (gyre_loop_time(actor->shard->loop) / tick_ns + 1 +
			  (int64_t)below(4)) *
			 tick_ns;
	LAW(gyre_loop_call_at_drop(
		    actor->shard->loop, thing->when_ns,
		    (struct gyre_callback){ on_time, thing, drop_thing },
		    &timeout) == 0);
}

/* -- a shard -------------------------------------------------------------- */

static void
step(void *arg)
{
	static void (*const deeds[])(struct actor *) = {
		send, call, call_each, submit, fill, publish, schedule, send,
	};
	struct actor *actor = arg;

	for (uint64_t n = below(4); n > 0; n--)
		deeds[below(sizeof(deeds) / sizeof(deeds[0]))](actor);
	if (actor->steps-- > 0) {
		LAW(gyre_loop_call_later(actor->shard->loop,
					 (int64_t)below(GYRE_US(30)), step,
					 actor, NULL) == 0);
	} else if (--actors_left == 0 || below(8) == 0) {
		is_told = true;
		gyre_runtime_stop(runtime);
	}
}

static int
start(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	struct actor *actor = &actors[shard->index];
	const struct gyre_port_options options = {
		.capacity = 2,
		.on_message = on_message,
		.on_drop = on_drop_message,
	};

	(void)arg;
	actor->shard = shard;
	actor->steps = (unsigned)below(STEPS);
	LAW(gyre_port_new(shard->loop, &options, &actor->port) == 0);
	LAW(gyre_loop_add_callback(shard->loop, step, actor) == 0);
	*ret_state = actor;
	return 0;
}

static void
free_actor(void *state)
{
	(void)state;
}

static const struct gyre_service_ops service = {
	.name = "actor",
	.start = start,
	.free = free_actor,
};

/* -- a seed --------------------------------------------------------------- */

/* That all sleep while there is something to do is told by a line. */
static void
on_line(enum gyre_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	if (strncmp(line, "simulation: ", 12) != 0)
		return; /* a failure that nobody has looked at, for one */
	fprintf(stderr, "%s\n", line);
	LAW(!"stuck");
}

static void
run(struct gyre_simulation_stats *ret_stats)
{
	const struct gyre_runtime_options options = {
		.loops = shards = 1 + (unsigned)(seed % SHARDS_MAX),
		.simulate = seed,
		.log = { .fn = on_line },
	};

	memset(actors, 0, sizeof(actors));
	begun = ended = timeouts = 0;
	is_told = false;
	actors_left = shards;
	LAW(gyre_runtime_new(&options, &runtime) == 0);
	LAW(gyre_runtime_add_service(runtime, &service, NULL) == 0);
	LAW(gyre_runtime_start(runtime) == 0);
	LAW(gyre_runtime_wait(runtime) == 0);
	gyre_simulation_stats(runtime, ret_stats);
	for (unsigned i = 0; i < shards; i++)
		gyre_port_unref(actors[i].port);
	gyre_runtime_free(runtime);
	LAW(begun == ended);
}

int
main(void)
{
	const char *seeds = getenv("GYRE_SEEDS");
	const char *only = getenv("GYRE_SIMULATE");
	uint64_t count = seeds != NULL ? strtoull(seeds, NULL, 10) : SEEDS;
	uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1;
	uint64_t last = only != NULL ? first : count;
	uint64_t traces = 0, steps = 0;

	for (seed = first; seed <= last; seed++) {
		struct gyre_simulation_stats once, twice;

		run(&once);
		if (seed % 16 == 0) {
			run(&twice);
			LAW(memcmp(&once, &twice, sizeof(once)) == 0);
		}
		traces = traces * 31 + once.trace;
		steps += once.steps;
	}
	printf("seeds %" PRIu64 "-%" PRIu64 ", %" PRIu64
	       " steps, trace %016" PRIx64 "\n",
	       first, last, steps, traces);
	return 0;
}
