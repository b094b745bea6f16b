/*
 * A loop in a fork of the process that made it. L13, on the real poller, which
 * parent and child may share.
 */
#include "tests/support/loop_fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int pipe_fds[2];
static struct gyre_future *future;
static gyre_timeout timeout;

static pid_t parent;

/* What waits is the parent's to run. */
static void
trace_in_parent(void *word)
{
	CHECK(getpid() == parent);
	trace(word);
}

static void
stop_in_parent(int fd, unsigned events, void *word)
{
	CHECK(getpid() == parent);
	stop_handler(fd, events, word);
}

static int
set_up_with_work(void **state)
{
	real_set_up(state);
	parent = getpid();
	make_pipe(pipe_fds);
	handle(pipe_fds[0], GYRE_READ, stop_in_parent, "handler");
	timeout = call_later(0, trace_in_parent, "timeout");
	future = gyre_future_new(the_loop);
	return future == NULL;
}

static int
tear_down_work(void **state)
{
	gyre_loop_clear_current();
	gyre_future_unref(future);
	gyre_loop_remove_handler(the_loop, pipe_fds[0]);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return loop_tear_down(state);
}

static void
assert_good_in_a_fork(void (*body)(void *arg))
{
	char output[1024];
	int status = in_child(body, NULL, output, sizeof(output));

	assert_string_equal(output, "");
	assert_int_equal(status, 0);
}

/* All that the parent had waiting is still there, and the kernel tells it. */
static void
assert_unharmed(void)
{
	unsigned writes = fake_counts().writes;

	CHECK(write(pipe_fds[1], "x", 1) == 1);
	run();
	assert_trace("timeout handler");
	/* Nobody rang: the child did not, and the parent had no need. */
	assert_int_equal(fake_counts().writes, writes);
}

/* -- what a child is refused ---------------------------------------------- */

static void
on_future(struct gyre_future *unused, void *arg)
{
	(void)unused;
	(void)arg;
	abort();
}

static void *
job(void *arg)
{
	abort();
	return arg;
}

static struct gyre_future *
no_function(void *arg)
{
	abort();
	return arg;
}

static void
never(void *arg)
{
	(void)arg;
	abort();
}

static void
never_dropped(void *arg, enum gyre_drop_reason reason)
{
	(void)arg;
	(void)reason;
	abort();
}

static void
never_handled(int fd, unsigned events, void *arg)
{
	(void)fd;
	(void)events;
	never(arg);
}

static void
expect_no_run(void)
{
	void *value = &value;

	CHECK(gyre_loop_start(the_loop) == -EPERM);
	CHECK(gyre_loop_run_sync(the_loop, no_function, NULL, GYRE_FOREVER,
				 &value) == -EPERM);
	CHECK(value == &value);
	CHECK(gyre_loop_drain(the_loop, GYRE_FOREVER) == -EPERM);
	CHECK(gyre_loop_close(the_loop, true) == -EPERM);
	CHECK(gyre_loop_make_current(the_loop) == -EPERM);
	CHECK(!gyre_loop_in_owner_thread(the_loop));
}

static void
never_run(struct gyre_task *task)
{
	never(task);
}

static void
never_drop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	never_dropped(task, reason);
}

static void
expect_no_work(void)
{
	struct gyre_task task = { .run = never_run, .drop = never_drop };
	gyre_timeout untouched = 7;

	CHECK(gyre_inbox_post(gyre_loop_inbox(the_loop), &task) == -EPERM);
	CHECK(gyre_loop_add_callback(the_loop, never, NULL) == -EPERM);
	CHECK(gyre_loop_add_callback_drop(the_loop, never, NULL,
					  never_dropped) == -EPERM);
	CHECK(gyre_loop_call_at(the_loop, 0, never, NULL, &untouched) ==
	      -EPERM);
	CHECK(gyre_loop_call_later(the_loop, 0, never, NULL, &untouched) ==
	      -EPERM);
	CHECK(gyre_loop_add_timeout(the_loop, gyre_after(0), never, NULL,
				    &untouched) == -EPERM);
	CHECK(untouched == 7);
	CHECK(gyre_loop_add_future(the_loop, future, on_future, NULL) ==
	      -EPERM);
	CHECK(gyre_loop_run_in_executor(the_loop, NULL, job, NULL) == NULL);
}

