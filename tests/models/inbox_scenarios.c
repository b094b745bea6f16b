/*
 * What the inbox must survive: three producers and one consumer in every
 * order. Conservation, the producers' own orders, no sleep with work waiting,
 * a ring for each arm that a push ended and no other, and nobody at the bell
 * once close has returned.
 *
 * The bell is an edge-triggered descriptor: rings since the last look are one
 * wake-up, and ringing is a step of its own.
 */
#include "tests/models/explorer.h"

#include "bus/block.h"
#include "bus/inbox.h"

#include <errno.h>

#define PRODUCERS     3
#define CONSUMER      PRODUCERS
#define JOBS_MAX      (3 * PRODUCERS)
#define ROUNDS_CLOSER 2

struct job {
	struct gyre_task task;
	uint32_t producer;
	uint32_t index; /* in its producer's order */
	uint32_t accepted;
	uint32_t refused;
	uint32_t ran;
	uint32_t dropped;
};

struct bell {
	struct gyre__doorbell bell;
	uint64_t edge; /* rung since the consumer last looked */
	uint64_t rings;
	uint64_t closed;
};

struct world {
	struct gyre_inbox *inbox;
	struct gyre_sys sys;
	struct bell bell;
	uint64_t arming; /* the consumer is inside of arm */
	uint64_t releases;
	uint64_t total;
	uint64_t done; /* run or dropped */
	uint64_t next_of[PRODUCERS];
	struct job jobs[JOBS_MAX];
};

static struct world *world;

/* -- the world ----------------------------------------------------------- */

static void
release(void *memory)
{
	world->releases++;
	explorer_release(memory);
}

static int
yield(void)
{
	return 0;
}

/* At most one ring an arm; `arms` is counted after its exchange. */
static void
ring(struct gyre__doorbell *bell)
{
	struct bell *rung = (struct bell *)bell;

	explorer_step("rings the bell");
	EXPLORER_CHECK(!rung->closed);
	EXPLORER_CHECK(rung->rings < world->inbox->arms + world->arming);
	rung->rings++;
	rung->edge = 1;
}

static void
add_job(unsigned producer, unsigned index)
{
	static const char *const job_names[PRODUCERS][3] = {
		{ "job 0a", "job 0b", "job 0c" },
		{ "job 1a", "job 1b", "job 1c" },
		{ "job 2a", "job 2b", "job 2c" },
	};
	struct job *job = &world->jobs[world->total++];

	job->producer = producer;
	job->index = index;
	explorer_name(&job->task, job_names[producer][index]);
}

static void
set_up(const unsigned jobs_of[PRODUCERS])
{
	world = explorer_allocate(sizeof(*world), 0);
	world->sys.allocate = explorer_allocate;
	world->sys.release = release;
	world->sys.sched_yield = yield;
	world->bell.bell.ring = ring;
	world->inbox = gyre__inbox_new(&world->sys, &world->bell.bell);
	explorer_name_pointer(&world->inbox->head, "head");
	explorer_name(&world->inbox->rings, "rings");
	explorer_name(&world->inbox->closed, "closed");
	explorer_name(&world->inbox->refs, "refs");
	explorer_name(NULL, "NULL");
	explorer_name((void *)(uintptr_t)1, "ARMED");
	explorer_name((void *)(uintptr_t)3, "CLOSED");
	for (unsigned i = 0; i < PRODUCERS; i++)
		for (unsigned k = 0; k < jobs_of[i]; k++)
			add_job(i, k);
}

/* -- producers ----------------------------------------------------------- */

static struct job *
job_of(unsigned producer, unsigned index)
{
	for (unsigned i = 0; i < world->total; i++)
		if (world->jobs[i].producer == producer &&
		    world->jobs[i].index == index)
			return &world->jobs[i];
	return NULL;
}

static bool
push(struct job *oldest, struct job *newest)
{
	int result;

	if (newest != oldest)
		newest->task._next = &oldest->task;
	result = gyre__inbox_push(world->inbox, &newest->task, &oldest->task);
	EXPLORER_CHECK(result == 0 || result == -ESHUTDOWN);
	return result == 0;
}

static void
push_one(unsigned producer, unsigned index)
{
	struct job *job = job_of(producer, index);
	bool accepted = push(job, job);

	EXPLORER_CHECK(accepted);
	job->accepted = accepted;
}

static void
push_two(unsigned producer)
{
	struct job *first = job_of(producer, 0);
	struct job *second = job_of(producer, 1);
	bool accepted = push(first, second);

	EXPLORER_CHECK(accepted);
	first->accepted = accepted;
	second->accepted = accepted;
}

/* -- the consumer -------------------------------------------------------- */

static void
run_job(struct gyre_task *task)
{
	struct job *job = (struct job *)task;

	EXPLORER_CHECK(job->index == world->next_of[job->producer]);
	world->next_of[job->producer]++;
	job->ran++;
	world->done++;
}

