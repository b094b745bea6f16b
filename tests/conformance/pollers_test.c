/*
 * Pollers as documented, each that is here: which one a loop has, what it
 * registers, how much a poll returns and how long it waits, what wakes it.
 */
#include "tests/support/loop_fixture.h"

#include "loop/loop.h"

#include <sys/resource.h>
#include <unistd.h>

/* Those that gyre brings; some are not here. */
static const char *const names[] = { "epoll", "kqueue", "poll" };

/* Begin anew with the_loop on this poller; false: it is not here. */
static bool
begin_on(const char *name)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		.poller = gyre_poller_find(name),
		._sys = &fake_sys,
	};

	if (options.poller == NULL)
		return false;
	fake_reset();
	the_loop = new_loop(&options);
	return true;
}

static void
end(void)
{
	close_and_free(the_loop);
	the_loop = NULL;
	assert_int_equal(fake_counts().allocations, 0);
}

/* Run a test's body once with each. */
static void
on_each_poller(void (*body)(void))
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!begin_on(names[i]))
			continue;
		body();
		end();
	}
}

/* -- which one ------------------------------------------------------------ */

static const char *opened;

static int
no_parts(const struct gyre_sys *sys, void **ret_poller)
{
	(void)sys;
	(void)ret_poller;
	opened = "mine";
	return -ENODEV;
}

static char line[256];
static unsigned lines;

static void
keep_line(enum gyre_log_level level, const char *text, void *arg)
{
	(void)arg;
	assert_int_equal(level, GYRE_LOG_ERROR);
	snprintf(line, sizeof(line), "%s", text);
	lines++;
}

static int
new_with_environment(const char *value, const struct gyre_poller_ops *option)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		.log = { .fn = keep_line },
		.poller = option,
		._sys = &fake_sys,
	};
	const char *kept = getenv("GYRE_POLLER");
	char before[32] = "";
	int result;

	if (kept != NULL)
		snprintf(before, sizeof(before), "%s", kept);
	lines = 0;
	if (value != NULL)
		setenv("GYRE_POLLER", value, 1);
	else
		unsetenv("GYRE_POLLER");
	result = gyre_loop_new(&options, &the_loop);
	setenv("GYRE_POLLER", before, 1);
	return result;
}

/* How many waits a loop of poll(2) makes: it is told from others by that. */
static unsigned poll_calls;

static int
count_poll(struct pollfd *fds, nfds_t count, const struct timespec *timeout)
{
	poll_calls++;
	return gyre__sys_default.poll(fds, count, timeout);
}

/* L11 holds: a loop's poller is the option's, else the one that GYRE_POLLER
 * names, else epoll, else kqueue, else poll. A name that is not here answers
 * -ENOTSUP, with a line that says which are. */
static void
L11_the_environment_chooses_by_name(void **state)
{
	static const struct {
		const char *value;
		bool polls;
	} cases[] = { { NULL, false }, { "", false }, { "poll", true } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_reset();
		fake_sys.poll = count_poll;
		poll_calls = 0;
		assert_int_equal(new_with_environment(cases[i].value, NULL), 0);
		call_later(GYRE_MS(1), stop_callback, NULL);
		run();
		assert_int_equal(poll_calls > 0, cases[i].polls);
		end();
	}
}

static void
L11_the_option_comes_before_the_environment(void **state)
{
	struct gyre_poller_ops mine = *gyre_poller_find("poll");

	(void)state;
	mine.open = no_parts;
	opened = NULL;
	assert_int_equal(new_with_environment("no such", &mine), -ENODEV);
	assert_string_equal(opened, "mine");
	assert_int_equal(lines, 0);
}

static void
L11_a_poller_that_is_not_here_is_refused_by_name(void **state)
{
	struct gyre_loop *untouched = the_loop;

	(void)state;
	fake_reset();
	assert_int_equal(new_with_environment("select", NULL), -ENOTSUP);
	assert_ptr_equal(the_loop, untouched);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(line, "\"select\""));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(strstr(line, names[i]) != NULL,
				 gyre_poller_find(names[i]) != NULL);
	assert_int_equal(fake_counts().allocations, 0);
	assert_null(gyre_poller_find("select"));
}

static void
L11_the_best_comes_first(void **state)
{
	const char *best = "poll";

	(void)state;
	for (size_t i = sizeof(names) / sizeof(names[0]); i-- > 0;)
		if (gyre_poller_find(names[i]) != NULL)
			best = names[i];
	assert_string_equal(gyre_poller_find(NULL)->name, best);
	assert_non_null(gyre_poller_find("poll"));
}

/* -- how much, and how long ----------------------------------------------- */

#define MANY 300

static unsigned runs[MANY];
static unsigned all_runs;

static void
count_run(int fd, unsigned events, void *arg)
{
	(void)fd;
	(void)events;
	(*(unsigned *)arg)++;
	all_runs++;
}

static void
stop_after_two_polls(void *arg)
{
	if (fake_counts().polls >= 2)
		gyre_loop_stop(the_loop);
	else
		add_callback(stop_after_two_polls, arg);
}

