/* Signals on a loop: told on the loop, once or again, never lost. */
#include <gyre/signal.h>

#include "tests/support/loop_fixture.h"

#include <signal.h>
#include <unistd.h>

static unsigned again; /* how often the function raises its signal itself */

static void
told(int signo, void *word)
{
	CHECK(signo == SIGUSR1 || signo == SIGUSR2);
	trace(word);
	if (again > 0) {
		again--;
		raise(signo);
	}
}

static int
watch(int signo, const char *word)
{
	return gyre_loop_add_signal(the_loop, signo, told, (void *)word);
}

static void *
handler_of(int signo)
{
	struct sigaction action;

	sigaction(signo, NULL, &action);
	return (void *)(uintptr_t)action.sa_handler;
}

static void
a_signal_is_told_on_the_loop(void **state)
{
	(void)state;
	assert_int_equal(watch(SIGUSR1, "usr1"), 0);
	assert_int_equal(watch(SIGUSR2, "usr2"), 0);
	errno = 77;
	raise(SIGUSR1);
	assert_int_equal(errno, 77);
	assert_trace(""); /* not in the handler */
	run_once();
	assert_trace("usr1");
	kill(getpid(), SIGUSR2);
	run_once();
	assert_trace("usr2");
	run_once();
	assert_trace("");
}

static void
signals_before_the_function_runs_are_one(void **state)
{
	(void)state;
	assert_int_equal(watch(SIGUSR1, "usr1"), 0);
	for (int i = 0; i < 5; i++)
		raise(SIGUSR1);
	run_once();
	assert_trace("usr1");
}

static void
a_signal_while_the_function_runs_is_told_again(void **state)
{
	(void)state;
	again = 2;
	assert_int_equal(watch(SIGUSR1, "usr1"), 0);
	raise(SIGUSR1);
	assert_int_equal(gyre_loop_drain(the_loop, GYRE_FOREVER), 0);
	assert_trace("usr1 usr1 usr1");
}

static void
every_loop_that_watches_is_told(void **state)
{
	struct gyre_loop *first = the_loop;
	struct gyre_loop *second = stage_loop();

	(void)state;
	assert_int_equal(watch(SIGUSR1, "first"), 0);
	the_loop = second;
	assert_int_equal(watch(SIGUSR1, "second"), 0);
	raise(SIGUSR1);
	run_once();
	assert_trace("second");
	the_loop = first;
	run_once();
	assert_trace("first");
	/* and goes on when the other is gone */
	close_and_free(second);
	raise(SIGUSR1);
	run_once();
	assert_trace("first");
}

static void
a_removed_watch_is_told_nothing(void **state)
{
	(void)state;
	assert_int_equal(watch(SIGUSR1, "removed"), 0);
	raise(SIGUSR1);
	assert_int_equal(gyre_loop_remove_signal(the_loop, SIGUSR1), 0);
	run_once();
	assert_trace("");
	assert_int_equal(gyre_loop_remove_signal(the_loop, SIGUSR1), -ENOENT);
	/* the next one is another */
	assert_int_equal(watch(SIGUSR1, "new"), 0);
	raise(SIGUSR1);
	run_once();
	assert_trace("new");
}

static void
a_watch_may_remove_itself(void **state)
{
	(void)state;
	assert_int_equal(watch(SIGUSR1, "usr1"), 0);
	again = 1;
	raise(SIGUSR1);
	run_once();
	/* its task is on its way when it goes */
	assert_int_equal(gyre_loop_remove_signal(the_loop, SIGUSR1), 0);
	run_once();
	assert_trace("usr1");
}

static void
closing_the_loop_ends_its_watches(void **state)
{
	struct gyre_loop *other = the_loop;

	(void)state;
	the_loop = stage_loop();
	assert_int_equal(watch(SIGUSR1, "never"), 0);
	assert_int_equal(watch(SIGUSR2, "never"), 0);
	raise(SIGUSR1);
	close_and_free(the_loop);
	the_loop = other;
	assert_trace("");
	assert_ptr_equal(handler_of(SIGUSR1), (void *)(uintptr_t)SIG_DFL);
	assert_ptr_equal(handler_of(SIGUSR2), (void *)(uintptr_t)SIG_DFL);
}

static void
count_own(int signo)
{
	(void)signo;
}

