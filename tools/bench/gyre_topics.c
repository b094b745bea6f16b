/* What a subscription takes of memory. The runtime is a simulated one, so that
 * all of it is this thread's, as glibc counts it. */
#include "gyre_benches.h"

#if defined(__GLIBC__)

#include <gyre/gyre.h>
#include <gyre/simulation.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory_used.h"

static uint64_t count;
static double used;
static struct gyre_subscription **subscriptions;

static void
on_message(const struct gyre_delivery *delivery, void *arg)
{
	(void)delivery;
	(void)arg;
	bench_fail("a message that nobody published");
}

/* Each to a subject of its own. */
static void
subscribe_all(struct gyre_bus *bus)
{
	char pattern[32];

	used = memory_used();
	for (uint64_t i = 0; i < count; i++) {
		struct gyre_subscribe_options options = {
			.pattern = pattern,
			.fn = on_message,
		};

		snprintf(pattern, sizeof(pattern), "bench.%llu",
			 (unsigned long long)i);
		if (gyre_bus_subscribe(bus, &options, &subscriptions[i]) < 0)
			bench_fail("no subscription");
	}
	used = memory_used() - used;
	for (uint64_t i = 0; i < count; i++)
		gyre_bus_unsubscribe(subscriptions[i]);
}

static int
start(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	(void)arg;
	(void)ret_state;
	subscribe_all(gyre_runtime_bus(shard->runtime));
	gyre_runtime_stop(shard->runtime);
	return 0;
}

void
bench_subscription(struct params *params, struct result *result)
{
	static const struct gyre_service_ops service = {
		.name = "subscriber",
		.start = start,
	};
	const struct gyre_runtime_options options = {
		.loops = 1,
		.simulate = 1,
	};
	struct gyre_runtime *runtime;

	count = params_number(params, "count", 10000, 1000000);
	subscriptions = (struct gyre_subscription **)bench_allocate(
		count, sizeof(*subscriptions));
	result_begin(result);
	if (gyre_runtime_new(&options, &runtime) < 0 ||
	    gyre_runtime_add_service(runtime, &service, NULL) < 0 ||
	    gyre_runtime_run(runtime) < 0)
		bench_fail("no runtime");
	result_end(result, count);
	gyre_runtime_free(runtime);
	free(subscriptions);
	result_measured(result, "bytes", used / (double)count);
}

#endif
