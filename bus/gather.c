/*
 * What is asked of all shards at once: one allocation, which is the future of
 * the whole and an errand to each shard.
 *
 * Answers are recorded and reduced at home, one after the other, as long as
 * the future is not complete; after that they are discarded. Whoever is the
 * last to end, home or not, completes the future with the first error by
 * shard, or with the value. What fails on one shard stops no other.
 */
#include "base/atomics.h"
#include "base/check.h"
#include "base/exception.h"
#include "bus/bus.h"
#include "bus/errand.h"
#include "bus/future.h"
#include "bus/outbox.h"

#include <errno.h>
#include <stdio.h>

struct part {
	struct gyre__errand errand;
	struct gather *gather;
	/* The shard writes them; ending has handed them over. */
	int error;
	void *value;
	struct gyre__rejection *rejection;
};

struct gather {
	struct gyre_future future; /* first: its last unref frees it all */
	/* -- immutable after new -- */
	struct gyre_map_reduce asked;
	unsigned count;
	/* -- home -- */
	struct gyre_answer *answers; /* the asker's; or NULL */
	/* -- any thread, atomic -- */
	uint32_t working; /* parts that may still look at arg */
	uint32_t away;    /* parts that have not ended; the last settles it */
	/* -- each its own -- */
	struct part parts[];
};

static struct part *
part_of_errand(struct gyre__errand *errand)
{
	return (struct part *)((char *)errand - offsetof(struct part, errand));
}

/* -- the end ------------------------------------------------------------- */

/* Complete the whole, if it is not; the rejection that is not given to the
 * future is nobody's. */
static void
settle(struct gather *gather)
{
	bool settled = false;

	for (unsigned i = 0; i < gather->count; i++) {
		struct part *part = &gather->parts[i];
		bool taken = false;

		if (part->error != 0 && !settled) {
			taken = gyre__future_reject_with(
				&gather->future, part->error, part->rejection);
			settled = true;
		}
		if (!taken)
			gather->future.sys->release(part->rejection);
	}
	if (!settled)
		gyre_future_resolve(&gather->future, gather->asked.acc);
	gyre_future_unref(&gather->future);
}

static void
end_part(struct gather *gather)
{
	/* gather.A1 acq_rel: what every part came to, before the last one
	 * settles; pairs with gather.A1 */
	if (gyre__add_32_acq_rel(&gather->away, (uint32_t)-1) == 1)
		settle(gather);
}

/* The last to look at arg gives it up. */
static void
let_arg_go(struct gather *gather)
{
	/* gather.W1 acq_rel: every other part's use of arg before its release;
	 * pairs with gather.W1 */
	if (gyre__add_32_acq_rel(&gather->working, (uint32_t)-1) == 1 &&
	    gather->asked.release != NULL)
		gather->asked.release(gather->asked.arg);
}

/* -- there --------------------------------------------------------------- */

static void
run_part(struct gyre__errand *errand)
{
	struct part *part = part_of_errand(errand);
	struct gather *gather = part->gather;
	const struct gyre_exception *raised;

	part->value = gather->asked.map(gather->asked.arg);
	raised = gyre_exception();
	if (raised != NULL) {
		part->error = raised->error;
		part->rejection =
			gyre__rejection_new(gather->future.sys, raised);
		gyre__clear_exception();
	}
	let_arg_go(gather);
}

/* It has no value: the errand says why. */
static void
fail_part(struct part *part, int error)
{
	struct gyre_exception why = { .error = error };

	snprintf(why.message, sizeof(why.message), "shard %u: %s",
		 part->errand.shard, gyre__errand_message(error));
	part->error = error;
	part->rejection = gyre__rejection_new(part->gather->future.sys, &why);
}

static void
drop_part(struct gyre__errand *errand, enum gyre_drop_reason reason)
{
	struct part *part = part_of_errand(errand);

	if (reason == GYRE_DROP_STOPPED)
		fail_part(part, -ESHUTDOWN);
	else /* the whole is complete: nobody asks for more than that */
		part->error = -ECANCELED;
	let_arg_go(part->gather);
}

