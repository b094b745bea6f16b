/*
 * Futures that are completed by other futures: chained to one, or joined from
 * several. Each is one allocation, in which those who wait for the sources are
 * made beforehand, so that nothing is half begun for want of memory.
 */
#include "bus/future.h"

#include "base/check.h"

#include <errno.h>

static void
reject_as_closed(struct gyre_future *future)
{
	gyre_future_reject(future, -ESHUTDOWN, "the loop was closed");
}

/* -- one ----------------------------------------------------------------- */

struct link {
	struct gyre__awaiter awaiter;
	struct gyre_future *target; /* a reference */
};

static struct link *
link_of_task(struct gyre_task *task)
{
	return (struct link *)((char *)task -
			       offsetof(struct link, awaiter.task));
}

static void
free_link(struct link *link)
{
	struct gyre_future *source = link->awaiter.future;
	struct gyre_future *target = link->target;

	source->sys->release(link);
	gyre_future_unref(source);
	gyre_future_unref(target);
}

static void
run_link(struct gyre_task *task)
{
	struct link *link = link_of_task(task);

	gyre__future_copy(link->awaiter.future, link->target);
	free_link(link);
}

static void
drop_link(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct link *link = link_of_task(task);

	(void)reason;
	reject_as_closed(link->target);
	free_link(link);
}

int
gyre_future_chain(struct gyre_future *source, struct gyre_future *target)
{
	struct link *link;
	int result;

	GYRE_REQUIRE(source != NULL && target != NULL);
	if (source == target)
		return -EINVAL;
	link = source->sys->allocate(sizeof(*link), 0);
	if (link == NULL)
		return -ENOMEM;
	link->awaiter.task.run = run_link;
	link->awaiter.task.drop = drop_link;
	link->target = target;
	result = gyre__future_await(source, &link->awaiter);
	if (result < 0)
		source->sys->release(link);
	else
		gyre_future_ref(target);
	return result;
}

/* -- several ------------------------------------------------------------- */

struct input {
	struct gyre__awaiter awaiter;
	struct join *join;
};

/* The inputs' futures are held until all have come: which error counts is
 * known no earlier. */
struct join {
	struct gyre_future future; /* first: its last unref frees the join */
	bool any;                  /* the first value, not all of them */
	size_t waiting;            /* while there are, a reference is held */
	size_t count;
	struct input inputs[];
};

static struct input *
input_of_task(struct gyre_task *task)
{
	return (struct input *)((char *)task -
				offsetof(struct input, awaiter.task));
}

/* Resolve with nothing, or take the first error of the array over. */
static void
settle_all(struct join *join)
{
	for (size_t i = 0; i < join->count; i++) {
		struct gyre_future *source = join->inputs[i].awaiter.future;

		if (source->error != 0) {
			gyre__future_copy(source, &join->future);
			return;
		}
	}
	gyre_future_resolve(&join->future, NULL);
}

/* One of the inputs has come, or will not. */
static void
let_go(struct join *join)
{
	if (--join->waiting > 0)
		return;
	for (size_t i = 0; i < join->count; i++)
		gyre_future_unref(join->inputs[i].awaiter.future);
	gyre_future_unref(&join->future);
}

static void
run_input(struct gyre_task *task)
{
	struct input *input = input_of_task(task);
	struct gyre_future *source = input->awaiter.future;
	struct join *join = input->join;
	bool last = join->waiting == 1;

	/* Done already, the join takes nothing. */
	if (!join->any && last)
		settle_all(join);
	else if (join->any && (last || source->error == 0))
		gyre__future_copy(source, &join->future);
	let_go(join);
}

static void
drop_input(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct join *join = input_of_task(task)->join;

	(void)reason;
	reject_as_closed(&join->future);
	let_go(join);
}

static struct join *
new_join(const struct gyre_sys *sys, struct gyre_inbox *home, bool any,
	 size_t count)
{
	struct join *join;
	size_t size;

	if (__builtin_mul_overflow(count, sizeof(join->inputs[0]), &size) ||
	    __builtin_add_overflow(size, sizeof(*join), &size))
		return NULL;
	join = sys->allocate(size, 0);
	if (join == NULL)
		return NULL;
	gyre__future_init(&join->future, sys, home);
	join->any = any;
	join->waiting = count;
	join->count = count;
	return join;
}

static void
await_inputs(struct join *join, struct gyre_future *const *futures)
{
	gyre_future_ref(&join->future);
	for (size_t i = 0; i < join->count; i++) {
		struct input *input = &join->inputs[i];
		int result;

		input->join = join;
		input->awaiter.task.run = run_input;
		input->awaiter.task.drop = drop_input;
		result = gyre__future_await(futures[i], &input->awaiter);
		GYRE_INSIST(result == 0); /* they are at home, that is open */
	}
}

struct gyre_future *
gyre__future_join(const struct gyre_sys *sys, struct gyre_inbox *home,
		  struct gyre_future *const *futures, size_t count, bool any)
{
	struct join *join = new_join(sys, home, any, count);

	if (join == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		GYRE_REQUIRE(futures[i] != NULL);
		if (futures[i]->home == home)
			continue;
		gyre_future_reject(&join->future, -EINVAL,
				   "a future's home is another loop");
		return &join->future;
	}
	if (count > 0)
		await_inputs(join, futures);
	else if (any)
		gyre_future_reject(&join->future, -EINVAL,
				   "there is no future to wait for");
	else
		gyre_future_resolve(&join->future, NULL);
	return &join->future;
}
