/*
 * What the berths must survive: guests that add to blocks which the consumer
 * takes, in every order. What is accepted runs or is dropped once, in its
 * sender's order, also when the sender sends past its berth; no berth has two
 * guests; and when all have gone, so has the memory, whoever was last.
 *
 * A block has two entries here, and a guest a place for one berth.
 */
#include "tests/models/explorer.h"

#include "base/exception.h"
#include "bus/berth.h"
#include "bus/outbox.h"

#include <errno.h>
#include <string.h>

#define SENDERS     2
#define CONSUMER    SENDERS
#define JOBS_MAX    4
#define PIECES      8
#define PIECE_BYTES 256
#define FILLING     0xa5

struct job {
	struct gyre_task task; /* for what is sent past the berth */
	uint32_t sender;
	uint32_t index; /* in its sender's order */
	uint32_t accepted;
	uint32_t ran;
	uint32_t dropped;
	const struct job *after; /* was sent before; or NULL */
};

struct bell {
	struct gyre__doorbell bell;
	uint64_t edge;
};

struct world {
	struct gyre_sys sys;
	struct bell bell;
	struct gyre_inbox *inbox;
	struct gyre__guest *guests[SENDERS];
	/* Memory that is wanted late, when the arena is fixed. */
	void *pieces[PIECES];
	uint64_t handed_out;
	uint64_t released;
	struct gyre__block *gathered; /* not sent yet */
	uint64_t total;
	uint64_t done;
	uint64_t next_of[SENDERS];
	struct job jobs[SENDERS][JOBS_MAX];
};

static struct world *world;

/* -- what others have them for is not modelled ---------------------------- */

_Thread_local struct gyre__outbox *gyre__outbox_of_thread;
_Thread_local struct gyre_exception gyre__exception;

void
gyre__block_release(struct gyre__block *block)
{
	gyre__block_give_back(block);
}

void
gyre__block_come_home(struct gyre_task *task)
{
	(void)task;
}

void
gyre__outbox_report(struct gyre__outbox *outbox, const char *what,
		    void (*fn)(void), void *arg)
{
	(void)outbox;
	(void)what;
	(void)fn;
	(void)arg;
}

void
gyre__outbox_run_urgent_now(struct gyre__outbox *outbox)
{
	(void)outbox;
}

void
gyre__cells_init(struct gyre__cells *cells, const struct gyre_sys *sys)
{
	(void)cells;
	(void)sys;
}

void
gyre__cells_fini(struct gyre__cells *cells)
{
	(void)cells;
}

static void
run(void *arg)
{
	struct job *job = arg;

	EXPLORER_CHECK(job->index == world->next_of[job->sender]);
	EXPLORER_CHECK(job->after == NULL || job->after->ran);
	world->next_of[job->sender]++;
	job->ran++;
	world->done++;
}

static int
send_past(struct job *job)
{
	return gyre__inbox_push(world->inbox, &job->task, &job->task);
}

/* A cell is a task to the berths. */
int
gyre__send_cell(struct gyre_inbox *inbox, gyre_callback_fn fn, void *arg,
		gyre_drop_fn drop)
{
	EXPLORER_CHECK(inbox == world->inbox && fn == run && drop == NULL);
	return send_past(arg);
}

/* -- the world ----------------------------------------------------------- */

static void *
hand_out(size_t size, size_t align)
{
	(void)align;
	EXPLORER_CHECK(size <= PIECE_BYTES);
	if (world->handed_out == PIECES)
		return NULL;
	return world->pieces[world->handed_out++];
}

/* What is released is filled, and looked at in the end. */
static void
release(void *memory)
{
	world->released++;
	for (unsigned i = 0; i < PIECES; i++)
		if (memory == world->pieces[i])
			memset(memory, FILLING, PIECE_BYTES);
	explorer_release(memory);
}

static int
yield(void)
{
	return 0;
}

static void
ring(struct gyre__doorbell *bell)
{
	explorer_step("rings the bell");
	((struct bell *)bell)->edge = 1;
}

