/* A loop's callbacks to itself: so many are under way, and each adds the next.
 * Between two iterations a loop looks for events, whoever's it is. */
#ifndef BENCH_SELF_SHAPE_H
#define BENCH_SELF_SHAPE_H

#include "driver.h"

#define SELF_WHAT       "a loop's callbacks to itself: window=64 count=5000000"
#define SELF_WINDOW_MAX 65536u

struct self {
	struct driver driver;
	uint64_t left;
	uint64_t ran;
	uintptr_t next;
	uintptr_t window;
	uintptr_t ended;
};

static struct self self;

/* They run in the order in which they were added: the argument is the place
 * among those under way. */
static inline void
self_run(void *arg)
{
	if ((uintptr_t)arg != self.next)
		bench_fail("a callback overtook another");
	self.next = self.next + 1 == self.window ? 0 : self.next + 1;
	self.ran++;
	if (self.left > 0) {
		self.left--;
		driver_add(&self.driver, self_run, arg);
	} else if (++self.ended == self.window) {
		driver_stop(&self.driver);
	}
}

static inline void
self_begin(void *arg)
{
	(void)arg;
	for (uintptr_t i = 0; i < self.window; i++)
		driver_add(&self.driver, self_run, (void *)i);
}

static inline void
bench_self(struct params *params, struct result *result)
{
	uint64_t count = params_number(params, "count", 5000000, 1000000000);

	self.window = params_number(params, "window", 64, SELF_WINDOW_MAX);
	self.left = count;
	count += self.window;
	driver_open(&self.driver);
	driver_add(&self.driver, self_begin, NULL);
	result_begin(result);
	driver_run(&self.driver);
	result_end(result, count);
	if (self.ran != count)
		bench_fail("%llu of %llu callbacks ran",
			   (unsigned long long)self.ran,
			   (unsigned long long)count);
	driver_stats(&self.driver, &result->sleeps, &result->rings);
	driver_close(&self.driver);
}

#endif
