/*
 * Stacks of other threads: taken by a signal that the program may be using
 * itself, that may come late or never, and across a fork.
 */
#include "base/backtrace.h"

#include "base/atomics.h"

#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define CHECK(x)                                                           \
	((x) ? (void)0                                                     \
	     : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, \
			#x),                                               \
		abort()))

/* -- a thread that waits -------------------------------------------------- */

struct waiting {
	pthread_t thread;
	sem_t is_there;
	sem_t may_go;
	bool blocks_signal;
	uint64_t word;
};

/* Exported and a frame of its own, so that it has a name. */
void wait_here_to_be_seen(struct waiting *waiting) __attribute__((noinline));

void
wait_here_to_be_seen(struct waiting *waiting)
{
	sem_post(&waiting->is_there);
	while (sem_wait(&waiting->may_go) < 0)
		CHECK(errno == EINTR);
}

static void *
waiting_main(void *arg)
{
	struct waiting *waiting = arg;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGURG);
	if (waiting->blocks_signal)
		pthread_sigmask(SIG_BLOCK, &set, NULL);
	wait_here_to_be_seen(waiting);
	return NULL;
}

static void
begin_waiting(struct waiting *waiting)
{
	sem_init(&waiting->is_there, 0, 0);
	sem_init(&waiting->may_go, 0, 0);
	waiting->word = 7;
	CHECK(pthread_create(&waiting->thread, NULL, waiting_main, waiting) ==
	      0);
	CHECK(sem_wait(&waiting->is_there) == 0);
}

static void
end_waiting(struct waiting *waiting)
{
	sem_post(&waiting->may_go);
	CHECK(pthread_join(waiting->thread, NULL) == 0);
	sem_destroy(&waiting->is_there);
	sem_destroy(&waiting->may_go);
}

static int
take(const struct gyre_sys *sys, struct waiting *waiting,
     struct gyre__backtrace *ret)
{
	const struct gyre__backtrace_request request = {
		.thread = waiting->thread,
		.word = &waiting->word,
		.value = 7,
	};

	return gyre__backtrace_take_other(sys, &request, ret);
}

static bool
has_name(const struct gyre__backtrace *backtrace, const char *name)
{
	char text[256];

	for (int i = 0; i < backtrace->count; i++) {
		gyre__frame_name(backtrace, i, text, sizeof(text));
		if (strstr(text, name) == text)
			return true;
	}
	return false;
}

/* Nothing is left of earlier tests: this one is seen. */
static void
assert_stacks_can_be_taken(void)
{
	struct gyre__backtrace backtrace = { 0 };
	struct waiting waiting = { 0 };

	begin_waiting(&waiting);
	assert_int_equal(take(&gyre__sys_default, &waiting, &backtrace), 0);
	end_waiting(&waiting);
	assert_true(has_name(&backtrace, "wait_here_to_be_seen"));
}

/* -- a program with a handler of its own ---------------------------------- */

static unsigned plain_calls;
static unsigned info_calls;

static void
plain_handler(int number)
{
	CHECK(number == SIGURG);
	plain_calls++;
	errno = EPROTO;
}

static void
info_handler(int number, siginfo_t *info, void *context)
{
	CHECK(number == SIGURG);
	CHECK(info->si_signo == SIGURG);
	CHECK(context != NULL);
	info_calls++;
}

static void
set_plain(void (*handler)(int))
{
	struct sigaction action = { .sa_flags = 0 };

	action.sa_handler = handler;
	sigemptyset(&action.sa_mask);
	CHECK(sigaction(SIGURG, &action, NULL) == 0);
}

static void
set_info(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };

	action.sa_sigaction = info_handler;
	sigemptyset(&action.sa_mask);
	CHECK(sigaction(SIGURG, &action, NULL) == 0);
}

static struct sigaction
now_set(void)
{
	struct sigaction action;

	CHECK(sigaction(SIGURG, NULL, &action) == 0);
	return action;
}

static int
set_up(void **state)
{
	(void)state;
	gyre__backtrace_prepare();
	plain_calls = 0;
	info_calls = 0;
	set_plain(SIG_DFL);
	return 0;
}

/* -- taking --------------------------------------------------------------- */

static void
a_waiting_threads_stack_names_what_it_waits_in(void **state)
{
	struct gyre__backtrace backtrace = { 0 };
	struct waiting waiting = { 0 };

	(void)state;
	begin_waiting(&waiting);
	assert_int_equal(take(&gyre__sys_default, &waiting, &backtrace), 0);
	end_waiting(&waiting);
	assert_true(has_name(&backtrace, "wait_here_to_be_seen+"));
	/* neither the handler nor what called it */
	assert_true(backtrace.is_interrupted);
	for (int i = 0; i < backtrace.count; i++)
		assert_false(backtrace.frames[i] == NULL);
	assert_false(has_name(&backtrace, "backtrace"));
}