static void
take_and_run(void)
{
	struct gyre__chain chain = { 0 };
	struct gyre_task *task;
	uint64_t messages = world->done;

	gyre__inbox_take(world->inbox, &chain);
	messages += chain.messages;
	while ((task = gyre__chain_pop(&chain)) != NULL)
		run_job(task);
	EXPLORER_CHECK(world->done == messages);
}

static bool
arm(void)
{
	bool armed;

	world->arming = 1;
	armed = gyre__inbox_arm(world->inbox);
	world->arming = 0;
	return armed;
}

static bool
is_rung(const void *arg)
{
	const struct bell *bell = arg;

	return bell->edge != 0;
}

static void
sleep_until_rung(void)
{
	explorer_wait(is_rung, &world->bell, "sleeps until rung");
	world->bell.edge = 0;
}

/*
 * Take, run and sleep until all has run; of the sleeps some may be ended by
 * something else than the bell. A round takes something, or was woken for
 * nothing: by that, or by a ring so late that its task was already taken.
 */
static void
consume_all(unsigned others)
{
	unsigned left = 2 * (unsigned)world->total + others + 1;

	for (;;) {
		EXPLORER_CHECK(left > 0 && "it sleeps when nothing waits");
		left--;
		take_and_run();
		if (world->done == world->total)
			return;
		if (!arm())
			continue;
		if (others > 0 && explorer_choose(2, "woken by I/O?") == 1)
			others--;
		else
			sleep_until_rung();
	}
}

/* Look a few times before it arms; true: something has come, and nobody has
 * rung for it. */
static bool
spin(void)
{
	uint64_t rings = world->bell.rings;
	unsigned looks = 2;

	while (looks > 0 && gyre__inbox_is_empty(world->inbox))
		looks--;
	EXPLORER_CHECK(world->bell.rings == rings);
	return looks > 0;
}

static void
spin_and_consume_all(void)
{
	for (;;) {
		take_and_run();
		if (world->done == world->total)
			return;
		if (!spin() && arm())
			sleep_until_rung();
	}
}

static void
check_rings(void)
{
	const struct gyre_inbox *inbox = world->inbox;

	EXPLORER_CHECK(inbox->rings == world->bell.rings);
	EXPLORER_CHECK(inbox->arms == inbox->self_disarms + inbox->rings);
}

static void
close_inbox(void)
{
	struct gyre__chain chain = { 0 };
	struct gyre_task *task;

	gyre__inbox_close(world->inbox, &chain);
	world->bell.closed = 1;
	check_rings();
	while ((task = gyre__chain_pop(&chain)) != NULL) {
		((struct job *)task)->dropped++;
		world->done++;
	}
}

/* -- at the end ---------------------------------------------------------- */

static void
check_conservation(void)
{
	for (unsigned i = 0; i < world->total; i++) {
		const struct job *job = &world->jobs[i];

		EXPLORER_CHECK(job->accepted + job->refused == 1);
		EXPLORER_CHECK(job->ran + job->dropped == job->accepted);
	}
}

static void
check_open_end(void)
{
	check_conservation();
	check_rings();
	EXPLORER_CHECK(world->releases == 0);
}

static void
check_released_end(void)
{
	check_conservation();
	EXPLORER_CHECK(world->releases == 1);
}

/* -- wake: pushes of one and of two, and a consumer that sleeps ---------- */

static void
wake_set_up(void)
{
	static const unsigned jobs_of[PRODUCERS] = { 2, 1, 2 };

	set_up(jobs_of);
}

static void
wake_run(unsigned thread)
{
	if (thread == CONSUMER) {
		consume_all(0);
	} else if (thread == 2) {
		push_two(thread);
	} else {
		push_one(thread, 0);
		if (thread == 0)
			push_one(thread, 1);
	}
}

static const struct explorer_scenario wake = {
	.name = "wake",
	.threads = PRODUCERS + 1,
	.thread_names = { "producer 0", "producer 1", "producer 2",
			  "consumer" },
	.set_up = wake_set_up,
	.run = wake_run,
	.check_end = check_open_end,
};

/* -- pair: the least that shows most, for what has many states ----------- */

static void
pair_set_up(void)
{
	static const unsigned jobs_of[PRODUCERS] = { 1, 1, 0 };

	set_up(jobs_of);
}

static void
pair_run(unsigned thread)
{
	if (thread == CONSUMER)
		consume_all(1);
	else if (thread < 2)
		push_one(thread, 0);
}

static const struct explorer_scenario pair = {
	.name = "pair",
	.threads = PRODUCERS + 1,
	.thread_names = { "producer 0", "producer 1", "nobody", "consumer" },
	.set_up = pair_set_up,
	.run = pair_run,
	.check_end = check_open_end,
};

/* -- spin: the consumer looks before it arms ----------------------------- */

static void
spin_run(unsigned thread)
{
	if (thread == CONSUMER)
		spin_and_consume_all();
	else if (thread < 2)
		push_one(thread, 0);
}

