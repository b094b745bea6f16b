/*
 * Callbacks that signal handlers add: on the loop's thread and on others, at
 * the worst moments. A signal that a thread raises is handled before raise
 * returns, so the moments are chosen.
 */
#include "tests/support/loop_fixture.h"

#include "bus/cells.h"

#include <signal.h>

/* -- the handler ----------------------------------------------------------- */

#define ERRNO_MARK 4242

static struct gyre_loop *target; /* of the handler */
static const char *said;         /* by the callback that it adds */
static gyre_callback_fn to_add;
static unsigned accepted;
static unsigned refused;

static void
note(int result)
{
	if (result == 0)
		accepted++;
	else
		refused++;
	CHECK(result == 0 || result == -EAGAIN || result == -ESHUTDOWN);
}

static void
add_in_handler(int signal)
{
	(void)signal;
	errno = ERRNO_MARK;
	note(gyre_loop_add_callback_from_signal(target, to_add,
						(void *)(uintptr_t)said));
	CHECK(errno == ERRNO_MARK);
}

static void
add_with_drop_in_handler(int signal)
{
	(void)signal;
	note(gyre_loop_add_callback_from_signal_drop(
		target, to_add, (void *)(uintptr_t)said, trace_drop));
}

static void
catch_with(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	target = the_loop;
	said = "signal";
	to_add = trace_arg;
	accepted = 0;
	refused = 0;
}

static void
interrupt(void)
{
	CHECK(raise(SIGUSR1) == 0);
}

static int
signals_tear_down(void **state)
{
	signal(SIGUSR1, SIG_DFL);
	return loop_tear_down(state);
}

static void
interrupt_callback(void *arg)
{
	(void)arg;
	interrupt();
}

static void
interrupt_elsewhere(void *arg)
{
	elsewhere(interrupt_callback, arg);
}

/* -- from any thread ------------------------------------------------------- */

static void
add_around_a_signal(void *arg)
{
	(void)arg;
	add_callback(trace_arg, "one");
	interrupt();
	add_callback(trace_arg, "two");
}

/* L56 holds: a signal handler may add callbacks whatever it interrupted, the
 * loop's own thread too, which then finds them behind its own. Nothing is
 * allocated, errno is kept; with 32 waiting there may be no room for more. */
static void
L56_a_handler_adds_on_any_thread(void **state)
{
	(void)state;
	catch_with(add_in_handler);
	interrupt();
	add_callback(add_around_a_signal, NULL);
	add_callback(interrupt_elsewhere, NULL);
	run_once();
	assert_trace("signal");
	run_once();
	assert_trace("one two signal signal");
	assert_int_equal(accepted, 3);
	assert_int_equal(fake_counts().writes, 0);
}

static void
send_around_a_signal(void *arg)
{
	static char one[] = "one";
	static char two[] = "two";

	(void)arg;
	CHECK(gyre_loop_add_callback(target, trace_arg, one) == 0);
	interrupt();
	CHECK(gyre_loop_add_callback(target, trace_arg, two) == 0);
}

static void
stop_target(void *arg)
{
	(void)arg;
	gyre_loop_stop(target);
}

static void
L56_a_handler_does_not_touch_what_its_thread_gathers(void **state)
{
	(void)state;
	catch_with(add_in_handler);
	target = stage_loop();
	add_callback(send_around_a_signal, NULL);
	run_once();
	assert_int_equal(gyre_loop_add_callback(target, stop_target, NULL), 0);
	assert_int_equal(gyre_loop_start(target), 0);
	/* The thread's own went out at the end of its batch. */
	assert_trace("signal one two");
	close_and_free(target);
}

/* -- what it needs --------------------------------------------------------- */

static unsigned ran;

static void
count_run(void *arg)
{
	(void)arg;
	ran++;
}

static void *
forbidden(size_t size, size_t align)
{
	(void)size;
	(void)align;
	CHECK(false);
	return NULL;
}

static void
interrupt_times(unsigned times)
{
	void *(*allocate)(size_t, size_t) = fake_sys.allocate;

	fake_sys.allocate = forbidden;
	while (times-- > 0)
		interrupt();
	fake_sys.allocate = allocate;
}

static void
L56_without_room_a_handler_is_refused_and_nothing_is_allocated(void **state)
{
	(void)state;
	catch_with(add_in_handler);
	to_add = count_run;
	ran = 0;
	interrupt_times(GYRE__CELL_CHUNK_FIRST + 10);
	assert_int_equal(accepted, GYRE__CELL_CHUNK_FIRST);
	assert_int_equal(refused, 10);
	run_once();
	assert_int_equal(ran, GYRE__CELL_CHUNK_FIRST);
	interrupt_times(1);
	run_once();
	assert_int_equal(ran, GYRE__CELL_CHUNK_FIRST + 1);
}

static void
interrupt_32_times(void *arg)
{
	(void)arg;
	interrupt_times(32);
	gyre_loop_stop(the_loop);
}