static void
ones_own_stack_begins_where_asked(void **state)
{
	struct gyre__backtrace backtrace = { 0 };

	(void)state;
	gyre__backtrace_take(__builtin_return_address(0), &backtrace);
	assert_true(backtrace.count > 0);
	assert_ptr_equal(backtrace.frames[0], __builtin_return_address(0));
	assert_false(backtrace.is_interrupted);
}

static void
a_thread_that_went_on_is_left_alone(void **state)
{
	struct gyre__backtrace backtrace = { .count = -1 };
	struct waiting waiting = { 0 };

	(void)state;
	begin_waiting(&waiting);
	gyre__store_64_relaxed(&waiting.word, 8);
	assert_int_equal(take(&gyre__sys_default, &waiting, &backtrace),
			 -ECANCELED);
	assert_int_equal(backtrace.count, -1);
	end_waiting(&waiting);
	assert_stacks_can_be_taken();
}

static int64_t napped_ns;

static int
no_sleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	assert_int_equal(time->tv_sec, 0);
	napped_ns += time->tv_nsec;
	return 0;
}

static void
a_thread_that_blocks_the_signal_is_given_up_on(void **state)
{
	struct gyre_sys sys = gyre__sys_default;
	struct gyre__backtrace backtrace = { .count = -1 };
	struct waiting waiting = { .blocks_signal = true };

	(void)state;
	begin_waiting(&waiting);
	sys.nanosleep = no_sleep;
	napped_ns = 0;
	assert_int_equal(take(&sys, &waiting, &backtrace), -ETIMEDOUT);
	assert_int_equal(backtrace.count, -1);
	assert_in_range(napped_ns, 450000000, 550000000);
	assert_true(now_set().sa_handler == SIG_DFL);
	assert_stacks_can_be_taken();
	end_waiting(&waiting);
}

static int
failing_kill(pthread_t thread, int number)
{
	(void)thread;
	(void)number;
	return ESRCH;
}

static int
failing_sigaction(int number, const struct sigaction *action,
		  struct sigaction *ret_before)
{
	if (action == NULL)
		return sigaction(number, NULL, ret_before);
	errno = EINVAL;
	return -1;
}

static void
what_the_system_refuses_is_told(void **state)
{
	struct gyre_sys sys = gyre__sys_default;
	struct gyre__backtrace backtrace = { .count = -1 };
	struct waiting waiting = { 0 };

	(void)state;
	begin_waiting(&waiting);
	sys.thread_kill = failing_kill;
	assert_int_equal(take(&sys, &waiting, &backtrace), -ESRCH);
	assert_true(now_set().sa_handler == SIG_DFL);
	sys = gyre__sys_default;
	sys.sigaction = failing_sigaction;
	assert_int_equal(take(&sys, &waiting, &backtrace), -EINVAL);
	assert_int_equal(backtrace.count, -1);
	end_waiting(&waiting);
	assert_stacks_can_be_taken();
}

/* -- the program's own handler -------------------------------------------- */

/* One that comes while ours is installed, and is not for us. */
static int
kill_both(pthread_t thread, int number)
{
	errno = ENOTTY;
	CHECK(raise(SIGURG) == 0);
	CHECK(errno == ENOTTY);
	return pthread_kill(thread, number);
}

static void
take_with_a_signal_between(void)
{
	struct gyre_sys sys = gyre__sys_default;
	struct gyre__backtrace backtrace = { 0 };
	struct waiting waiting = { 0 };

	begin_waiting(&waiting);
	sys.thread_kill = kill_both;
	assert_int_equal(take(&sys, &waiting, &backtrace), 0);
	end_waiting(&waiting);
	assert_true(has_name(&backtrace, "wait_here_to_be_seen+"));
}

static void
a_programs_handler_gets_its_signals_and_stays(void **state)
{
	(void)state;
	set_plain(plain_handler);
	take_with_a_signal_between();
	assert_int_equal(plain_calls, 1);
	assert_true(now_set().sa_handler == plain_handler);

	set_info();
	take_with_a_signal_between();
	assert_int_equal(info_calls, 1);
	assert_true(now_set().sa_sigaction == info_handler);

	set_plain(SIG_IGN);
	take_with_a_signal_between();
	assert_true(now_set().sa_handler == SIG_IGN);
	assert_int_equal(plain_calls, 1);
	assert_int_equal(info_calls, 1);
}