static void
set_up(uint64_t pieces, uint64_t first_jobs, uint64_t second_jobs)
{
	const uint64_t jobs_of[SENDERS] = { first_jobs, second_jobs };

	world = explorer_allocate(sizeof(*world), 0);
	world->sys.allocate = explorer_allocate;
	world->sys.release = release;
	world->sys.sched_yield = yield;
	world->bell.bell.ring = ring;
	world->inbox = gyre__inbox_new(&world->sys, &world->bell.bell);
	for (uint32_t i = 0; i < SENDERS; i++) {
		world->guests[i] = gyre__guest_new(&world->sys);
		for (uint32_t k = 0; k < jobs_of[i]; k++) {
			world->jobs[i][k].sender = i;
			world->jobs[i][k].index = k;
		}
		world->total += jobs_of[i];
	}
	for (unsigned i = 0; i < PIECES; i++)
		world->pieces[i] =
			explorer_allocate(PIECE_BYTES, GYRE__CACHE_LINE);
	world->gathered = explorer_allocate(PIECE_BYTES, GYRE__CACHE_LINE);
	world->handed_out = PIECES - pieces;
	world->sys.allocate = hand_out;
	explorer_name_pointer(&world->inbox->head, "head");
	explorer_name_pointer(&world->inbox->berths, "berths");
	explorer_name(NULL, "NULL");
	explorer_name((void *)(uintptr_t)1, "ARMED");
	explorer_name((void *)(uintptr_t)3, "CLOSED");
}

/* -- senders ------------------------------------------------------------- */

static bool
note(struct job *job, int result)
{
	EXPLORER_CHECK(result == 0 || result == -ESHUTDOWN);
	job->accepted = result == 0;
	return result == 0;
}

static bool
send_callback(unsigned sender, unsigned index)
{
	struct job *job = &world->jobs[sender][index];

	return note(job, gyre__berth_add(world->guests[sender], world->inbox,
					 run, job, NULL));
}

/* Two callbacks in one go, or neither. */
static bool
send_gathered(unsigned sender, unsigned index)
{
	struct gyre__block *from = world->gathered;
	bool sent;

	from->used = 0;
	from->messages = 0;
	for (unsigned i = 0; i < 2; i++)
		gyre__block_add(from, run, &world->jobs[sender][index + i],
				NULL);
	sent = gyre__berth_push(world->guests[sender], world->inbox, from);
	for (unsigned i = 0; i < 2; i++)
		world->jobs[sender][index + i].accepted = sent;
	return sent;
}

static bool
send_task(unsigned sender, unsigned index)
{
	struct job *job = &world->jobs[sender][index];

	return note(job, send_past(job));
}

static void
end_guest(unsigned sender)
{
	gyre__guest_end(world->guests[sender]);
}

/* -- the consumer -------------------------------------------------------- */

static void
drop(void *arg)
{
	struct job *job = arg;

	EXPLORER_CHECK(job->index == world->next_of[job->sender]);
	world->next_of[job->sender]++;
	job->dropped++;
}

/* Run or drop all of a chain: blocks, and jobs that went past the berth. */
static void
do_all(struct gyre__chain *chain, void (*what)(void *arg))
{
	struct gyre_task *task;

	while ((task = gyre__chain_pop(chain)) != NULL) {
		struct gyre__block *block = (struct gyre__block *)task;

		if (task->run == NULL) {
			what(task);
			continue;
		}
		EXPLORER_CHECK(task->run == gyre__block_run);
		EXPLORER_CHECK(block->used == block->messages);
		for (unsigned i = 0; i < block->used; i++)
			what(block->entries[i].arg);
		gyre__block_release(block);
	}
}

static void
take_and_run(void)
{
	struct gyre__chain chain = { 0 };
	uint64_t messages = world->done;

	gyre__inbox_take(world->inbox, &chain);
	messages += chain.messages;
	do_all(&chain, run);
	EXPLORER_CHECK(world->done == messages);
}

static bool
is_rung(const void *arg)
{
	return ((const struct bell *)arg)->edge != 0;
}