/* -- home ---------------------------------------------------------------- */

static void
reduce(struct gather *gather, const struct part *part)
{
	if (gather->asked.reduce == NULL || part->error != 0)
		return;
	gather->asked.reduce(gather->asked.acc, part->value,
			     part->errand.shard);
	/* It ends the whole: what it would reduce into is no longer sound. */
	if (gyre__raised())
		gyre__future_complete(&gather->future, NULL);
}

static void
record(struct gather *gather, const struct part *part)
{
	struct gyre_answer *answers = gather->answers;

	if (gyre_future_done(&gather->future))
		return;
	if (answers != NULL)
		answers[part->errand.shard] = (struct gyre_answer){
			.error = part->error,
			.value = part->error == 0 ? part->value : NULL,
		};
	reduce(gather, part);
}

static void
end_errand(struct gyre__errand *errand, bool is_home)
{
	struct part *part = part_of_errand(errand);

	if (is_home)
		record(part->gather, part);
	else
		gyre_future_reject(&part->gather->future, -ESHUTDOWN,
				   "the loop was closed");
	end_part(part->gather);
}

static const struct gyre__errand_ops part_ops = {
	.run = run_part,
	.drop = drop_part,
	.end = end_errand,
};

/* -- making it ----------------------------------------------------------- */

static struct gather *
new_gather(const struct gyre_bus *bus, struct gyre_inbox *home,
	   const struct gyre_map_reduce *asked, struct gyre_answer *answers)
{
	struct gather *gather = gyre__allocate(
		bus->sys,
		sizeof(*gather) + bus->shards * sizeof(gather->parts[0]), 0);

	if (gather == NULL)
		return NULL;
	gyre__future_init(&gather->future, bus->sys, home);
	gather->asked = *asked;
	gather->count = bus->shards;
	gather->answers = answers;
	gather->working = bus->shards;
	gather->away = bus->shards;
	for (unsigned i = 0; i < bus->shards; i++) {
		struct part *part = &gather->parts[i];

		part->gather = gather;
		part->errand.ops = &part_ops;
		part->errand.future = &gather->future;
		if (answers != NULL)
			answers[i] =
				(struct gyre_answer){ .error = -EINPROGRESS };
	}
	return gather;
}

/* A part that is refused has its answer at once. */
static void
send_part(struct gather *gather, struct gyre_bus *bus,
	  struct gyre__asker *asker, unsigned shard)
{
	struct part *part = &gather->parts[shard];
	int result = gyre__errand_send(&part->errand, bus, asker, shard);

	if (result == 0)
		return;
	fail_part(part, result);
	record(gather, part);
	let_arg_go(gather);
	end_part(gather);
}

struct gyre_future *
gyre_bus_map_reduce(struct gyre_bus *bus, const struct gyre_map_reduce *asked,
		    struct gyre_answer *answers)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;
	struct gyre__asker *asker = NULL;
	struct gather *gather;

	GYRE_REQUIRE(asked->map != NULL);
	if (outbox == NULL || gyre__asker_find(bus, &asker) == -ENOMEM)
		return NULL;
	gather = new_gather(bus, outbox->home, asked, answers);
	if (gather == NULL)
		return NULL;
	gyre_future_ref(&gather->future);
	for (unsigned i = 0; i < bus->shards; i++)
		send_part(gather, bus, asker, i);
	return &gather->future;
}

struct gyre_future *
gyre_bus_each(struct gyre_bus *bus, gyre_call_fn fn, void *arg,
	      struct gyre_answer *answers)
{
	const struct gyre_map_reduce asked = { .map = fn, .arg = arg };

	return gyre_bus_map_reduce(bus, &asked, answers);
}

static void *
do_nothing(void *arg)
{
	return arg;
}

struct gyre_future *
gyre_bus_barrier(struct gyre_bus *bus)
{
	return gyre_bus_each(bus, do_nothing, NULL, NULL);
}
