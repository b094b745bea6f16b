/*
 * The hot paths, each done n and then 2n times between two marks, for
 * budgets_test, which counts the instructions, the system calls and the
 * allocations between marks. The difference is what n operations cost.
 */
#include <gyre/embedding.h>
#include <gyre/gyre.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TIMES       1024u
#define DESCRIPTORS 64u
#define POOL_WINDOW 256u
#define GATHERED    16u

#define MUST(x)                                                 \
	((x) ? (void)0                                          \
	     : (fprintf(stderr, "hot_paths: not so: %s\n", #x), \
		exit(EXIT_FAILURE)))

struct path {
	const char *name;
	void (*prepare)(unsigned times);
	void (*measure)(unsigned times); /* all between the marks */
	void (*finish)(unsigned times);
};

static struct gyre_loop *loop, *other;
static struct gyre_outbox *outbox;
static struct gyre_executor *lane;
static struct gyre_task tasks[2 * TIMES];
static gyre_timeout timeouts[2 * TIMES];
static struct gyre_job jobs[POOL_WINDOW];
static int64_t now_ns;
static unsigned ran;      /* since the preparation */
static unsigned to_start; /* jobs that were not submitted yet, */
static unsigned to_end;   /* and that are not done */

/* What budgets_test tells from all else. Not static, and with an effect of its
 * own, so that it stays a function. */
__attribute__((noinline)) void mark(void);

void
mark(void)
{
	ssize_t result = write(-1, NULL, 0);

	(void)result;
}

static void
nothing(unsigned times)
{
	(void)times;
}

static void
count(void *arg)
{
	(void)arg;
	ran++;
}

static void
iterate(struct gyre_loop *which)
{
	MUST(gyre_loop_run_once(which, 0) == 0);
}

static void
take(unsigned times)
{
	ran = 0;
	iterate(loop);
	MUST(ran == times);
}

/* -- from a thread that runs no loop, as this one outside of its loops ------
 */

static void
post(unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		MUST(gyre_loop_add_callback(loop, count, NULL) == 0);
}

static void
run_counted(struct gyre_task *task)
{
	(void)task;
	ran++;
}

static void
drop_counted(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)task;
	(void)reason;
	abort();
}

static void
post_tasks(unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		tasks[i].run = run_counted;
		tasks[i].drop = drop_counted;
		MUST(gyre_inbox_post(gyre_loop_inbox(loop), &tasks[i]) == 0);
	}
}

static void
gather(unsigned times)
{
	struct gyre_inbox *inbox = gyre_loop_inbox(loop);

	for (unsigned i = 0; i < times; i++) {
		MUST(gyre_outbox_add_callback(outbox, inbox, count, NULL) == 0);
		if (i % GATHERED == GATHERED - 1)
			gyre_outbox_flush(outbox);
	}
}

/* -- from a loop ----------------------------------------------------------- */

static void
send_all(void *times)
{
	for (unsigned i = 0; i < *(unsigned *)times; i++)
		MUST(gyre_loop_add_callback(loop, count, NULL) == 0);
}

static void
prepare_send(unsigned times)
{
	static unsigned number;

	number = times;
	MUST(gyre_loop_add_callback(other, send_all, &number) == 0);
}

static void
send(unsigned times)
{
	(void)times;
	iterate(other);
}

static void
send_home(unsigned times)
{
	take(times);
	/* The blocks are home again. */
	iterate(other);
}

static void
prepare_take_sent(unsigned times)
{
	prepare_send(times);
	send(times);
}

static void
add_again(void *arg)
{
	MUST(gyre_loop_add_callback(loop, count, arg) == 0);
}

static void
add_all(void *times)
{
	for (unsigned i = 0; i < *(unsigned *)times; i++)
		MUST(gyre_loop_add_callback(loop, add_again, NULL) == 0);
}

static void
prepare_self(unsigned times)
{
	static unsigned number;

	number = times;
	MUST(gyre_loop_add_callback(loop, add_all, &number) == 0);
	iterate(loop);
}

/* Each runs, and adds another. */
static void
add_self(unsigned times)
{
	(void)times;
	iterate(loop);
}

/* -- timeouts -------------------------------------------------------------- */

static int64_t
clock_now(void *arg)
{
	(void)arg;
	return now_ns;
}

/* From 1 to 60 s from now, and the same ones in each run. */
static int64_t
next_deadline(void)
{
	static uint32_t seed = 1;

	seed = seed * 1664525 + 1013904223;
	return now_ns + GYRE_SECONDS(1) + seed % 59000 * GYRE_MS(1);
}

static void
arm(unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		MUST(gyre_loop_call_at(loop, next_deadline(), count, NULL,
				       &timeouts[i]) == 0);
}

static void
cancel(unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		gyre_loop_remove_timeout(loop, timeouts[i]);
}

static void
postpone(unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		MUST(gyre_loop_update_timeout(loop, timeouts[i],
					      now_ns + GYRE_SECONDS(60)) == 0);
}

static void
prepare_churn(unsigned times)
{
	(void)times;
	arm(TIMES);
}

