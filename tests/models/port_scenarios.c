/*
 * What a port must survive: senders that race for the last slot and against
 * close, threads and a loop that wait for room and may give up or close, in
 * every order. What was accepted is delivered or dropped once, nobody waits for
 * ever, no slot is lost, and the port goes with the last who needs it.
 *
 * The inboxes are the explorer's: a post is one step. So are the latches.
 */
#include "tests/models/explorer.h"

#include "base/exception.h"
#include "bus/inbox.h"
#include "bus/latch.h"
#include "bus/outbox.h"
#include "bus/port.h"

#include <errno.h>

#define HEAP_BLOCKS 3
#define HEAP_BYTES  256

struct mailbox {
	struct gyre_inbox inbox;
	struct gyre__chain chain;
	uint64_t closed;
};

struct heap_block {
	void *memory;
	uint64_t used;
};

struct latch {
	struct gyre__latch latch;
	uint64_t freed;
};

struct world {
	struct gyre_sys sys;
	struct mailbox *mailbox; /* the port's */
	struct mailbox *home;
	struct gyre__outbox *outbox; /* the home's */
	struct gyre_port *port;
	struct heap_block heap[HEAP_BLOCKS]; /* what is allocated late */
	struct latch latches[2];
	uint64_t closed;
	uint64_t left; /* who has not ended yet, but for the owner */
	uint64_t accepted;
	uint64_t delivered;
	uint64_t dropped;
	uint64_t released;
	uint64_t told;
	uint64_t turned_away;
};

static struct world *world;

_Thread_local struct gyre__outbox *gyre__outbox_of_thread;
_Thread_local struct gyre_exception gyre__exception;

/* -- what the port stands on ----------------------------------------------- */

void
gyre__outbox_report(struct gyre__outbox *outbox, const char *what,
		    void (*fn)(void), void *arg)
{
	(void)outbox;
	(void)what;
	(void)fn;
	(void)arg;
}

struct gyre_inbox *
gyre_inbox_ref(struct gyre_inbox *inbox)
{
	return inbox;
}

void
gyre_inbox_unref(struct gyre_inbox *inbox)
{
	(void)inbox;
}

int
gyre__send_task(struct gyre_inbox *inbox, struct gyre_task *task)
{
	struct mailbox *mailbox = (struct mailbox *)inbox;

	explorer_step("posts");
	if (mailbox->closed)
		return -ESHUTDOWN;
	gyre__chain_append(&mailbox->chain, task, 1);
	return 0;
}

int
gyre_inbox_post(struct gyre_inbox *inbox, struct gyre_task *task)
{
	return gyre__send_task(inbox, task);
}

struct gyre__latch *
gyre__latch_new(const struct gyre_sys *sys)
{
	for (unsigned i = 0; i < 2; i++) {
		struct gyre__latch *latch = &world->latches[i].latch;

		if (latch->sys != NULL)
			continue;
		latch->sys = sys;
		return latch;
	}
	explorer_broken("broken: no more than a latch a waiter");
}

static bool
is_open(const void *arg)
{
	const struct gyre__latch *latch = arg;

	return latch->is_open;
}

int
gyre__latch_wait(struct gyre__latch *latch, int64_t deadline_ns)
{
	if (deadline_ns != GYRE_FOREVER)
		return -ETIMEDOUT;
	explorer_wait(is_open, latch, "waits at the latch");
	return 0;
}

static void
check_latch(const struct gyre__latch *latch)
{
	EXPLORER_CHECK(!((const struct latch *)latch)->freed);
}

void
gyre__latch_open(struct gyre__latch *latch)
{
	explorer_step("opens the latch");
	check_latch(latch);
	latch->is_open = true;
}

void
gyre__latch_free(struct gyre__latch *latch)
{
	check_latch(latch);
	((struct latch *)latch)->freed = 1;
}

/* -- the world ------------------------------------------------------------- */

static void *
allocate(size_t size, size_t align)
{
	if (world->port == NULL)
		return explorer_allocate(size, align);
	EXPLORER_CHECK(size <= HEAP_BYTES);
	for (unsigned i = 0; i < HEAP_BLOCKS; i++) {
		if (world->heap[i].used)
			continue;
		world->heap[i].used = 1;
		return world->heap[i].memory;
	}
	return NULL;
}

static void
release(void *memory)
{
	world->released++;
	explorer_release(memory);
}