static void
the_action_from_before_comes_back(void **state)
{
	(void)state;
	signal(SIGUSR1, count_own);
	assert_int_equal(watch(SIGUSR1, "usr1"), 0);
	assert_ptr_not_equal(handler_of(SIGUSR1), (void *)(uintptr_t)count_own);
	assert_int_equal(gyre_loop_remove_signal(the_loop, SIGUSR1), 0);
	assert_ptr_equal(handler_of(SIGUSR1), (void *)(uintptr_t)count_own);
	signal(SIGUSR1, SIG_DFL);
}

static void
an_action_that_replaced_it_stays(void **state)
{
	(void)state;
	assert_int_equal(watch(SIGUSR1, "usr1"), 0);
	signal(SIGUSR1, count_own);
	assert_int_equal(gyre_loop_remove_signal(the_loop, SIGUSR1), 0);
	assert_ptr_equal(handler_of(SIGUSR1), (void *)(uintptr_t)count_own);
	signal(SIGUSR1, SIG_DFL);
}

static void
what_cannot_be_watched_is_refused_with_a_line(void **state)
{
	const int numbers[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS,
				SIGFPE,  SIGILL,  SIGTRAP, 0,
				-1,      65,      1000 };

	(void)state;
	log_the_loop();
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		last_logged[0] = '\0';
		assert_int_equal(watch(numbers[i], "never"), -EINVAL);
		assert_non_null(strstr(last_logged, " can't be watched"));
	}
	assert_int_equal(watch(SIGUSR1, "usr1"), 0);
	assert_int_equal(watch(SIGUSR1, "usr1"), -EEXIST);
}

static void
no_memory_is_said_and_leaves_nothing(void **state)
{
	(void)state;
	fake_fail_at(1);
	assert_int_equal(watch(SIGUSR1, "never"), -ENOMEM);
	assert_true(fake_fired());
	assert_ptr_equal(handler_of(SIGUSR1), (void *)(uintptr_t)SIG_DFL);
}

static int
no_sigaction(int signo, const struct sigaction *action,
	     struct sigaction *ret_before)
{
	(void)signo;
	(void)action;
	(void)ret_before;
	errno = EINVAL;
	return -1;
}

static void
a_handler_that_cannot_be_installed_leaves_nothing(void **state)
{
	(void)state;
	fake_sys.sigaction = no_sigaction;
	assert_int_equal(watch(SIGUSR1, "never"), -EINVAL);
	fake_sys.sigaction = gyre__sys_default.sigaction;
	assert_int_equal(gyre_loop_remove_signal(the_loop, SIGUSR1), -ENOENT);
	assert_int_equal(watch(SIGUSR1, "usr1"), 0);
	raise(SIGUSR1);
	run_once();
	assert_trace("usr1");
}

/* It has the actions from before, and can watch with a loop of its own. */
static void
be_a_child(void *arg)
{
	(void)arg;
	CHECK(handler_of(SIGUSR1) == (void *)(uintptr_t)SIG_DFL);
	CHECK(watch(SIGUSR2, "never") == -EPERM);
	CHECK(gyre_loop_remove_signal(the_loop, SIGUSR1) == -EPERM);
	the_loop = real_loop();
	CHECK(watch(SIGUSR1, "own") == 0);
	raise(SIGUSR1);
	run_once();
	assert_trace("own");
	close_and_free(the_loop);
	_exit(7);
}

static void
a_child_has_the_actions_from_before(void **state)
{
	char output[256] = "";

	(void)state;
	assert_int_equal(watch(SIGUSR1, "parent"), 0);
	assert_int_equal(in_child(be_a_child, NULL, output, sizeof(output)),
			 7 << 8);
	run_once();
	assert_trace("");
	raise(SIGUSR1);
	run_once();
	assert_trace("parent");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(a_signal_is_told_on_the_loop),
		STAGE_TEST(signals_before_the_function_runs_are_one),
		STAGE_TEST(a_signal_while_the_function_runs_is_told_again),
		STAGE_TEST(every_loop_that_watches_is_told),
		STAGE_TEST(a_removed_watch_is_told_nothing),
		STAGE_TEST(a_watch_may_remove_itself),
		STAGE_TEST(closing_the_loop_ends_its_watches),
		STAGE_TEST(the_action_from_before_comes_back),
		STAGE_TEST(an_action_that_replaced_it_stays),
		REAL_TEST(what_cannot_be_watched_is_refused_with_a_line),
		STAGE_TEST(no_memory_is_said_and_leaves_nothing),
		STAGE_TEST(a_handler_that_cannot_be_installed_leaves_nothing),
		REAL_TEST(a_child_has_the_actions_from_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
