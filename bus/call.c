/*
 * Calls: one allocation on the asker's thread, which is the errand to the shard
 * and the future that is its answer, so that an answer can't fail for want of
 * memory.
 */
#include "base/check.h"
#include "bus/bus.h"
#include "bus/errand.h"
#include "bus/future.h"
#include "bus/outbox.h"

#include <errno.h>

struct call {
	struct gyre_future future;  /* first: its last unref frees the call */
	struct gyre__errand errand; /* holds a reference while it is away */
	struct gyre_call asked;
	bool answered; /* by the errand, which therefore tells the home */
};

static struct call *
call_of_errand(struct gyre__errand *errand)
{
	return (struct call *)((char *)errand - offsetof(struct call, errand));
}

static void
drop_arg(const struct gyre_call *asked, enum gyre_drop_reason reason)
{
	if (asked->drop != NULL)
		asked->drop(asked->arg, reason);
}

/* -- the errand ---------------------------------------------------------- */

/* One that is cancelled from here on has its answer refused. */
static void
run_call(struct gyre__errand *errand)
{
	struct call *call = call_of_errand(errand);
	void *value = call->asked.fn(call->asked.arg);

	call->answered = gyre__future_answer(&call->future, value);
}

static void
drop_call(struct gyre__errand *errand, enum gyre_drop_reason reason)
{
	struct call *call = call_of_errand(errand);

	call->answered = gyre__future_deny(&call->future, -ESHUTDOWN,
					   gyre__errand_message(-ESHUTDOWN));
	drop_arg(&call->asked, reason);
}

static void
end_call(struct gyre__errand *errand, bool is_home)
{
	struct call *call = call_of_errand(errand);

	if (is_home && call->answered)
		gyre__future_fire(&call->future);
	gyre_future_unref(&call->future);
}

static const struct gyre__errand_ops call_ops = {
	.run = run_call,
	.drop = drop_call,
	.end = end_call,
};

/* -- making it ----------------------------------------------------------- */

static struct call *
new_call(const struct gyre_bus *bus, struct gyre_inbox *home,
	 const struct gyre_call *asked)
{
	struct call *call = bus->sys->allocate(sizeof(*call), 0);

	if (call == NULL)
		return NULL;
	gyre__future_init(&call->future, bus->sys, home);
	call->errand.ops = &call_ops;
	call->errand.future = &call->future;
	call->asked = *asked;
	call->answered = false;
	return call;
}

/* Send the errand; a refusal is returned and leaves the future pending. */
static int
send_call(struct call *call, struct gyre_bus *bus, struct gyre__asker *asker,
	  unsigned shard)
{
	int result;

	gyre_future_ref(&call->future);
	result = gyre__errand_send(&call->errand, bus, asker, shard);
	if (result < 0)
		gyre_future_unref(&call->future);
	return result;
}

static struct gyre_future *
make_call(struct gyre_bus *bus, unsigned shard, const struct gyre_call *asked)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;
	struct gyre__asker *asker = NULL;
	struct call *call;
	int result;

	GYRE_REQUIRE(asked->fn != NULL);
	if (outbox == NULL || gyre__asker_find(bus, &asker) == -ENOMEM)
		return NULL;
	call = new_call(bus, outbox->home, asked);
	if (call == NULL)
		return NULL;
	result = send_call(call, bus, asker, shard);
	if (result < 0) {
		drop_arg(asked, gyre__errand_refusal(result));
		gyre_future_reject(&call->future, result,
				   gyre__errand_message(result));
	}
	return &call->future;
}

struct gyre_future *
gyre_bus_call(struct gyre_bus *bus, unsigned shard, gyre_call_fn fn, void *arg)
{
	const struct gyre_call asked = { .fn = fn, .arg = arg };

	return make_call(bus, shard, &asked);
}

struct gyre_future *
gyre_bus_call_drop(struct gyre_bus *bus, unsigned shard, gyre_call_fn fn,
		   void *arg, gyre_drop_fn drop)
{
	const struct gyre_call asked = { .fn = fn, .arg = arg, .drop = drop };

	return make_call(bus, shard, &asked);
}

/* -- calls that block ---------------------------------------------------- */

/* The answer, unless it comes too late: then nobody waits for it any more. */
static int
wait_for(struct call *call, int64_t deadline_ns, void **ret_value)
{
	int result = gyre_future_wait(&call->future, deadline_ns, ret_value);

	if (result != -ETIMEDOUT)
		return result;
	gyre_future_reject(&call->future, -ETIMEDOUT, NULL);
	return gyre_future_wait(&call->future, GYRE_FOREVER, ret_value);
}

/* Without memory to wait nothing is sent: what is refused does not run. */
static int
begin_wait(struct gyre_bus *bus, unsigned shard, const struct gyre_call *asked,
	   struct call **ret_call)
{
	struct call *call;
	int result;

	GYRE_REQUIRE(asked->fn != NULL);
	if (gyre__outbox_of_thread != NULL)
		return -EDEADLK;
	call = new_call(bus, NULL, asked);
	if (call == NULL)
		return -ENOMEM;
	result = gyre__future_prepare_wait(&call->future);
	if (result == 0)
		result = send_call(call, bus, NULL, shard);
	if (result < 0)
		gyre_future_unref(&call->future);
	else
		*ret_call = call;
	return result;
}

static int
call_wait(struct gyre_bus *bus, unsigned shard, const struct gyre_call *asked,
	  int64_t deadline_ns, void **ret_value)
{
	struct call *call;
	int result = begin_wait(bus, shard, asked, &call);

	if (result < 0) {
		drop_arg(asked, gyre__errand_refusal(result));
		return result;
	}
	result = wait_for(call, deadline_ns, ret_value);
	gyre_future_unref(&call->future);
	return result;
}

int
gyre_bus_call_wait(struct gyre_bus *bus, unsigned shard, gyre_call_fn fn,
		   void *arg, int64_t deadline_ns, void **ret_value)
{
	const struct gyre_call asked = { .fn = fn, .arg = arg };

	return call_wait(bus, shard, &asked, deadline_ns, ret_value);
}

int
gyre_bus_call_wait_drop(struct gyre_bus *bus, unsigned shard,
			struct gyre_call call, int64_t deadline_ns,
			void **ret_value)
{
	return call_wait(bus, shard, &call, deadline_ns, ret_value);
}
