/* xpost of post_shape.h, through an outbox that each thread has and flushes. */
#ifndef BENCH_GATHER_SHAPE_H
#define BENCH_GATHER_SHAPE_H

#include "post_shape.h"

#define XGATHER_WHAT XPOST_WHAT ", flush=16 at a time"

static uint64_t xgather_flush;

/* What waits for room to send must have been sent. */
static inline void *
xgather_main(void *arg)
{
	struct xposter *poster = (struct xposter *)arg;
	uintptr_t own = (uintptr_t)(poster - xpost.posters);
	struct driver_outbox outbox;
	uint64_t gathered = 0;

	driver_outbox_open(&outbox, &xpost.driver);
	for (uint64_t i = 0; i < xpost.count; i++) {
		while (i % XPOST_PROGRESS == 0 &&
		       i - __atomic_load_n(&poster->done, __ATOMIC_ACQUIRE) >=
			       xpost.window) {
			driver_outbox_flush(&outbox);
			sched_yield();
		}
		driver_outbox_add(
			&outbox, xpost_run,
			(void *)(uintptr_t)(i * XPOST_THREADS_MAX + own));
		if (++gathered == xgather_flush) {
			driver_outbox_flush(&outbox);
			gathered = 0;
		}
	}
	driver_outbox_close(&outbox);
	return NULL;
}

static inline void
bench_xgather(struct params *params, struct result *result)
{
	xgather_flush = params_number(params, "flush", 16, 1000000);
	xpost_measure(params, result, xgather_main);
}

#endif
