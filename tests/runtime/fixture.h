/*
 * A runtime with services that write down what happens to them.
 */
#ifndef GYRE_TESTS_RUNTIME_FIXTURE_H
#define GYRE_TESTS_RUNTIME_FIXTURE_H

#include <gyre/runtime.h>

#include "tests/pool/harness.h"

#include <stdatomic.h>

#define SHARDS_MAX   8
#define SERVICES_MAX 3
#define STORY_BYTES  64

struct fixture;

/* One service on one shard. */
struct record {
	struct fixture *fixture;
	unsigned service;
	unsigned shard;
	pthread_t thread;
};

/*
 * A shard's story is a string: "a" service 0 started, "A" stopped on the
 * running loop, "(A)" stopped elsewhere, "." freed, for each service the next
 * letter.
 */
struct fixture {
	struct gyre_runtime *runtime;
	struct record records[SERVICES_MAX][SHARDS_MAX];
	char stories[SHARDS_MAX][STORY_BYTES]; /* each of its shard's thread */
	cpu_set_t cpus[SHARDS_MAX];
	char thread_names[SHARDS_MAX][16];
	/* which one fails, with what; 0: none */
	unsigned failing_service;
	unsigned failing_shard;
	int failure;
	bool raises; /* the failure, instead of returning it */
	/* called at the end of each start, if not NULL */
	void (*on_start)(struct fixture *fixture,
			 const struct gyre_shard *shard);
	unsigned wait; /* yields before a stop, for those who want it */
	/* the log */
	pthread_mutex_t mutex;
	unsigned lines;
	unsigned errors;         /* lines of level ERROR */
	char line[256];          /* the last */
	char log[8192];          /* all, as far as there is room */
	int64_t stop_timeout_ns; /* for the options */
	/* before the runtime was made */
	struct harness_live before;
};

void fixture_init(struct fixture *fixture);

/* The options with the fixture's log and table in them. */
struct gyre_runtime_options fixture_options(struct fixture *fixture,
					    unsigned loops);

/* Make the runtime with so many services: 0, or what new failed with. */
int fixture_new(struct fixture *fixture,
		const struct gyre_runtime_options *options, unsigned services);

/* Free it, and check that nothing is left. */
void fixture_end(struct fixture *fixture);

/* Run it with a stop from outside, from start to free. */
void fixture_start(struct fixture *fixture, unsigned loops, unsigned services);
void fixture_stop_and_end(struct fixture *fixture);

/* The same with one service, of the test's own; and a start for it that does
 * nothing. */
void fixture_start_with(struct fixture *fixture, unsigned loops,
			const struct gyre_service_ops *service);
int fixture_start_nothing(const struct gyre_shard *shard, void *arg,
			  void **ret_state);

#endif