/* However many have just run, and beside one that does. */
static void
L56_there_is_room_for_32(void **state)
{
	(void)state;
	catch_with(add_in_handler);
	to_add = count_run;
	for (unsigned before = 0; before < 64; before++) {
		ran = 0;
		for (unsigned i = 0; i < before; i++)
			add_callback(count_run, NULL);
		/* The last of its batch. */
		add_callback(interrupt_32_times, NULL);
		run();
		assert_int_equal(ran, before);
		call_later(0, stop_callback, NULL);
		run();
		assert_int_equal(ran, before + 32);
		/* A new loop has the fewest. */
		close_and_free(the_loop);
		the_loop = stage_loop();
		target = the_loop;
	}
	assert_int_equal(refused, 0);
}

static ssize_t
write_that_fails(int fd, const void *bytes, size_t size)
{
	(void)fd;
	(void)bytes;
	(void)size;
	errno = EAGAIN;
	return -1;
}

static void
L56_errno_is_kept_even_if_the_ring_fails(void **state)
{
	(void)state;
	catch_with(add_in_handler);
	to_add = stop_callback;
	fake_sys.write = write_that_fails;
	stage.on_wait = interrupt;
	run();
	assert_int_equal(accepted, 1);
	assert_trace("signal");
}

static void
L56_what_a_handler_added_is_dropped_at_close_and_then_refused(void **state)
{
	(void)state;
	catch_with(add_with_drop_in_handler);
	interrupt();
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("signal stopped");
	interrupt();
	assert_int_equal(refused, 1);
	assert_trace("");
}

/* -- just before the sleep ------------------------------------------------- */

static void
interrupt_the_sleep(void)
{
	CHECK(stage.slept_ns == GYRE_FOREVER);
	stage.fail_next = -EINTR;
	interrupt();
}

/* L57 holds: a signal that arrives just before the poll sleeps is not slept
 * through: what its handler adds rings, and the interruption is not counted
 * on. */
static void
L57_a_handler_rings_for_a_loop_that_is_about_to_sleep(void **state)
{
	(void)state;
	catch_with(add_in_handler);
	to_add = stop_callback;
	stage.on_wait = interrupt_the_sleep;
	run();
	assert_trace("signal");
	assert_int_equal(stage.polls, 1);
	assert_int_equal(fake_counts().writes, 1);
}

static bool interrupt_clock;

static int64_t
interrupt_and_tell_time(void *arg)
{
	if (interrupt_clock)
		interrupt();
	interrupt_clock = false;
	return stage_now(arg);
}

static void
let_the_clock_be_interrupted(void *arg)
{
	(void)arg;
	interrupt_clock = true;
}

/* The clock is read between the look at stop and the poll. */
static void
L57_a_signal_before_the_poll_keeps_it_from_sleeping(void **state)
{
	struct gyre_loop_options options = stage_options();

	(void)state;
	close_and_free(the_loop);
	options.clock.now_ns = interrupt_and_tell_time;
	the_loop = new_loop(&options);
	catch_with(add_in_handler);
	to_add = stop_callback;
	call_at(GYRE_FOREVER - 1, trace_arg, "never");
	add_callback(let_the_clock_be_interrupted, NULL);
	run();
	assert_trace("signal");
	assert_int_equal(stage.polls, 1);
	assert_int_equal(stage.sleeps, 0);
}

static void
interrupt_sleep(bool may_sleep)
{
	if (may_sleep)
		interrupt();
}

static void
stop_in_handler(int signal)
{
	(void)signal;
	gyre_loop_stop(the_loop);
}

static void
interrupt_each_sleep(void (*handler)(int))
{
	catch_with(handler);
	to_add = stop_callback;
	said = NULL;
	fake_on_wait = interrupt_sleep;
	for (int i = 0; i < 100; i++)
		run();
	fake_on_wait = NULL;
}

/* The handler has returned when the kernel is asked to wait, for ever. */
static void
L57_the_kernel_does_not_sleep_through_a_signal_before_the_wait(void **state)
{
	(void)state;
	interrupt_each_sleep(add_in_handler);
	assert_int_equal(accepted, 100);
	interrupt_each_sleep(stop_in_handler);
}

#define STAGE_SIGNALS_TEST(name) \
	cmocka_unit_test_setup_teardown(name, stage_set_up, signals_tear_down)
#define REAL_SIGNALS_TEST(name) \
	cmocka_unit_test_setup_teardown(name, real_set_up, signals_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_SIGNALS_TEST(L56_a_handler_adds_on_any_thread),
		STAGE_SIGNALS_TEST(
			L56_a_handler_does_not_touch_what_its_thread_gathers),
		STAGE_SIGNALS_TEST(
			L56_without_room_a_handler_is_refused_and_nothing_is_allocated),
		STAGE_SIGNALS_TEST(L56_there_is_room_for_32),
		STAGE_SIGNALS_TEST(L56_errno_is_kept_even_if_the_ring_fails),
		STAGE_SIGNALS_TEST(
			L56_what_a_handler_added_is_dropped_at_close_and_then_refused),
		STAGE_SIGNALS_TEST(
			L57_a_handler_rings_for_a_loop_that_is_about_to_sleep),
		STAGE_SIGNALS_TEST(
			L57_a_signal_before_the_poll_keeps_it_from_sleeping),
		REAL_SIGNALS_TEST(
			L57_the_kernel_does_not_sleep_through_a_signal_before_the_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