static int
kill_and_install(pthread_t thread, int number)
{
	int result = pthread_kill(thread, number);

	usleep(20000); /* let it be answered */
	set_plain(plain_handler);
	return result;
}

static void
a_handler_that_the_program_sets_meanwhile_stays(void **state)
{
	struct gyre_sys sys = gyre__sys_default;
	struct gyre__backtrace backtrace = { 0 };
	struct waiting waiting = { 0 };

	(void)state;
	begin_waiting(&waiting);
	sys.thread_kill = kill_and_install;
	(void)take(&sys, &waiting, &backtrace);
	assert_true(now_set().sa_handler == plain_handler);
	end_waiting(&waiting);
}

/* -- several at once, and a fork ------------------------------------------ */

static int in_between;

static int
kill_and_take_another(pthread_t thread, int number)
{
	struct gyre_sys sys = gyre__sys_default;
	struct gyre__backtrace backtrace = { 0 };
	struct waiting waiting = { 0 };

	begin_waiting(&waiting);
	sys.nanosleep = no_sleep;
	in_between = take(&sys, &waiting, &backtrace);
	end_waiting(&waiting);
	return pthread_kill(thread, number);
}

static void
one_stack_is_taken_at_a_time(void **state)
{
	struct gyre_sys sys = gyre__sys_default;
	struct gyre__backtrace backtrace = { 0 };
	struct waiting waiting = { 0 };

	(void)state;
	begin_waiting(&waiting);
	sys.thread_kill = kill_and_take_another;
	assert_int_equal(take(&sys, &waiting, &backtrace), 0);
	assert_int_equal(in_between, -EBUSY);
	assert_true(has_name(&backtrace, "wait_here_to_be_seen+"));
	end_waiting(&waiting);
}

static int child_status;

/* Exported, so that it has a name. */
int fork_and_kill(pthread_t thread, int number);

/* The child is alone, in the middle of taking a stack. */
int
fork_and_kill(pthread_t thread, int number)
{
	pid_t child;

	fflush(NULL);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		struct gyre__backtrace backtrace = { 0 };
		struct waiting self = { .thread = pthread_self(), .word = 7 };

		CHECK(take(&gyre__sys_default, &self, &backtrace) == 0);
		CHECK(has_name(&backtrace, "fork_and_kill+"));
		_exit(now_set().sa_handler == plain_handler ? 0 : 1);
	}
	CHECK(waitpid(child, &child_status, 0) == child);
	return pthread_kill(thread, number);
}

static void
a_child_forked_while_a_stack_is_taken_can_take_its_own(void **state)
{
	struct gyre_sys sys = gyre__sys_default;
	struct gyre__backtrace backtrace = { 0 };
	struct waiting waiting = { 0 };

	(void)state;
	set_plain(plain_handler);
	begin_waiting(&waiting);
	sys.thread_kill = fork_and_kill;
	assert_int_equal(take(&sys, &waiting, &backtrace), 0);
	assert_true(WIFEXITED(child_status));
	assert_int_equal(WEXITSTATUS(child_status), 0);
	end_waiting(&waiting);
}

/* -- names ---------------------------------------------------------------- */

static void
unknown_to_the_linker(void)
{
}

static void
a_function_is_named_or_placed(void **state)
{
	char text[256];

	(void)state;
	gyre__function_name((void (*)(void))wait_here_to_be_seen, text,
			    sizeof(text));
	assert_string_equal(text, "wait_here_to_be_seen");
	/* no function begins here */
	gyre__function_name(
		(void (*)(void))((uintptr_t)wait_here_to_be_seen + 1), text,
		sizeof(text));
	assert_non_null(strstr(text, "base_backtrace_test+0x"));
	gyre__function_name((void (*)(void))unknown_to_the_linker, text,
			    sizeof(text));
	assert_non_null(strstr(text, "base_backtrace_test+0x"));
	gyre__function_name((void (*)(void))(uintptr_t)8, text, sizeof(text));
	assert_string_equal(text, "0x8");
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_waiting_threads_stack_names_what_it_waits_in),
		TEST(ones_own_stack_begins_where_asked),
		TEST(a_thread_that_went_on_is_left_alone),
		TEST(a_thread_that_blocks_the_signal_is_given_up_on),
		TEST(what_the_system_refuses_is_told),
		TEST(a_programs_handler_gets_its_signals_and_stays),
		TEST(a_handler_that_the_program_sets_meanwhile_stays),
		TEST(one_stack_is_taken_at_a_time),
		TEST(a_child_forked_while_a_stack_is_taken_can_take_its_own),
		TEST(a_function_is_named_or_placed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