static void
more_than_a_batch(void)
{
	int fds[MANY];
	int ends[2];

	make_pipe(ends);
	assert_int_equal(write(ends[1], "x", 1), 1);
	memset(runs, 0, sizeof(runs));
	all_runs = 0;
	for (int i = 0; i < MANY; i++) {
		fds[i] = dup(ends[0]);
		assert_int_equal(gyre_loop_add_handler(the_loop, fds[i],
						       GYRE_READ, count_run,
						       &runs[i]),
				 0);
	}
	add_callback(stop_after_two_polls, NULL);
	run();
	assert_int_equal(fake_counts().polls, 2);
	assert_int_equal(all_runs, 2 * GYRE__POLL_EVENTS_MAX);
	for (int i = 0; i < MANY; i++) {
		assert_in_range(runs[i], 1, 2);
		gyre_loop_remove_handler(the_loop, fds[i]);
		close(fds[i]);
	}
	close(ends[0]);
	close(ends[1]);
}

/* L42 holds: a poll returns at most 256 events, and the next one begins with
 * those that it left: none of 300 that stay ready waits for a third. */
static void
L42_more_ready_than_one_batch_come_with_the_next(void **state)
{
	(void)state;
	assert_true(MANY > GYRE__POLL_EVENTS_MAX);
	on_each_poller(more_than_a_batch);
}

static void
sleep_in_small_steps(void)
{
	int64_t begin = gyre_loop_time(the_loop);

	for (int i = 1; i <= 20; i++)
		call_later(GYRE_US(300 * i), trace_arg, ".");
	call_later(GYRE_US(6300), stop_callback, NULL);
	run();
	assert_true(gyre_loop_time(the_loop) - begin >= GYRE_US(6300));
	assert_trace(". . . . . . . . . . . . . . . . . . . .");
	assert_in_range(fake_counts().polls, 1, 30);
}

/* L105 holds: a poll waits to the nanosecond, and where the kernel can't do
 * that to the next millisecond: the rest of a timeout is slept through and
 * not polled away. */
static void
L105_timeouts_are_never_early_and_do_not_spin(void **state)
{
	(void)state;
	on_each_poller(sleep_in_small_steps);
}

#if defined(__linux__)
static int
no_pwait2(int epoll, struct epoll_event *events, int max,
	  const struct timespec *timeout, const sigset_t *mask)
{
	(void)epoll;
	(void)events;
	(void)max;
	(void)timeout;
	(void)mask;
	errno = ENOSYS;
	return -1;
}

static void
L105_nor_do_they_on_a_kernel_of_milliseconds(void **state)
{
	(void)state;
	assert_true(begin_on("epoll"));
	fake_sys.epoll_pwait2 = no_pwait2;
	sleep_in_small_steps();
	end();
}
#endif

/* -- what is registered --------------------------------------------------- */

static void
add_twice(void)
{
	int fds[2];

	make_pair(fds);
	assert_int_equal(write(fds[1], "x", 1), 1);
	handle(fds[0], GYRE_READ, stop_handler, "first");
	assert_int_equal(gyre_loop_add_handler(the_loop, fds[0], GYRE_WRITE,
					       trace_handler, NULL),
			 -EEXIST);
	run();
	assert_trace("first");
	close(fds[0]);
	close(fds[1]);
}

/* L184 holds: a second handler for a descriptor is -EEXIST with every poller,
 * and the first stays as it was: the loop's own table is asked first. */
static void
L184_a_second_add_changes_nothing(void **state)
{
	(void)state;
	on_each_poller(add_twice);
}

static unsigned seen;

static void
note_and_stop(int fd, unsigned events, void *arg)
{
	(void)fd;
	(void)arg;
	seen |= events;
	gyre_loop_stop(the_loop);
}

static void
wait_with_much_to_read(void)
{
	int fds[2];

	make_pair(fds);
	assert_int_equal(write(fds[1], "x", 1), 1);
	handle(fds[0], GYRE_NONE, note_and_stop, NULL);
	call_later(GYRE_MS(5), stop_callback, NULL);
	seen = 0;
	run();
	assert_int_equal(seen, 0);
	/* Nothing woke it either. */
	assert_in_range(fake_counts().polls, 1, 2);
	gyre_loop_update_handler(the_loop, fds[0], GYRE_WRITE);
	run();
	assert_int_equal(seen, GYRE_WRITE);
	close(fds[0]);
	close(fds[1]);
}

/* L187 holds: a poller waits for what it was told and for no READ of its own
 * accord; data that nobody asked for ends no poll. */
static void
L187_data_that_nobody_asked_for_ends_no_poll(void **state)
{
	(void)state;
	on_each_poller(wait_with_much_to_read);
}

/* -- the limits of select ------------------------------------------------- */

#define HIGH 1500

static void
handle_a_high_one(void)
{
	int fds[2];

	make_pair(fds);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(dup2(fds[0], HIGH), HIGH);
	handle(HIGH, GYRE_READ, stop_handler, "high");
	run();
	assert_trace("high");
	gyre_loop_remove_handler(the_loop, HIGH);
	close(HIGH);
	close(fds[0]);
	close(fds[1]);
}

