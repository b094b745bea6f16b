/*
 * What the urgent lane must survive: two threads that post, one that pushes as
 * ever, and a consumer that goes to sleep between them, or closes. Each is run
 * or dropped once if it was accepted, and nobody sleeps for ever with an urgent
 * task waiting.
 */
#include "tests/models/explorer.h"

#include "bus/block.h"
#include "bus/inbox.h"

#include <errno.h>

#define POSTERS  3 /* the last one pushes */
#define PUSHER   (POSTERS - 1)
#define CONSUMER POSTERS

struct job {
	struct gyre_task task;
	uint32_t accepted;
	uint32_t ended; /* run or dropped */
};

struct bell {
	struct gyre__doorbell bell;
	uint64_t edge;
};

struct world {
	struct gyre_inbox *inbox;
	struct gyre_sys sys;
	struct bell bell;
	uint64_t ended;
	struct job jobs[POSTERS];
};

static struct world *world;

/* -- the world ------------------------------------------------------------- */

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
end_job(struct gyre_task *task)
{
	((struct job *)task)->ended++;
	world->ended++;
}

static void
drop_job(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	end_job(task);
}

static void
set_up(void)
{
	world = explorer_allocate(sizeof(*world), 0);
	world->sys.allocate = explorer_allocate;
	world->sys.release = explorer_release;
	world->sys.sched_yield = yield;
	world->bell.bell.ring = ring;
	world->inbox = gyre__inbox_new(&world->sys, &world->bell.bell);
	explorer_name_pointer(&world->inbox->head, "head");
	explorer_name_pointer(&world->inbox->urgent, "urgent");
	explorer_name(&world->inbox->poked, "poked");
	explorer_name(&world->inbox->poke, "the poke");
	for (unsigned i = 0; i < POSTERS; i++) {
		world->jobs[i].task.run = end_job;
		world->jobs[i].task.drop = drop_job;
	}
}

static void
post(unsigned thread)
{
	struct job *job = &world->jobs[thread];
	int result =
		thread == PUSHER
			? gyre__inbox_push(world->inbox, &job->task, &job->task)
			: gyre_inbox_post_urgent(world->inbox, &job->task);

	EXPLORER_CHECK(result == 0 || result == -ESHUTDOWN);
	job->accepted = result == 0;
}

/* As the outbox runs a batch: what is urgent first, before each task. */
static void
run_chain(struct gyre__chain *chain)
{
	struct gyre_task *task;

	do {
		if (gyre__inbox_has_urgent(world->inbox)) {
			struct gyre__chain urgent = { 0 };

			gyre__inbox_take_urgent(world->inbox, &urgent);
			while ((task = gyre__chain_pop(&urgent)) != NULL)
				task->run(task);
		}
		task = gyre__chain_pop(chain);
		if (task != NULL)
			task->run(task);
	} while (task != NULL);
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
		struct gyre__chain chain = { 0 };

		gyre__inbox_take(world->inbox, &chain);
		run_chain(&chain);
		if (world->ended == POSTERS)
			return;
		if (!gyre__inbox_arm(world->inbox))
			continue;
		explorer_wait(is_rung, &world->bell, "sleeps until rung");
		world->bell.edge = 0;
	}
}

static void
check_end(void)
{
	for (unsigned i = 0; i < POSTERS; i++)
		EXPLORER_CHECK(world->jobs[i].ended == world->jobs[i].accepted);
}

/* -- overtake: the consumer sleeps and is woken for what is urgent --------- */

static void
overtake_run(unsigned thread)
{
	if (thread == CONSUMER) {
		consume_all();
	} else {
		post(thread);
		EXPLORER_CHECK(world->jobs[thread].accepted);
	}
}

static const struct explorer_scenario overtake = {
	.name = "overtake",
	.threads = POSTERS + 1,
	.thread_names = { "poster 0", "poster 1", "pusher", "consumer" },
	.set_up = set_up,
	.run = overtake_run,
	.check_end = check_end,
};

/* -- close_urgent: the consumer closes while they post --------------------- */

static void
close_run(unsigned thread)
{
	struct gyre__chain chain = { 0 };
	struct gyre_task *task;

	if (thread != CONSUMER) {
		post(thread);
		return;
	}
	gyre__inbox_take(world->inbox, &chain);
	run_chain(&chain);
	gyre__inbox_close(world->inbox, &chain);
	while ((task = gyre__chain_pop(&chain)) != NULL)
		task->drop(task, GYRE_DROP_STOPPED);
}

static const struct explorer_scenario close_urgent = {
	.name = "close_urgent",
	.threads = POSTERS + 1,
	.thread_names = { "poster 0", "poster 1", "pusher", "consumer" },
	.set_up = set_up,
	.run = close_run,
	.check_end = check_end,
};

int
main(int argc, char **argv)
{
	static const struct explorer_scenario *const scenarios[] = {
		&overtake,
		&close_urgent,
		NULL,
	};

	return explorer_main(argc, argv, scenarios);
}
