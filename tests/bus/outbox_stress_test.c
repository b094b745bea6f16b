/*
 * Outboxes between real threads: three loops of the simplest kind and two
 * threads without one, of which one has an outbox, send notes in all
 * directions, which go on from hop to hop while the loops close in random
 * order. What was accepted was run or dropped, once; from one sender to one
 * loop in the order it was sent; and every block found home, or was freed as an
 * orphan.
 */
#include <gyre/outbox.h>

#include "tests/bus/sleeper.h"
#include "tests/pool/harness.h"
#include "tests/support/watchdog.h"

#include "bus/outbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#define LOOPS   3
#define OTHERS  2
#define SENDERS (LOOPS + OTHERS)

struct world;

struct sender {
	struct world *world;
	unsigned index;
	pthread_t thread;
	uint64_t random;
	uint64_t accepted;
	uint64_t numbers[LOOPS];    /* of the last note to each loop */
	struct gyre_outbox *outbox; /* of a thread without a loop, or NULL */
};

struct loop {
	struct gyre__outbox outbox;
	struct sleeper sleeper;
	struct sender sender;
	struct gyre_task stop;
	bool stopping;
	uint64_t last[SENDERS]; /* number that came from each */
};

struct world {
	struct loop loops[LOOPS];
	struct sender others[OTHERS];
	unsigned notes; /* each of the others' */
	atomic_ulong run;
	atomic_ulong dropped;
};

struct note {
	struct gyre_task task;
	struct world *world;
	unsigned from;
	unsigned to;
	unsigned hops; /* still to go */
	uint64_t number;
	uint64_t checksum;
};

static uint64_t
checksum_of(const struct note *note)
{
	return note->number * 31 + note->from * 7 + note->to + note->hops;
}

/* -- receiving ----------------------------------------------------------- */

static struct loop *
loop_of_thread(void)
{
	return (struct loop *)gyre__outbox_of_thread;
}

/* On the loop it was sent to, it is the next of its sender. */
static void
check_note(const struct note *note)
{
	struct loop *loop = &note->world->loops[note->to];

	CHECK(note->checksum == checksum_of(note));
	if (loop_of_thread() != loop)
		return;
	CHECK(note->number == loop->last[note->from] + 1);
	loop->last[note->from] = note->number;
}

static void
free_note(struct note *note)
{
	note->checksum = ~note->checksum;
	free(note);
}

static void forward(struct note *note, struct sender *sender);

static void
run_note(void *arg)
{
	struct note *note = arg;
	struct loop *loop = loop_of_thread();

	check_note(note);
	CHECK(loop == &note->world->loops[note->to]);
	atomic_fetch_add_explicit(&note->world->run, 1, memory_order_relaxed);
	if (note->hops > 0)
		forward(note, &loop->sender);
	else
		free_note(note);
}

static void
drop_note(void *arg, enum gyre_drop_reason reason)
{
	struct note *note = arg;

	CHECK(reason == GYRE_DROP_STOPPED);
	check_note(note);
	atomic_fetch_add_explicit(&note->world->dropped, 1,
				  memory_order_relaxed);
	free_note(note);
}

static void
run_note_task(struct gyre_task *task)
{
	run_note(task);
}

static void
drop_note_task(struct gyre_task *task, enum gyre_drop_reason reason)
{
	drop_note(task, reason);
}

/* -- sending ------------------------------------------------------------- */

static int
post_note(struct note *note, struct sender *sender, bool as_task)
{
	struct gyre_inbox *inbox = note->world->loops[note->to].sleeper.inbox;
	struct gyre_outbox *outbox = sender->outbox;

	note->task.run = run_note_task;
	note->task.drop = drop_note_task;
	if (as_task)
		return outbox != NULL ? gyre_outbox_add_task(outbox, inbox,
							     &note->task)
				      : gyre_inbox_post(inbox, &note->task);
	if (outbox != NULL)
		return gyre_outbox_add_callback_drop(outbox, inbox, run_note,
						     note, drop_note);
	return gyre__send_callback(inbox, run_note, note, drop_note);
}

/* To one of the loops at random. A refused note is still the sender's. */
static bool
send_note(struct note *note, struct sender *sender)
{
	uint64_t random = harness_random(&sender->random);
	unsigned to = random % LOOPS;
	int result;

	note->from = sender->index;
	note->to = to;
	note->number = sender->numbers[to] + 1;
	note->checksum = checksum_of(note);
	result = post_note(note, sender, random >> 32 & 1);
	CHECK(result == 0 || result == -ESHUTDOWN);
	if (result < 0)
		return false;
	sender->numbers[to]++;
	sender->accepted++;
	return true;
}

static void
forward(struct note *note, struct sender *sender)
{
	note->hops--;
	if (!send_note(note, sender))
		free_note(note);
}

static void
send_new_note(struct sender *sender)
{
	struct note *note = malloc(sizeof(*note));

	CHECK(note != NULL);
	note->world = sender->world;
	note->hops = harness_random(&sender->random) % 8;
	if (!send_note(note, sender))
		free_note(note);
}

static void *
send_notes(void *arg)
{
	struct sender *sender = arg;

	for (unsigned i = 0; i < sender->world->notes; i++) {
		send_new_note(sender);
		if (harness_random(&sender->random) % 64 != 0)
			continue;
		if (sender->outbox != NULL)
			gyre_outbox_flush(sender->outbox);
		sched_yield();
	}
	gyre_outbox_free(sender->outbox);
	return NULL;
}

/* -- loops --------------------------------------------------------------- */