static void
expect_no_poller(void)
{
	CHECK(gyre_loop_add_handler(the_loop, pipe_fds[1], GYRE_WRITE,
				    never_handled, NULL) == -EPERM);
	CHECK(gyre_loop_update_handler(the_loop, pipe_fds[0], GYRE_NONE) ==
	      -EPERM);
	CHECK(gyre_loop_remove_handler(the_loop, pipe_fds[0]) == -EPERM);
	gyre_loop_remove_timeout(the_loop, timeout);
	gyre_loop_stop(the_loop);
}

/* No system call either: neither the poller nor the wake channel is asked. */
static void
use_as_a_child(void *unused)
{
	struct fake_counts before = fake_counts();

	(void)unused;
	expect_no_run();
	expect_no_work();
	expect_no_poller();
	CHECK(fake_counts().writes == before.writes);
	CHECK(fake_counts().polls == before.polls);
	CHECK(fake_counts().allocations == before.allocations);
}

/* L13 holds: a fork is noticed at every entry, before anything is touched that
 * parent and child share: -EPERM, or nothing happens. The child may free the
 * loop, which closes its copies of the descriptors, and make loops of its own;
 * whatever it does, the parent's loop goes on. */
static void
L13_a_fork_is_refused_everything(void **state)
{
	(void)state;
	assert_good_in_a_fork(use_as_a_child);
	assert_unharmed();
}

static void
wake_as_a_child(void *unused)
{
	(void)unused;
	gyre_loop_stop(the_loop);
	expect_no_work();
}

/* From here on the loop sleeps, as far as all others know. */
static void
fork_before_sleep(bool may_sleep)
{
	if (may_sleep)
		assert_good_in_a_fork(wake_as_a_child);
}

static void
L13_a_fork_does_not_wake_a_loop_that_sleeps(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	fake_on_wait = fork_before_sleep;
	call_later(GYRE_MS(5), stop_callback, "in time");
	run();
	assert_trace("timeout in time");
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.sleeps, 1);
	assert_int_equal(stats.polls, 1);
}

/* -- what a child may do -------------------------------------------------- */

static void
see_no_current(void *unused)
{
	(void)unused;
	CHECK(gyre_loop_current(false) == NULL);
}

static void
L13_the_parent_s_loop_is_not_current_in_a_fork(void **state)
{
	(void)state;
	assert_int_equal(gyre_loop_make_current(the_loop), 0);
	assert_good_in_a_fork(see_no_current);
	assert_ptr_equal(gyre_loop_current(false), the_loop);
	assert_unharmed();
}

/* How many of a loop's descriptors a child has copies of: a kqueue is not
 * inherited. */
static unsigned
inherited_descriptors(void)
{
	return poller_is("kqueue") ? 0 : loop_descriptors();
}

/* What is the child's: its memory and its copies of descriptors. */
static void
free_as_a_child(void *unused)
{
	unsigned descriptors = open_descriptors();

	(void)unused;
	gyre_loop_free(the_loop);
	gyre_future_unref(future);
	CHECK(open_descriptors() == descriptors - inherited_descriptors());
	CHECK(fake_counts().allocations == 0);
}

static void
L13_a_fork_may_free_the_loop_and_runs_nothing(void **state)
{
	(void)state;
	assert_good_in_a_fork(free_as_a_child);
	assert_unharmed();
	/* The registration, too: the handler is called a second time. */
	add_callback(trace_in_parent, "again");
	run();
	assert_trace("again handler");
}

static void
live_as_a_child(void *unused)
{
	struct gyre_loop *parent_s = the_loop;

	(void)unused;
	the_loop = gyre_loop_current(true);
	CHECK(the_loop != NULL && the_loop != parent_s);
	CHECK(gyre_loop_current(false) == the_loop);
	handle(pipe_fds[1], GYRE_WRITE, stop_handler, NULL);
	CHECK(gyre_loop_start(the_loop) == 0);
	gyre_loop_free(parent_s);
	CHECK(gyre_loop_start(the_loop) == 0);
	close_and_free(the_loop);
}

static void
L13_a_fork_may_make_and_run_its_own(void **state)
{
	(void)state;
	assert_int_equal(gyre_loop_make_current(the_loop), 0);
	assert_good_in_a_fork(live_as_a_child);
	assert_unharmed();
}

/* -- a fork of the thread that runs the loop ------------------------------- */