static const struct explorer_scenario spinning = {
	.name = "spin",
	.threads = PRODUCERS + 1,
	.thread_names = { "producer 0", "producer 1", "nobody", "consumer" },
	.set_up = pair_set_up,
	.run = spin_run,
	.check_end = check_open_end,
};

/* -- crowd: too much for all schedules, for some at random --------------- */

static void
crowd_set_up(void)
{
	static const unsigned jobs_of[PRODUCERS] = { 3, 3, 3 };

	set_up(jobs_of);
}

static void
crowd_run(unsigned thread)
{
	if (thread == CONSUMER) {
		consume_all(4);
		close_inbox();
		return;
	}
	for (unsigned k = 0; k < 3; k++)
		push_one(thread, k);
}

static const struct explorer_scenario crowd = {
	.name = "crowd",
	.threads = PRODUCERS + 1,
	.thread_names = { "producer 0", "producer 1", "producer 2",
			  "consumer" },
	.random_only = true,
	.set_up = crowd_set_up,
	.run = crowd_run,
	.check_end = check_open_end,
};

/* -- others: some of the sleeps are ended by other events ---------------- */

static void
one_each_set_up(void)
{
	static const unsigned jobs_of[PRODUCERS] = { 1, 1, 1 };

	set_up(jobs_of);
}

static void
others_run(unsigned thread)
{
	if (thread == CONSUMER)
		consume_all(2);
	else
		push_one(thread, 0);
}

static const struct explorer_scenario others = {
	.name = "others",
	.threads = PRODUCERS + 1,
	.thread_names = { "producer 0", "producer 1", "producer 2",
			  "consumer" },
	.set_up = one_each_set_up,
	.run = others_run,
	.check_end = check_open_end,
};

/* -- close: races pushes and rings --------------------------------------- */

static void
close_set_up(void)
{
	static const unsigned jobs_of[PRODUCERS] = { 2, 1, 1 };

	set_up(jobs_of);
}

/* What is refused once is refused for good. Nobody gives a reference back,
 * which would double the steps; that is in other scenarios. */
static void
push_while_open(unsigned producer)
{
	bool refused = false;

	for (unsigned k = 0; job_of(producer, k) != NULL; k++) {
		struct job *job = job_of(producer, k);

		job->accepted = push(job, job);
		job->refused = !job->accepted;
		EXPLORER_CHECK(!(refused && job->accepted));
		refused = job->refused;
	}
}

static void
close_run(unsigned thread)
{
	if (thread != CONSUMER) {
		push_while_open(thread);
		return;
	}
	for (unsigned i = 0; i < ROUNDS_CLOSER; i++) {
		if (explorer_choose(2, "closes?") == 1 || !arm())
			break;
		if (explorer_choose(2, "closes, armed?") == 1)
			break;
		if (world->done < world->total)
			sleep_until_rung();
		take_and_run();
	}
	close_inbox();
}

static const struct explorer_scenario close_races = {
	.name = "close",
	.threads = PRODUCERS + 1,
	.thread_names = { "producer 0", "producer 1", "producer 2",
			  "consumer" },
	.set_up = close_set_up,
	.run = close_run,
	.check_end = check_open_end,
};

/* -- last touch: pushers without a reference of their own ---------------- */

static void
last_touch_run(unsigned thread)
{
	if (thread == CONSUMER) {
		consume_all(2);
		close_inbox();
		gyre_inbox_unref(world->inbox);
	} else {
		push_one(thread, 0);
	}
}

static const struct explorer_scenario last_touch = {
	.name = "last_touch",
	.threads = PRODUCERS + 1,
	.thread_names = { "producer 0", "producer 1", "producer 2",
			  "consumer" },
	.set_up = one_each_set_up,
	.run = last_touch_run,
	.check_end = check_released_end,
};

/* -- references: the last one back releases, the closed flag is seen ----- */

static void
references_set_up(void)
{
	static const unsigned jobs_of[PRODUCERS] = { 1, 0, 0 };

	set_up(jobs_of);
	gyre__inbox_ref_many(world->inbox, PRODUCERS);
}

static void
references_run(unsigned thread)
{
	if (thread == CONSUMER)
		close_inbox();
	else if (thread == 0)
		push_while_open(thread);
	else
		gyre_inbox_unref(gyre_inbox_ref(world->inbox));
	if (thread == 0 && world->jobs[0].refused)
		EXPLORER_CHECK(gyre__inbox_is_closed(world->inbox));
	gyre_inbox_unref(world->inbox);
}

static const struct explorer_scenario references = {
	.name = "references",
	.threads = PRODUCERS + 1,
	.thread_names = { "producer 0", "holder 1", "holder 2", "consumer" },
	.set_up = references_set_up,
	.run = references_run,
	.check_end = check_released_end,
};

int
main(int argc, char **argv)
{
	static const struct explorer_scenario *const scenarios[] = {
		&pair,       &spinning,   &wake,  &others, &close_races,
		&last_touch, &references, &crowd, NULL,
	};

	return explorer_main(argc, argv, scenarios);
}