static int
clock_gettime_0(clockid_t id, struct timespec *ret)
{
	(void)id;
	*ret = (struct timespec){ 0 };
	return 0;
}

static void
on_message(struct gyre_port *port, struct gyre_message *message, void *arg)
{
	(void)message;
	(void)arg;
	EXPLORER_CHECK(!port->closed);
	world->delivered++;
}

static void
on_drop(struct gyre_port *port, struct gyre_message *message,
	enum gyre_drop_reason reason, void *arg)
{
	(void)message;
	(void)arg;
	EXPLORER_CHECK(reason == GYRE_DROP_STOPPED);
	EXPLORER_CHECK(gyre__port_is_closed(port));
	world->dropped++;
}

/* `others` hold a reference each until they end. */
static void
set_up(uint32_t capacity, unsigned others, unsigned late)
{
	const struct gyre_port_options options = {
		.capacity = capacity,
		.on_message = on_message,
		.on_drop = on_drop,
	};
	struct gyre_port *port;

	world = explorer_allocate(sizeof(*world), 0);
	world->mailbox =
		explorer_allocate(sizeof(struct mailbox), GYRE__CACHE_PAIR);
	world->sys.allocate = allocate;
	world->sys.release = release;
	world->sys.clock_gettime = clock_gettime_0;
	world->left = others;
	for (unsigned i = 0; i < late; i++)
		world->heap[i].memory = explorer_allocate(HEAP_BYTES, 0);
	for (unsigned i = late; i < HEAP_BLOCKS; i++)
		world->heap[i].used = 1;
	port = explorer_allocate(sizeof(*port), GYRE__CACHE_PAIR);
	EXPLORER_CHECK(gyre__port_init(port, &world->sys,
				       &world->mailbox->inbox, &options) == 0);
	port->refs += others;
	world->port = port;
	gyre__outbox_of_thread = NULL;
	explorer_name(&port->slots.word, "word");
	explorer_name(&port->refs, "refs");
	for (unsigned i = 0; i < capacity; i++)
		explorer_name(&port->slots.slots[i].next, "next");
}

/* One message is inside before anybody comes. */
static void
fill(void)
{
	struct gyre__slot *slot;

	EXPLORER_CHECK(gyre__slots_take(&world->port->slots, &slot) == 0);
	gyre__chain_append(&world->mailbox->chain, &slot->task, 1);
	world->accepted++;
}

static int
count(int result)
{
	EXPLORER_CHECK(result == 0 || result == -EAGAIN ||
		       result == -ESHUTDOWN || result == -ETIMEDOUT);
	world->accepted += result == 0;
	return result;
}

static void
end(void)
{
	gyre_port_unref(world->port);
	world->left--;
}

/* -- the owner ------------------------------------------------------------- */

static bool
has_work(const void *arg)
{
	(void)arg;
	return world->mailbox->chain.head != NULL || world->left == 0;
}

static void
run_next(struct mailbox *mailbox)
{
	struct gyre_task *task = gyre__chain_pop(&mailbox->chain);

	if (task != NULL)
		task->run(task);
}

/* As a loop does: it holds no reference of its own. */
static void
close_port(void)
{
	world->closed = 1;
	gyre_port_unref(world->port);
	gyre__port_close(world->port);
}

/* Run what comes until everybody else has ended; close before any of it, if
 * at all, or else at the end. */
static void
own(unsigned may_close)
{
	for (;;) {
		if (may_close && !world->closed &&
		    explorer_choose(2, "closes the port?") == 1)
			close_port();
		explorer_wait(has_work, NULL, "waits for work");
		if (world->mailbox->chain.head == NULL)
			break;
		run_next(world->mailbox);
	}
	EXPLORER_CHECK(world->delivered + world->dropped == world->accepted);
	if (world->closed)
		return;
	EXPLORER_CHECK(gyre__slots_used(world->port->slots.word) == 0);
	EXPLORER_CHECK(world->port->granted == 0);
	close_port();
}

static void
check_end(void)
{
	uint64_t late = 0;

	for (unsigned i = 0; i < HEAP_BLOCKS; i++)
		late += world->heap[i].used && world->heap[i].memory != NULL;
	EXPLORER_CHECK(world->delivered + world->dropped == world->accepted);
	EXPLORER_CHECK(world->released == 2 + late);
}