static void
run_stop(struct gyre_task *task)
{
	(void)task;
	loop_of_thread()->stopping = true;
}

static void
drop_stop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)task;
	(void)reason;
	CHECK(!"a loop closes before it is told to");
}

/* Notes of its own accord, in bursts that pass the bounds of a lane. */
static void
send_a_burst(struct loop *loop)
{
	unsigned count = harness_random(&loop->sender.random) % 512;

	if (count >= 200)
		return;
	for (unsigned i = 0; i < count; i++)
		send_new_note(&loop->sender);
}

static void *
run_loop(void *arg)
{
	struct loop *loop = arg;
	struct gyre__outbox *outbox = &loop->outbox;
	struct gyre__chain batch;

	gyre__outbox_enter(outbox);
	while (!loop->stopping) {
		gyre__outbox_take_ready(outbox, &batch);
		gyre__outbox_run(outbox, &batch);
		if (harness_random(&loop->sender.random) % 16 == 0)
			send_a_burst(loop);
		gyre__outbox_flush(outbox);
		if (outbox->ready.head == NULL && !loop->stopping)
			sleeper_sleep(&loop->sleeper);
	}
	gyre__outbox_close(outbox);
	gyre__outbox_leave(outbox);
	sleeper_close(&loop->sleeper);
	CHECK(outbox->posted == outbox->run + outbox->dropped);
	return NULL;
}

static void
report(struct gyre__outbox *outbox, const char *what, void (*fn)(void),
       void *arg)
{
	(void)outbox;
	(void)what;
	(void)fn;
	(void)arg;
	CHECK(!"nothing here raises");
}

/* -- the world ----------------------------------------------------------- */

static void
make_sender(struct sender *sender, struct world *world, unsigned index,
	    uint64_t *seed)
{
	*sender = (struct sender){
		.world = world,
		.index = index,
		.random = harness_random(seed),
	};
}

static struct world *
make_world(unsigned notes, uint64_t *seed)
{
	const struct gyre_outbox_options options = { ._sys = harness_sys() };
	struct world *world = calloc(1, sizeof(*world));

	CHECK(world != NULL);
	world->notes = notes;
	for (unsigned i = 0; i < LOOPS; i++) {
		struct loop *loop = &world->loops[i];

		sleeper_open(&loop->sleeper);
		gyre__outbox_init(&loop->outbox, harness_sys(),
				  loop->sleeper.inbox, report);
		make_sender(&loop->sender, world, i, seed);
		loop->stop.run = run_stop;
		loop->stop.drop = drop_stop;
	}
	for (unsigned i = 0; i < OTHERS; i++)
		make_sender(&world->others[i], world, LOOPS + i, seed);
	CHECK(gyre_outbox_new(&options, &world->others[0].outbox) == 0);
	return world;
}

static void
start_threads(struct world *world)
{
	for (unsigned i = 0; i < LOOPS; i++)
		CHECK(pthread_create(&world->loops[i].sender.thread, NULL,
				     run_loop, &world->loops[i]) == 0);
	for (unsigned i = 0; i < OTHERS; i++)
		CHECK(pthread_create(&world->others[i].thread, NULL, send_notes,
				     &world->others[i]) == 0);
}

/* One after the other, beginning anywhere, a moment apart. */
static void
stop_loops(struct world *world, uint64_t *seed)
{
	unsigned first = harness_random(seed) % LOOPS;

	for (unsigned i = 0; i < LOOPS; i++) {
		struct loop *loop = &world->loops[(first + i) % LOOPS];
		struct timespec moment = {
			.tv_nsec = (long)(harness_random(seed) % 3000000),
		};

		nanosleep(&moment, NULL);
		CHECK(gyre_inbox_post(loop->sleeper.inbox, &loop->stop) == 0);
	}
}

static uint64_t
join_threads(struct world *world)
{
	uint64_t accepted = 0;

	for (unsigned i = 0; i < LOOPS; i++) {
		pthread_join(world->loops[i].sender.thread, NULL);
		accepted += world->loops[i].sender.accepted;
	}
	for (unsigned i = 0; i < OTHERS; i++) {
		pthread_join(world->others[i].thread, NULL);
		accepted += world->others[i].accepted;
	}
	return accepted;
}

struct total {
	uint64_t accepted;
	uint64_t dropped;
	uint64_t rings;
};

/* One world from beginning to end. */
static void
run_world(unsigned notes, uint64_t *seed, struct total *total)
{
	struct world *world = make_world(notes, seed);
	uint64_t accepted;

	start_threads(world);
	stop_loops(world, seed);
	accepted = join_threads(world);
	CHECK(accepted ==
	      atomic_load(&world->run) + atomic_load(&world->dropped));
	total->accepted += accepted;
	total->dropped += atomic_load(&world->dropped);
	for (unsigned i = 0; i < LOOPS; i++) {
		total->rings += world->loops[i].sleeper.inbox->rings;
		gyre_inbox_unref(world->loops[i].sleeper.inbox);
	}
	free(world);
}

int
main(void)
{
	uint64_t seed = harness_seed();
	unsigned worlds = harness_scaled(400);
	struct harness_live before;
	struct total total = { 0 };

	watchdog(60);
	harness_live(&before);
	for (unsigned i = 0; i < worlds; i++)
		run_world(2000, &seed, &total);
	CHECK(harness_live_is(&before));
	printf("%u worlds, %llu notes, %llu dropped, %llu rings\n", worlds,
	       (unsigned long long)total.accepted,
	       (unsigned long long)total.dropped,
	       (unsigned long long)total.rings);
	return 0;
}
