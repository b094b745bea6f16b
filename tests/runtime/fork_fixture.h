/*
 * A runtime, and children of its process.
 */
#ifndef GYRE_TESTS_RUNTIME_FORK_FIXTURE_H
#define GYRE_TESTS_RUNTIME_FORK_FIXTURE_H

#include <gyre/gyre.h>

#include "tests/pool/harness.h"

#include <stdatomic.h>
#include <sys/types.h>

/* What parent and child both see. */
struct shared {
	atomic_uint in_parent; /* functions called */
	atomic_uint in_child;
	atomic_bool is_freed; /* shard 1's service */
	atomic_bool is_forked;
	atomic_bool is_over; /* the last job */
	atomic_int status;   /* of the child, as waitpid() has it */
};

extern struct shared *shared;
extern pid_t parent;
extern struct gyre_runtime *the_runtime;

/* A service that does nothing, and its start. */
int no_service(const struct gyre_shard *shard, void *arg, void **ret_state);
extern const struct gyre_service_ops nothing;

/* Once, and before each test. */
void fork_init(void);
int fork_set_up(void **state);

/* Count a call of the process that it is in. */
void count_call(void);

/* Fork, and return in both, in the parent when the child has ended; which ends
 * well, be it that its last thread returns. */
void fork_here(void);
void assert_child_ended_well(void);

/* Whether a child that does this says nothing and ends well. */
void assert_good_in_a_child(void (*body)(void *));

void await(atomic_bool *flag);

/* Run a runtime of two loops, wait until these run, and end it. */
void start_runtime(const struct gyre_service_ops *service);
void await_loops(void);
void end_runtime(void);
struct gyre_loop *loop_of(unsigned shard);

/* A client's socket, connected to this port here. */
int connect_to(uint16_t port);

#endif