/* -- stack: the slots by themselves ---------------------------------------- */

#define TAKERS 3

static struct gyre__slot *
take(void)
{
	struct gyre__slot *slot = NULL;
	int result = gyre__slots_take(&world->port->slots, &slot);

	EXPLORER_CHECK(result == 0 || result == -EAGAIN);
	if (result < 0)
		return NULL;
	EXPLORER_CHECK(slot->message.data == NULL && "it has an owner");
	slot->message.data = slot;
	return slot;
}

static void
put(struct gyre__slot *slot)
{
	if (slot == NULL)
		return;
	slot->message.data = NULL;
	gyre__slots_put(&world->port->slots, slot);
}

static void
stack_set_up(void)
{
	set_up(2, 0, 0);
}

/* The second holds both at once and brings them back in either order. */
static void
stack_run(unsigned thread)
{
	struct gyre__slot *first = take();

	if (thread == 1) {
		struct gyre__slot *second = take();

		put(first);
		first = second;
	}
	put(first);
}

static void
check_stack(void)
{
	EXPLORER_CHECK(gyre__slots_used(world->port->slots.word) == 0);
	EXPLORER_CHECK(take() != NULL);
	EXPLORER_CHECK(take() != NULL);
	EXPLORER_CHECK(take() == NULL);
	EXPLORER_CHECK(gyre__slots_used(world->port->slots.word) == 2);
}

static const struct explorer_scenario stack = {
	.name = "stack",
	.threads = TAKERS,
	.thread_names = { "taker 0", "taker of two", "taker 2" },
	.set_up = stack_set_up,
	.run = stack_run,
	.check_end = check_stack,
};

/* -- last_slot: two send, and the port closes ------------------------------ */

static void
last_slot_set_up(void)
{
	set_up(1, 2, 0);
}

static void
last_slot_run(unsigned thread)
{
	if (thread == 2) {
		own(1);
		return;
	}
	count(gyre_port_send(world->port, (struct gyre_message){ 0 }));
	end();
}

static const struct explorer_scenario last_slot = {
	.name = "last_slot",
	.threads = 3,
	.thread_names = { "sender 0", "sender 1", "owner" },
	.set_up = last_slot_set_up,
	.run = last_slot_run,
	.check_end = check_end,
};

/* -- inside: two messages hold a port that nobody else does ---------------- */

static void
inside_set_up(void)
{
	set_up(2, 2, 0);
}

static const struct explorer_scenario inside = {
	.name = "inside",
	.threads = 3,
	.thread_names = { "sender 0", "sender 1", "owner" },
	.set_up = inside_set_up,
	.run = last_slot_run,
	.check_end = check_end,
};

/* -- sitters: two threads wait, and may give up ---------------------------- */

static void
sitters_set_up(void)
{
	set_up(1, 2, 2);
	fill();
}

static void
sit(void)
{
	int64_t deadline_ns = GYRE_FOREVER;

	if (explorer_choose(2, "gives up?") == 1)
		deadline_ns = 1;
	count(gyre_port_send_wait(world->port, (struct gyre_message){ 0 },
				  deadline_ns));
	end();
}

static void
sitters_run(unsigned thread)
{
	if (thread == 2)
		own(0);
	else
		sit();
}

static const struct explorer_scenario sitters = {
	.name = "sitters",
	.threads = 3,
	.thread_names = { "sender 0", "sender 1", "owner" },
	.set_up = sitters_set_up,
	.run = sitters_run,
	.check_end = check_end,
};

/* -- close_sitter: one waits behind another's slot as the port closes ------ */

static void
close_sitter_set_up(void)
{
	struct gyre__slot *slot;

	set_up(1, 2, 1);
	EXPLORER_CHECK(gyre__slots_take(&world->port->slots, &slot) == 0);
}

/* The other is in the middle of a send. */
static void
close_sitter_run(unsigned thread)
{
	const struct gyre_message message = { 0 };
	struct gyre_port *port = world->port;

	if (thread == 2) {
		own(1);
	} else if (thread == 1) {
		count(gyre__port_post(port, port->slots.slots, &message));
		end();
	} else {
		sit();
	}
}

static const struct explorer_scenario close_sitter = {
	.name = "close_sitter",
	.threads = 3,
	.thread_names = { "waiter", "sender", "owner" },
	.set_up = close_sitter_set_up,
	.run = close_sitter_run,
	.check_end = check_end,
};