/* L188 holds: the fallback is poll(2), which knows no highest number; what
 * can't be watched is refused when it is added; and a descriptor that was
 * closed without a word neither ends the run nor wakes it again and again. */
static void
L188_numbers_may_be_high(void **state)
{
	struct rlimit limit;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max <= HIGH)
		skip();
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	on_each_poller(handle_a_high_one);
}

static int
try_to_add(int fd)
{
	return gyre_loop_add_handler(the_loop, fd, GYRE_READ, trace_handler,
				     NULL);
}

static void
add_what_cannot_be(void)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	assert_int_equal(try_to_add(fileno(file)), -EPERM);
	fclose(file);
	assert_int_equal(try_to_add(HIGH), -EBADF);
	assert_int_equal(try_to_add(INT32_MAX), -EBADF);
}

static void
L188_what_cannot_be_watched_is_refused_at_once(void **state)
{
	(void)state;
	on_each_poller(add_what_cannot_be);
}

static void
close_without_a_word(void)
{
	int fds[2];
	int other[2];

	make_pipe(fds);
	make_pair(other);
	assert_int_equal(write(other[1], "x", 1), 1);
	handle(fds[0], GYRE_READ, trace_handler, "closed");
	handle(other[0], GYRE_READ, stop_handler, "other");
	close(fds[0]);
	run();
	gyre_loop_remove_handler(the_loop, other[0]);
	call_later(GYRE_MS(5), stop_callback, "timeout");
	run();
	assert_trace("other timeout");
	assert_in_range(fake_counts().polls, 1, 5);
	assert_int_equal(gyre_loop_remove_handler(the_loop, fds[0]), 0);
	close(fds[1]);
	close(other[0]);
	close(other[1]);
}

static void
L188_a_closed_one_is_no_busy_loop(void **state)
{
	(void)state;
	on_each_poller(close_without_a_word);
}

/* -- the waker ------------------------------------------------------------ */

static int read_error;

static ssize_t
failing_read(int fd, void *bytes, size_t size)
{
	ssize_t result = gyre__sys_default.read(fd, bytes, size);

	if (read_error == 0)
		return result;
	errno = read_error;
	read_error = 0;
	return -1;
}

static void
wake(void)
{
	the_loop->poller_ops->wake(the_loop->handlers.poller);
}

/* The poller of poll(2), which reads what wakes it. */
static int
run_with_failing_waker(int error)
{
	int result;

	assert_true(begin_on("poll"));
	fake_sys.read = failing_read;
	wake();
	call_later(GYRE_MS(20), stop_callback, NULL);
	read_error = error;
	result = gyre_loop_start(the_loop);
	end();
	return result;
}

/* L189 holds: a waker is a user event, an eventfd or a pipe, never a socket.
 * Where it is read, a failure to read it ends the run; only EAGAIN and EINTR
 * are taken for what they say. */
static void
L189_a_waker_that_cannot_be_read_ends_the_run(void **state)
{
	(void)state;
	assert_int_equal(run_with_failing_waker(EIO), -EIO);
	assert_int_equal(run_with_failing_waker(ECONNRESET), -ECONNRESET);
	assert_int_equal(run_with_failing_waker(EAGAIN), 0);
	assert_int_equal(run_with_failing_waker(EINTR), 0);
}

static void
wake_and_go_on(void)
{
	for (unsigned i = 0; i < 3; i++) {
		unsigned before = fake_counts().polls;

		wake();
		wake();
		call_later(GYRE_MS(3), stop_callback, NULL);
		run();
		assert_int_equal(fake_counts().polls - before, 2);
	}
	assert_int_equal(fake_counts().writes, 6);
}

static void
L189_what_woke_it_does_not_wake_it_again(void **state)
{
	(void)state;
	on_each_poller(wake_and_go_on);
}

static int
no_loop(void **state)
{
	real_set_up(state);
	close_and_free(the_loop);
	the_loop = NULL;
	return 0;
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, no_loop, loop_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(L11_the_environment_chooses_by_name),
		TEST(L11_the_option_comes_before_the_environment),
		TEST(L11_a_poller_that_is_not_here_is_refused_by_name),
		TEST(L11_the_best_comes_first),
		TEST(L42_more_ready_than_one_batch_come_with_the_next),
		TEST(L105_timeouts_are_never_early_and_do_not_spin),
#if defined(__linux__)
		TEST(L105_nor_do_they_on_a_kernel_of_milliseconds),
#endif
		TEST(L184_a_second_add_changes_nothing),
		TEST(L187_data_that_nobody_asked_for_ends_no_poll),
		TEST(L188_numbers_may_be_high),
		TEST(L188_what_cannot_be_watched_is_refused_at_once),
		TEST(L188_a_closed_one_is_no_busy_loop),
		TEST(L189_a_waker_that_cannot_be_read_ends_the_run),
		TEST(L189_what_woke_it_does_not_wake_it_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
