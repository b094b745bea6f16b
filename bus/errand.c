/*
 * Errands: sent, run or dropped on the shard, and home again. Also the bound
 * on how many one loop may have open at one shard: counted by the asker alone,
 * from the send until the errand is home, be it cancelled meanwhile, since it
 * waits there all the same.
 *
 * Rejected: to count where it runs, which costs both sides an atomic operation
 * on a line that both write; to wait for room, which makes calls in a cycle
 * wait for each other.
 */
#include "bus/errand.h"

#include "base/check.h"
#include "bus/bus.h"
#include "bus/future.h"
#include "bus/inbox.h"
#include "bus/outbox.h"

#include <errno.h>

/* -- who asks ------------------------------------------------------------ */

static struct gyre__asker *
new_asker(struct gyre__outbox *outbox, const struct gyre_bus *bus,
	  struct gyre_inbox *first)
{
	struct gyre__asker *asker = gyre__allocate(
		outbox->sys,
		sizeof(*asker) + bus->shards * sizeof(asker->open[0]), 0);

	if (asker == NULL)
		return NULL;
	asker->outbox = outbox;
	asker->first = gyre_inbox_ref(first);
	asker->shards = bus->shards;
	asker->self = GYRE__TRAIL_NO_SHARD;
	for (unsigned i = 0; i < bus->shards; i++)
		if (gyre_bus_inbox(bus, i) == outbox->home)
			asker->self = (uint16_t)i;
	asker->next = outbox->askers;
	outbox->askers = asker;
	return asker;
}

/* A bus is known by its first inbox, which is kept: an address that is kept
 * is nobody else's, as a bus's own might become. */
int
gyre__asker_find(struct gyre_bus *bus, struct gyre__asker **ret_asker)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;
	struct gyre_inbox *first = gyre_bus_inbox(bus, 0);
	struct gyre__asker *asker;

	if (first == NULL)
		return -ENOENT;
	for (asker = outbox->askers; asker != NULL; asker = asker->next)
		if (asker->first == first && asker->shards == bus->shards)
			break;
	if (asker == NULL)
		asker = new_asker(outbox, bus, first);
	if (asker == NULL)
		return -ENOMEM;
	*ret_asker = asker;
	return 0;
}

/* -- home again ---------------------------------------------------------- */

static struct gyre__errand *
errand_of_task(struct gyre_task *task)
{
	return (struct gyre__errand *)((char *)task -
				       offsetof(struct gyre__errand, task));
}

/* It is not open any longer. The asker's thread. */
static void
count_home(const struct gyre__errand *errand)
{
	struct gyre__call_counts *calls = &errand->asker->outbox->calls;

	GYRE_INSIST(errand->asker->open[errand->shard] > 0);
	errand->asker->open[errand->shard]--;
	if (errand->dropped == 0)
		calls->run++;
	else if (errand->dropped == GYRE_DROP_CANCELED)
		calls->canceled++;
	else if (errand->dropped == GYRE_DROP_EXPIRED)
		calls->expired++;
	else
		calls->stopped++;
}

static void
come_home(struct gyre_task *task)
{
	struct gyre__errand *errand = errand_of_task(task);

	count_home(errand);
	errand->ops->end(errand, true);
}

/* The asker closes, or had closed when the shard sent what it had gathered. */
static void
drop_home(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct gyre__errand *errand = errand_of_task(task);

	(void)reason;
	if (gyre__outbox_of_thread->home == errand->future->home)
		count_home(errand);
	errand->ops->end(errand, false);
}

static void
go_home(struct gyre__errand *errand)
{
	errand->task.run = come_home;
	errand->task.drop = drop_home;
	if (errand->asker == NULL ||
	    gyre__send_task(errand->future->home, &errand->task) < 0)
		errand->ops->end(errand, false);
}

/* -- there --------------------------------------------------------------- */

static void
drop_errand(struct gyre__errand *errand, enum gyre_drop_reason reason)
{
	errand->dropped = reason;
	errand->ops->drop(errand, reason);
	go_home(errand);
}

/* Why an errand need not run whose future is complete. */
static enum gyre_drop_reason
reason_of(const struct gyre_future *future)
{
	return future->error == -ETIMEDOUT ? GYRE_DROP_EXPIRED
					   : GYRE_DROP_CANCELED;
}

static void
run_there(struct gyre_task *task)
{
	struct gyre__errand *errand = errand_of_task(task);

	if (gyre_future_done(errand->future)) {
		drop_errand(errand, reason_of(errand->future));
		return;
	}
	gyre__outbox_of_thread->trail = &errand->trail;
	errand->ops->run(errand);
	gyre__outbox_of_thread->trail = NULL;
	go_home(errand);
}

static void
drop_there(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct gyre__errand *errand = errand_of_task(task);

	if (gyre_future_done(errand->future))
		reason = reason_of(errand->future);
	drop_errand(errand, reason);
}

/* -- sending ------------------------------------------------------------- */

/* Whether there is room for one more; a thread without a loop may have as many
 * as it likes. */
static bool
has_room(struct gyre__errand *errand, const struct gyre_bus *bus)
{
	const struct gyre__asker *asker = errand->asker;

	if (asker == NULL) {
		gyre__trail_begin(&errand->trail, NULL, GYRE__TRAIL_NO_SHARD,
				  errand->shard);
		return true;
	}
	gyre__trail_begin(&errand->trail, asker->outbox->trail, asker->self,
			  errand->shard);
	if (asker->open[errand->shard] < bus->calls_max)
		return true;
	gyre__trail_check(&errand->trail);
	return false;
}

static int
send_there(struct gyre__errand *errand, struct gyre_bus *bus)
{
	struct gyre_inbox *inbox = gyre_bus_inbox(bus, errand->shard);

	if (inbox == NULL)
		return -ENOENT;
	if (!has_room(errand, bus))
		return -EAGAIN;
	return gyre_inbox_post(inbox, &errand->task);
}

int
gyre__errand_send(struct gyre__errand *errand, struct gyre_bus *bus,
		  struct gyre__asker *asker, unsigned shard)
{
	int result;

	errand->task.run = run_there;
	errand->task.drop = drop_there;
	errand->asker = asker;
	errand->shard = shard;
	errand->dropped = 0;
	result = send_there(errand, bus);
	if (asker == NULL)
		return result;
	if (result < 0) {
		asker->outbox->calls.refused++;
	} else {
		asker->open[shard]++;
		asker->outbox->calls.made++;
	}
	return result;
}

enum gyre_drop_reason
gyre__errand_refusal(int error)
{
	return error == -ESHUTDOWN ? GYRE_DROP_STOPPED : GYRE_DROP_REFUSED;
}

const char *
gyre__errand_message(int error)
{
	switch (error) {
	case -ENOENT:
		return "there is no such shard";
	case -EAGAIN:
		return "too many calls are open there";
	case -EPERM:
		return "the process is a fork";
	default:
		return "the shard is closed";
	}
}