static void
churn(unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		gyre_loop_remove_timeout(loop, timeouts[i % TIMES]);
		MUST(gyre_loop_call_at(loop, next_deadline(), count, NULL,
				       &timeouts[i % TIMES]) == 0);
	}
}

static void
finish_churn(unsigned times)
{
	(void)times;
	cancel(TIMES);
}

static void
prepare_expire(unsigned times)
{
	arm(times);
	now_ns += GYRE_SECONDS(61);
}

/* -- descriptors ----------------------------------------------------------- */

static int pipes[DESCRIPTORS][2];

static void
count_event(int fd, unsigned events, void *arg)
{
	(void)fd;
	(void)events;
	(void)arg;
	ran++;
}

static void
prepare_dispatch(unsigned times)
{
	(void)times;
	for (unsigned i = 0; i < DESCRIPTORS; i++) {
		MUST(pipe(pipes[i]) == 0);
		MUST(write(pipes[i][1], "", 1) == 1);
		MUST(gyre_loop_add_handler(loop, pipes[i][0], GYRE_READ,
					   count_event, NULL) == 0);
	}
}

static void
dispatch(unsigned times)
{
	ran = 0;
	while (ran < times)
		iterate(loop);
	MUST(ran == times);
}

static void
finish_dispatch(unsigned times)
{
	(void)times;
	for (unsigned i = 0; i < DESCRIPTORS; i++) {
		gyre_loop_remove_handler(loop, pipes[i][0]);
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
}

/* -- the pool -------------------------------------------------------------- */

static void
run_job(struct gyre_job *job)
{
	(void)job;
}

static void
submit(struct gyre_job *job)
{
	to_start--;
	MUST(gyre_executor_submit_job(lane, job) == 0);
}

static void
job_done(struct gyre_job *job)
{
	if (to_start > 0)
		submit(job);
	if (--to_end == 0)
		gyre_loop_stop(loop);
}

static void
use_pool(unsigned times)
{
	to_start = times;
	to_end = times;
	for (unsigned i = 0; i < POOL_WINDOW; i++)
		submit(&jobs[i]);
	MUST(gyre_loop_start(loop) == 0);
}

/* -- all ------------------------------------------------------------------- */

static const struct path paths[] = {
	{ "post", nothing, post, take },
	{ "take", post, take, nothing },
	{ "gather_16", nothing, gather, take },
	{ "take_16", gather, take, nothing },
	{ "post_task", nothing, post_tasks, take },
	{ "take_task", post_tasks, take, nothing },
	{ "send", prepare_send, send, send_home },
	{ "take_sent", prepare_take_sent, take, nothing },
	{ "self_post", prepare_self, add_self, take },
	{ "arm", nothing, arm, cancel },
	{ "cancel", arm, cancel, nothing },
	{ "postpone", arm, postpone, cancel },
	{ "churn", prepare_churn, churn, finish_churn },
	{ "expire", prepare_expire, take, nothing },
	{ "dispatch", prepare_dispatch, dispatch, finish_dispatch },
	{ "pool", nothing, use_pool, nothing },
};

#define PATHS (sizeof(paths) / sizeof(paths[0]))

static void
measure(const struct path *path, unsigned times)
{
	path->prepare(times);
	mark();
	path->measure(times);
	mark();
	path->finish(times);
}

static void
set_up(struct gyre_pool **ret_pool)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		.clock = { .now_ns = clock_now },
	};
	const struct gyre_pool_options threads = { .fast.threads_max = 1 };
	struct gyre_job_options job = { .run = run_job, .done = job_done };

	MUST(gyre_loop_new(&options, &loop) == 0);
	MUST(gyre_loop_new(&options, &other) == 0);
	MUST(gyre_outbox_new(NULL, &outbox) == 0);
	MUST(gyre_pool_new(&threads, ret_pool) == 0);
	lane = gyre_pool_lane(*ret_pool, "fast");
	job.home = gyre_loop_inbox(loop);
	for (unsigned i = 0; i < POOL_WINDOW; i++)
		gyre_job_init(&jobs[i], &job);
}

/* What each path is warm after: everything has its memory. */
static void
warm_up(void)
{
	for (unsigned i = 0; i < PATHS; i++)
		for (unsigned round = 0; round < 2; round++) {
			paths[i].prepare(2 * TIMES);
			paths[i].measure(2 * TIMES);
			paths[i].finish(2 * TIMES);
		}
}

int
main(void)
{
	struct gyre_pool *pool;

	set_up(&pool);
	warm_up();
	for (unsigned i = 0; i < PATHS; i++) {
		printf("%s %u\n", paths[i].name, TIMES);
		measure(&paths[i], TIMES);
		measure(&paths[i], 2 * TIMES);
	}
	gyre_outbox_free(outbox);
	gyre_pool_free(pool);
	MUST(gyre_loop_close(loop, false) == 0);
	MUST(gyre_loop_close(other, false) == 0);
	gyre_loop_free(loop);
	gyre_loop_free(other);
	return EXIT_SUCCESS;
}