static void
consume_all(void)
{
	for (;;) {
		take_and_run();
		if (world->done == world->total)
			return;
		if (!gyre__inbox_arm(world->inbox))
			continue;
		explorer_wait(is_rung, &world->bell, "sleeps until rung");
		world->bell.edge = 0;
	}
}

static void
close_inbox(void)
{
	struct gyre__chain chain = { 0 };

	gyre__inbox_close(world->inbox, &chain);
	do_all(&chain, drop);
}

/* -- at the end ---------------------------------------------------------- */

static void
check_conservation(void)
{
	for (unsigned i = 0; i < SENDERS; i++)
		for (unsigned k = 0; k < JOBS_MAX; k++) {
			const struct job *job = &world->jobs[i][k];

			EXPLORER_CHECK(job->ran + job->dropped ==
				       job->accepted);
		}
}

static void
check_all_ran(void)
{
	check_conservation();
	EXPLORER_CHECK(world->done == world->total);
}

static void
check_untouched(const unsigned char *piece)
{
	for (unsigned i = 0; i < PIECE_BYTES; i++)
		EXPLORER_CHECK(piece[i] == FILLING);
}

/* The inbox and both guests were there from the first. */
static void
check_all_released(void)
{
	check_conservation();
	for (uint64_t i = PIECES - 4; i < world->handed_out; i++)
		check_untouched(world->pieces[i]);
	EXPLORER_CHECK(world->released ==
		       1 + SENDERS + world->handed_out - (PIECES - 4));
}

/* -- order: blocks are added to, taken, and come round again --------------- */

static void
order_set_up(void)
{
	set_up(4, 4, 0);
}

static void
order_run(unsigned thread)
{
	if (thread == CONSUMER)
		consume_all();
	else if (thread == 0)
		for (unsigned k = 0; k < 4; k++)
			send_callback(0, k);
}

static const struct explorer_scenario order = {
	.name = "order",
	.threads = SENDERS + 1,
	.thread_names = { "guest 0", "nobody", "consumer" },
	.set_up = order_set_up,
	.run = order_run,
	.check_end = check_all_ran,
};

/* -- detour: one guest sends a task between its callbacks, and has room for
 * one block: what does not fit is sent past the berth -----------------------
 */

static void
detour_set_up(void)
{
	set_up(2, 4, 0);
}

static void
detour_run(unsigned thread)
{
	if (thread == CONSUMER) {
		consume_all();
	} else if (thread == 0) {
		send_callback(0, 0);
		send_task(0, 1);
		send_callback(0, 2);
		send_callback(0, 3);
	}
}

static const struct explorer_scenario detour = {
	.name = "detour",
	.threads = SENDERS + 1,
	.thread_names = { "guest 0", "nobody", "consumer" },
	.set_up = detour_set_up,
	.run = detour_run,
	.check_end = check_all_ran,
};

/* -- gathered: callbacks that leave together, between single ones -----------
 */

static void
gathered_run(unsigned thread)
{
	if (thread == CONSUMER) {
		consume_all();
	} else if (thread == 0) {
		send_callback(0, 0);
		EXPLORER_CHECK(send_gathered(0, 1));
		send_callback(0, 3);
	}
}

static const struct explorer_scenario gathered = {
	.name = "gathered",
	.threads = SENDERS + 1,
	.thread_names = { "guest 0", "nobody", "consumer" },
	.set_up = order_set_up,
	.run = gathered_run,
	.check_end = check_all_ran,
};

/* -- known: two guests take turns, so that each has sent before the other does,
 * and knows it ------------------------------------------------------------- */

static void
known_set_up(void)
{
	set_up(4, 2, 1);
	world->jobs[1][0].after = &world->jobs[0][0];
	world->jobs[0][1].after = &world->jobs[1][0];
}

static bool
is_sent(const void *job)
{
	return ((const struct job *)job)->accepted;
}

static void
known_run(unsigned thread)
{
	if (thread == CONSUMER) {
		consume_all();
	} else if (thread == 0) {
		send_callback(0, 0);
		explorer_wait(is_sent, &world->jobs[1][0], "is told");
		send_callback(0, 1);
	} else {
		explorer_wait(is_sent, &world->jobs[0][0], "is told");
		send_callback(1, 0);
	}
}

