/* What a loop, a connection and a timer take of memory, as glibc counts it. */
#ifndef BENCH_MEMORY_SHAPE_H
#define BENCH_MEMORY_SHAPE_H

#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "echo_shape.h"
#include "memory_used.h"

#define MEMORY_WHAT "memory of one: of=loop, connection or timer, count=1000"

static inline double
memory_of_loops(uint64_t count)
{
	struct driver *drivers =
		(struct driver *)bench_allocate(count, sizeof(*drivers));
	double used = memory_used() - (double)(count * sizeof(*drivers));

	for (uint64_t i = 0; i < count; i++)
		driver_open(&drivers[i]);
	used = memory_used() - used;
	for (uint64_t i = 0; i < count; i++)
		driver_close(&drivers[i]);
	free(drivers);
	return used;
}

static inline double
memory_of_connections(uint64_t count)
{
	struct echo_loop *own = &echo.loops[0];
	double used;

	echo.count = count;
	echo_connect_all();
	driver_open(&own->driver);
	used = memory_used();
	for (uint64_t i = 0; i < count; i++)
		driver_echo_open(&own->driver, echo.servers[i], &own->open);
	used = memory_used() - used;
	echo_close_clients();
	driver_add(&own->driver, echo_stop, own);
	driver_run(&own->driver);
	driver_close(&own->driver);
	return used;
}

#ifndef DRIVER_WITHOUT_TIMERS
static inline void
memory_never(void *arg)
{
	(void)arg;
	bench_fail("a timer expired that nobody waited for");
}

static inline double
memory_of_timers(uint64_t count)
{
	struct driver_timer *all;
	struct driver driver;
	double used;

	driver_open(&driver);
	used = memory_used();
	all = (struct driver_timer *)bench_allocate(count, sizeof(*all));
	for (uint64_t i = 0; i < count; i++) {
		driver_timer_init(&driver, &all[i], memory_never, NULL);
		driver_timer_start(&driver, &all[i], driver_now(&driver),
				   INT64_C(1000000000) * (int64_t)(i % 60 + 1));
	}
	used = memory_used() - used;
	for (uint64_t i = 0; i < count; i++) {
		driver_timer_stop(&driver, &all[i]);
		driver_timer_fini(&driver, &all[i]);
	}
	driver_close(&driver);
	free(all);
	return used;
}
#endif

static inline double
memory_of(const char *what, uint64_t count)
{
	if (strcmp(what, "loop") == 0)
		return memory_of_loops(count);
	if (strcmp(what, "connection") == 0)
		return memory_of_connections(count);
#ifndef DRIVER_WITHOUT_TIMERS
	if (strcmp(what, "timer") == 0)
		return memory_of_timers(count);
#endif
	bench_fail("of is %s, and not loop, connection or timer", what);
}

static inline void
bench_memory(struct params *params, struct result *result)
{
	const char *what = params_text(params, "of", "connection");
	uint64_t count = params_number(params, "count", 1000, 1000000);
	double used;

	result_begin(result);
	used = memory_of(what, count);
	result_end(result, count);
	result_measured(result, "bytes", used / (double)count);
}

#endif