static void
use_inside_as_a_child(void *unused)
{
	(void)unused;
	CHECK(gyre_loop_start(the_loop) == -EBUSY);
	CHECK(gyre_loop_current(false) == NULL);
	CHECK(gyre_loop_close(the_loop, false) == -EPERM);
	expect_no_work();
	expect_no_poller();
}

static void
fork_and_go_on(void *word)
{
	assert_good_in_a_fork(use_inside_as_a_child);
	trace(word);
}

static void
L13_a_fork_inside_a_callback_leaves_the_run_alone(void **state)
{
	(void)state;
	add_callback(fork_and_go_on, "callback");
	CHECK(write(pipe_fds[1], "x", 1) == 1);
	run();
	assert_trace("callback timeout handler");
}

static pid_t child;

static void
fork_and_return(void *word)
{
	fflush(NULL);
	child = fork();
	CHECK(child >= 0);
	if (child > 0)
		trace(word);
}

/* In the child the run ends: what it would do next is the parent's. */
static void
end_as_a_child(int result)
{
	signal(SIGABRT, SIG_DFL);
	CHECK(result == -EPERM);
	gyre_loop_free(the_loop);
	_exit(0);
}

static void
L13_a_run_ends_in_the_fork_and_goes_on_in_the_parent(void **state)
{
	int status = -1;
	int result;

	(void)state;
	add_callback(fork_and_return, "callback");
	add_callback(trace_in_parent, "next");
	CHECK(write(pipe_fds[1], "x", 1) == 1);
	result = gyre_loop_start(the_loop);
	if (child == 0)
		end_as_a_child(result);
	assert_int_equal(result, 0);
	assert_trace("callback next timeout handler");
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Of two that are ready the first forks, whichever that is. */
static void
fork_first(int fd, unsigned events, void *word)
{
	(void)fd;
	(void)events;
	if (child < 0)
		fork_and_return(word);
	else
		trace_in_parent(word);
	if (child > 0)
		gyre_loop_stop(the_loop);
}

static void
assert_good_child(void)
{
	int status = -1;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* The rest of the batch is the parent's, too. */
static void
L13_a_fork_in_a_timeout_runs_none_of_the_others(void **state)
{
	int result;

	(void)state;
	gyre_loop_remove_timeout(the_loop, timeout);
	call_later(-2, fork_and_return, "forked");
	call_later(-1, trace_in_parent, "next");
	CHECK(write(pipe_fds[1], "x", 1) == 1);
	result = gyre_loop_start(the_loop);
	if (child == 0)
		end_as_a_child(result);
	assert_int_equal(result, 0);
	assert_trace("forked next handler");
	assert_good_child();
}

static void
L13_a_fork_in_a_handler_calls_none_of_the_others(void **state)
{
	int other[2];
	int result;

	(void)state;
	make_pipe(other);
	gyre_loop_remove_timeout(the_loop, timeout);
	set_handler(pipe_fds[0], GYRE_READ, fork_first, "one");
	set_handler(other[0], GYRE_READ, fork_first, "one");
	CHECK(write(pipe_fds[1], "x", 1) == 1);
	CHECK(write(other[1], "x", 1) == 1);
	child = -1;
	result = gyre_loop_start(the_loop);
	if (child == 0)
		end_as_a_child(result);
	assert_int_equal(result, 0);
	assert_trace("one one");
	assert_good_child();
	gyre_loop_remove_handler(the_loop, other[0]);
	close(other[0]);
	close(other[1]);
}

#define FORK_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up_with_work, tear_down_work)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FORK_TEST(L13_a_fork_is_refused_everything),
		FORK_TEST(L13_a_fork_does_not_wake_a_loop_that_sleeps),
		FORK_TEST(L13_the_parent_s_loop_is_not_current_in_a_fork),
		FORK_TEST(L13_a_fork_may_free_the_loop_and_runs_nothing),
		FORK_TEST(L13_a_fork_may_make_and_run_its_own),
		FORK_TEST(L13_a_fork_inside_a_callback_leaves_the_run_alone),
		FORK_TEST(L13_a_run_ends_in_the_fork_and_goes_on_in_the_parent),
		FORK_TEST(L13_a_fork_in_a_timeout_runs_none_of_the_others),
		FORK_TEST(L13_a_fork_in_a_handler_calls_none_of_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
