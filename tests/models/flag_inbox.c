/*
 * The refused design, as a planted bug: whether the consumer sleeps is a flag
 * beside the queue. It looks at the queue once more after it has set the flag,
 * as it must, and still loses wake-ups: its store waits in the buffer while it
 * looks. Nothing but store buffers shows it. With FLAG_INBOX_FENCED the flag
 * is set by an exchange, which drains the buffer, and the design holds.
 *
 * The flag is in the place of `closed`; close is not needed here.
 */
#include "bus/inbox.h"

#include "base/atomics.h"
#include "base/check.h"

struct gyre_inbox *
gyre__inbox_new(const struct gyre_sys *sys, struct gyre__doorbell *bell)
{
	struct gyre_inbox *inbox =
		gyre__allocate(sys, sizeof(*inbox), GYRE__CACHE_PAIR);

	if (inbox == NULL)
		return NULL;
	inbox->sys = sys;
	inbox->bell = bell;
	inbox->refs = 1;
	return inbox;
}

int
gyre__inbox_push(struct gyre_inbox *inbox, struct gyre_task *newest,
		 struct gyre_task *oldest)
{
	struct gyre_task *seen = gyre__load_ptr_relaxed(&inbox->head);

	do
		oldest->_next = seen;
	while (!gyre__cas_ptr_release(&inbox->head, &seen, newest));
	if (gyre__load_32_relaxed(&inbox->closed) != 0 &&
	    gyre__swap_32_acq_rel(&inbox->closed, 0) != 0) {
		inbox->bell->ring(inbox->bell);
		gyre__add_64_release(&inbox->rings, 1);
	}
	return 0;
}

void
gyre__inbox_take(struct gyre_inbox *inbox, struct gyre__chain *chain)
{
	struct gyre__chain taken = { 0 };
	struct gyre_task *task = gyre__swap_ptr_acquire(&inbox->head, NULL);

	taken.tail = task;
	while (task != NULL) {
		struct gyre_task *older = task->_next;

		task->_next = taken.head;
		taken.head = task;
		taken.messages++;
		task = older;
	}
	gyre__chain_concat(chain, &taken);
}

static void
set_flag(struct gyre_inbox *inbox)
{
#ifdef FLAG_INBOX_FENCED
	gyre__swap_32_acq_rel(&inbox->closed, 1);
#else
	gyre__store_32_relaxed(&inbox->closed, 1);
#endif
}

/* A flag left from before is one that nobody rang for. The first time there
 * is none, and the flag's line is not fetched before the store. */
bool
gyre__inbox_arm(struct gyre_inbox *inbox)
{
	if (inbox->arms > 0)
		inbox->self_disarms += gyre__swap_32_acq_rel(&inbox->closed, 0);
	inbox->arms++;
	set_flag(inbox);
	if (gyre__load_ptr_relaxed(&inbox->head) == NULL)
		return true;
	inbox->self_disarms += gyre__swap_32_acq_rel(&inbox->closed, 0);
	return false;
}

bool
gyre__inbox_is_empty(const struct gyre_inbox *inbox)
{
	return gyre__load_ptr_relaxed(&inbox->head) == NULL;
}

void
gyre__inbox_close(struct gyre_inbox *inbox, struct gyre__chain *chain)
{
	(void)inbox;
	(void)chain;
	GYRE_INSIST(false && "not modelled");
}

void
gyre__inbox_ref_many(struct gyre_inbox *inbox, uint32_t count)
{
	inbox->refs += count;
}

bool
gyre__inbox_is_closed(const struct gyre_inbox *inbox)
{
	(void)inbox;
	return false;
}

struct gyre_inbox *
gyre_inbox_ref(struct gyre_inbox *inbox)
{
	inbox->refs++;
	return inbox;
}

void
gyre_inbox_unref(struct gyre_inbox *inbox)
{
	if (--inbox->refs == 0)
		inbox->sys->release(inbox);
}
