/*
 * The loop's state word and the rule of its owner. The owner is the thread
 * whose outbox is the loop's; no thread's number is kept that could outlive it.
 */
#include "loop/loop.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/fork.h"

#include <errno.h>
#include <stdio.h>

uint32_t
gyre__loop_change(struct gyre_loop *loop, uint32_t unless, uint32_t set,
		  uint32_t clear)
{
	/* state.S2 relaxed: a guess, which the exchange verifies */
	uint32_t seen = gyre__load_32_relaxed(&loop->state);

	do {
		if (seen & unless)
			return seen;
		/* state.S3 acq_rel: this thread's part before the change,
		 * the others' after it; pairs with loop.S1, state.S3 */
	} while (!gyre__cas_32_acq_rel(&loop->state, &seen,
				       (seen | set) & ~clear));
	return seen;
}

bool
gyre_loop_is_closed(const struct gyre_loop *loop)
{
	return (gyre__loop_state(loop) & GYRE__LOOP_CLOSED) != 0;
}

bool
gyre_loop_in_owner_thread(const struct gyre_loop *loop)
{
	return gyre__outbox_of_thread == &loop->outbox;
}

void
gyre__loop_require_unowned(const struct gyre_loop *loop, const char *function)
{
	char text[160];

	if (GYRE__LIKELY(!(gyre__loop_state(loop) & GYRE__LOOP_RUNNING)))
		return;
	snprintf(text, sizeof(text),
		 "loop %p is run by another thread; only what says "
		 "\"Thread: any\" may be called here",
		 (const void *)loop);
	gyre__fail(text, __FILE__, __LINE__, function);
}