static const struct explorer_scenario known = {
	.name = "known",
	.threads = SENDERS + 1,
	.thread_names = { "guest 0", "guest 1", "consumer" },
	.set_up = known_set_up,
	.run = known_run,
	.check_end = check_all_ran,
};

/* -- closing: the inbox closes under a guest, and both let go of it ---------
 */

static void
closing_set_up(void)
{
	set_up(4, 3, 0);
	gyre_inbox_ref(world->inbox);
}

/* What guest 0 sends meanwhile is another each time. */
static void
closing_run_with(unsigned thread, void (*send)(void))
{
	if (thread == CONSUMER) {
		take_and_run();
		close_inbox();
		gyre_inbox_unref(world->inbox);
	} else if (thread == 0) {
		send();
		gyre_inbox_unref(world->inbox);
		end_guest(0);
	} else {
		end_guest(1);
	}
}

/* Who was refused once is refused for good. */
static void
send_three(void)
{
	bool refused = !send_callback(0, 0);

	refused |= !send_callback(0, 1);
	EXPLORER_CHECK(!send_callback(0, 2) || !refused);
}

static void
closing_run(unsigned thread)
{
	closing_run_with(thread, send_three);
}

static const struct explorer_scenario closing = {
	.name = "closing",
	.threads = SENDERS + 1,
	.thread_names = { "guest 0", "guest 1", "consumer" },
	.set_up = closing_set_up,
	.run = closing_run,
	.check_end = check_all_released,
};

/* -- gathered_close: the same with what leaves together, all of it or none ---
 */

static void
send_one_and_two(void)
{
	bool refused = !send_callback(0, 0);

	EXPLORER_CHECK(!send_gathered(0, 1) || !refused);
}

static void
gathered_close_run(unsigned thread)
{
	closing_run_with(thread, send_one_and_two);
}

static const struct explorer_scenario gathered_close = {
	.name = "gathered_close",
	.threads = SENDERS + 1,
	.thread_names = { "guest 0", "guest 1", "consumer" },
	.set_up = closing_set_up,
	.run = gathered_close_run,
	.check_end = check_all_released,
};

/* -- last_touch: what was sent ends the inbox, while its sender may still be
 * sending it ----------------------------------------------------------------
 */

static void
last_touch_set_up(void)
{
	set_up(4, 2, 0);
}

static void
last_touch_run(unsigned thread)
{
	if (thread == CONSUMER) {
		consume_all();
		close_inbox();
		gyre_inbox_unref(world->inbox);
	} else if (thread == 0) {
		send_callback(0, 0);
		send_callback(0, 1);
		end_guest(0);
	} else {
		end_guest(1);
	}
}

static const struct explorer_scenario last_touch = {
	.name = "last_touch",
	.threads = SENDERS + 1,
	.thread_names = { "guest 0", "guest 1", "consumer" },
	.set_up = last_touch_set_up,
	.run = last_touch_run,
	.check_end = check_all_released,
};

/* -- vacant: one guest ends while another one comes, with something left in the
 * berth; some of it runs, some is dropped ---------------------------------- */

static void
vacant_set_up(void)
{
	set_up(4, 1, 2);
}

static void
vacant_run(unsigned thread)
{
	if (thread == CONSUMER) {
		take_and_run();
		return;
	}
	send_callback(thread, 0);
	if (thread == 1)
		send_callback(thread, 1);
	end_guest(thread);
}

static void
vacant_check_end(void)
{
	close_inbox();
	gyre_inbox_unref(world->inbox);
	check_all_released();
}

static const struct explorer_scenario vacant = {
	.name = "vacant",
	.threads = SENDERS + 1,
	.thread_names = { "guest 0", "guest 1", "consumer" },
	.set_up = vacant_set_up,
	.run = vacant_run,
	.check_end = vacant_check_end,
};

int
main(int argc, char **argv)
{
	static const struct explorer_scenario *const scenarios[] = {
		&order,          &detour,     &gathered, &known, &closing,
		&gathered_close, &last_touch, &vacant,   NULL,
	};

	return explorer_main(argc, argv, scenarios);
}