/* -- notice: a loop waits, and may close; so may the port ------------------ */

static void
notice_set_up(void)
{
	set_up(1, 1, 1);
	fill();
	world->home =
		explorer_allocate(sizeof(struct mailbox), GYRE__CACHE_PAIR);
	world->outbox = explorer_allocate(sizeof(*world->outbox), 0);
	world->outbox->home = &world->home->inbox;
	/* The owner never looks at it: nothing raises. */
	gyre__outbox_of_thread = world->outbox;
}

static void
on_room(struct gyre_port *port, void *arg)
{
	(void)arg;
	world->told++;
	if (explorer_choose(2, "uses it?") == 0)
		return;
	EXPLORER_CHECK(count(gyre_port_send(
			       port, (struct gyre_message){ 0 })) != -EAGAIN);
}

static void
on_no_room(void *arg, enum gyre_drop_reason reason)
{
	(void)arg;
	EXPLORER_CHECK(reason == GYRE_DROP_STOPPED);
	world->turned_away++;
}

static bool
home_has_work(const void *arg)
{
	(void)arg;
	return world->home->chain.head != NULL;
}

static void
close_home(void)
{
	struct gyre_task *task;

	explorer_step("closes the home");
	world->home->closed = 1;
	while ((task = gyre__chain_pop(&world->home->chain)) != NULL)
		task->drop(task, GYRE_DROP_STOPPED);
}

static void
wait_at_home(void)
{
	int result = gyre_port_notify(world->port, on_room, NULL, on_no_room);

	EXPLORER_CHECK(result == 0 || result == -ESHUTDOWN);
	world->turned_away += result < 0;
	if (explorer_choose(2, "its loop closes?") == 1) {
		close_home();
	} else if (result == 0) {
		explorer_wait(home_has_work, NULL, "waits to be told");
		run_next(world->home);
	}
	end();
}

static void
notice_run(unsigned thread)
{
	if (thread == 1)
		own(1);
	else
		wait_at_home();
}

static void
check_notice(void)
{
	check_end();
	EXPLORER_CHECK(world->told + world->turned_away == 1);
}

static const struct explorer_scenario notice = {
	.name = "notice",
	.threads = 2,
	.thread_names = { "sender", "owner" },
	.set_up = notice_set_up,
	.run = notice_run,
	.check_end = check_notice,
};

/* -- loop_closes: two send, and then there is no inbox any more ------------ */

static void
close_loop(void)
{
	struct gyre_task *task;

	close_port();
	explorer_step("closes the inbox");
	world->mailbox->closed = 1;
	while ((task = gyre__chain_pop(&world->mailbox->chain)) != NULL)
		task->drop(task, GYRE_DROP_STOPPED);
}

static void
loop_closes_run(unsigned thread)
{
	if (thread == 2)
		close_loop();
	else
		last_slot_run(thread);
}

static const struct explorer_scenario loop_closes = {
	.name = "loop_closes",
	.threads = 3,
	.thread_names = { "sender 0", "sender 1", "owner" },
	.set_up = inside_set_up,
	.run = loop_closes_run,
	.check_end = check_end,
};

/* -- rush: too much for all schedules, for some at random ------------------ */

#define RUSHERS 4

static void
rush_set_up(void)
{
	set_up(2, RUSHERS, 2);
	fill();
}

static void
rush_run(unsigned thread)
{
	if (thread == RUSHERS) {
		own(explorer_choose(2, "may close?"));
	} else if (thread < 2) {
		sit();
	} else {
		for (unsigned i = 0; i < 2; i++)
			count(gyre_port_send(world->port,
					     (struct gyre_message){ 0 }));
		end();
	}
}

static const struct explorer_scenario rush = {
	.name = "rush",
	.threads = RUSHERS + 1,
	.thread_names = { "waiter 0", "waiter 1", "sender 2", "sender 3",
			  "owner" },
	.random_only = true,
	.set_up = rush_set_up,
	.run = rush_run,
	.check_end = check_end,
};

int
main(int argc, char **argv)
{
	static const struct explorer_scenario *const scenarios[] = {
		&stack,  &last_slot,   &inside, &sitters, &close_sitter,
		&notice, &loop_closes, &rush,   NULL,
	};

	return explorer_main(argc, argv, scenarios);
}
