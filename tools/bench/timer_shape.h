/* Timers: put in and taken out, moved, and expired. */
#ifndef BENCH_TIMER_SHAPE_H
#define BENCH_TIMER_SHAPE_H

#include <stdlib.h>

#include "driver.h"

#define TIMER_IC_WHAT                                                     \
	"timers of 1 to 60 s, all started and then all stopped, for the " \
	"second time: timers=1000000"
#define TIMER_CHURN_WHAT                                                  \
	"of so many timers one is moved, again and again: timers=100000 " \
	"count=5000000"
#define TIMER_EXP_WHAT                                               \
	"timers that expire in order over a second, CPU time each: " \
	"timers=100000 span_ms=1000"
#define TIMERS_MAX 10000000u
#define TIMER_TURN 1000u /* moves between two looks at the rest */
/* None may expire while they are moved. */
#define TIMER_CHURN_NS INT64_C(600000000000)

struct timer {
	struct driver_timer timer;
	int64_t delay_ns;
};

struct timers {
	struct driver driver;
	struct timer *timers;
	uint64_t count;
	uint64_t left;
	uint64_t fired;
	int64_t base_ns; /* CLOCK_MONOTONIC */
	int64_t last_ns;
	uint32_t seed;
	struct result *result;
};

static struct timers timers;

static inline uint32_t
timer_random(void)
{
	timers.seed = timers.seed * 1664525 + 1013904223;
	return timers.seed >> 8;
}

/* From 1 to 60 s. */
static inline int64_t
timer_delay(void)
{
	return 1000000000 + (int64_t)(timer_random() % 59000) * 1000000;
}

static inline void
timer_never(void *arg)
{
	(void)arg;
	bench_fail("a timer of a second expired");
}

static inline void
timers_open(struct params *params, struct result *result, uint64_t count,
	    driver_fn fn)
{
	timers.result = result;
	timers.seed = 1;
	timers.count = params_number(params, "timers", count, TIMERS_MAX);
	timers.timers = (struct timer *)bench_allocate(timers.count,
						       sizeof(struct timer));
	driver_open(&timers.driver);
	for (uint64_t i = 0; i < timers.count; i++)
		driver_timer_init(&timers.driver, &timers.timers[i].timer, fn,
				  &timers.timers[i]);
}

static inline void
timers_start(void)
{
	int64_t now_ns = driver_now(&timers.driver);

	for (uint64_t i = 0; i < timers.count; i++)
		driver_timer_start(&timers.driver, &timers.timers[i].timer,
				   now_ns, timers.timers[i].delay_ns);
}

static inline void
timers_stop(void)
{
	for (uint64_t i = 0; i < timers.count; i++)
		driver_timer_stop(&timers.driver, &timers.timers[i].timer);
}

static inline void
timers_close(void)
{
	for (uint64_t i = 0; i < timers.count; i++)
		driver_timer_fini(&timers.driver, &timers.timers[i].timer);
	driver_close(&timers.driver);
	free(timers.timers);
}

/* In a callback, where all libraries know their time. */
static inline void
timers_in_and_out(void *arg)
{
	(void)arg;
	/* Once before, so that the library has its memory. */
	timers_start();
	timers_stop();
	result_begin(timers.result);
	timers_start();
	timers_stop();
	result_end(timers.result, timers.count);
	driver_stop(&timers.driver);
}

static inline void
bench_timer_ic(struct params *params, struct result *result)
{
	timers_open(params, result, 1000000, timer_never);
	for (uint64_t i = 0; i < timers.count; i++)
		timers.timers[i].delay_ns = timer_delay();
	driver_add(&timers.driver, timers_in_and_out, NULL);
	driver_run(&timers.driver);
	timers_close();
}

static inline void
timer_turn(void *arg)
{
	int64_t now_ns = driver_now(&timers.driver);

	(void)arg;
	for (unsigned i = 0; i < TIMER_TURN && timers.left > 0; i++) {
		struct timer *timer =
			&timers.timers[timer_random() % timers.count];

		timers.left--;
		driver_timer_again(&timers.driver, &timer->timer, now_ns,
				   TIMER_CHURN_NS + timer_delay());
	}
	if (timers.left > 0)
		driver_add(&timers.driver, timer_turn, NULL);
	else
		driver_stop(&timers.driver);
}

static inline void
timer_begin_churn(void *arg)
{
	(void)arg;
	timers_start();
	result_begin(timers.result);
	driver_add(&timers.driver, timer_turn, NULL);
}

static inline void
bench_timer_churn(struct params *params, struct result *result)
{
	uint64_t count = params_number(params, "count", 5000000, 1000000000);

	timers_open(params, result, 100000, timer_never);
	timers.left = count;
	for (uint64_t i = 0; i < timers.count; i++)
		timers.timers[i].delay_ns = TIMER_CHURN_NS + timer_delay();
	driver_add(&timers.driver, timer_begin_churn, NULL);
	driver_run(&timers.driver);
	result_end(result, count);
	timers_stop();
	timers_close();
}

/* What the library can tell apart comes in order, and never early. */
static inline void
timer_expired(void *arg)
{
	struct timer *timer = (struct timer *)arg;
	int64_t due_ns = (timer->delay_ns + DRIVER_TIMER_NS - 1) /
			 DRIVER_TIMER_NS * DRIVER_TIMER_NS;

	if (due_ns < timers.last_ns)
		bench_fail("a timer expired before an earlier one");
	timers.last_ns = due_ns;
	if (timers.fired % 16 == 0)
		result_sample(timers.result, bench_now_ns() - timers.base_ns -
						     timer->delay_ns);
	if (++timers.fired == timers.count)
		driver_stop(&timers.driver);
}

static inline void
timer_begin_expiry(void *arg)
{
	(void)arg;
	timers_start();
	timers_stop();
	timers.base_ns = bench_now_ns();
	result_begin(timers.result);
	timers_start();
}

static inline void
bench_timer_exp(struct params *params, struct result *result)
{
	int64_t span_ns =
		(int64_t)params_number(params, "span_ms", 1000, 60000) *
		1000000;

	timers_open(params, result, 100000, timer_expired);
	for (uint64_t i = 0; i < timers.count; i++)
		timers.timers[i].delay_ns =
			100000000 +
			(int64_t)i * span_ns / (int64_t)timers.count;
	for (uint64_t i = timers.count - 1; i > 0; i--) {
		uint64_t j = timer_random() % (i + 1);
		int64_t delay_ns = timers.timers[i].delay_ns;

		timers.timers[i].delay_ns = timers.timers[j].delay_ns;
		timers.timers[j].delay_ns = delay_ns;
	}
	driver_add(&timers.driver, timer_begin_expiry, NULL);
	driver_run(&timers.driver);
	result_end(result, timers.count);
	result_measured(result, "CPU ns",
			result->cpu_ns / (double)timers.count);
	driver_stats(&timers.driver, &result->sleeps, &result->rings);
	timers_close();
}

#endif
