/*
 * The watching thread: its life, what actions may do on it, what disabling
 * waits for, stacks that cannot be had, and forks. When actions are called is
 * tested in tests/conformance/blocking_test.c, by a clock moved by hand.
 */
#include "tests/support/loop_fixture.h"

#include "loop/loop.h"

#include <dlfcn.h>
#include <gnu/lib-names.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHORT_NS GYRE_MS(5)

/* -- threads counted, the log collected ----------------------------------- */

static atomic_int watchers;

static int
counting_create(pthread_t *ret_thread, const pthread_attr_t *attributes,
		void *(*main_function)(void *), void *arg)
{
	int result = pthread_create(ret_thread, attributes, main_function, arg);

	CHECK(result == 0);
	atomic_fetch_add(&watchers, 1);
	return result;
}

static int
counting_join(pthread_t thread, void **ret_value)
{
	atomic_fetch_sub(&watchers, 1);
	return pthread_join(thread, ret_value);
}

static char lines[8192];
static pthread_mutex_t lines_mutex = PTHREAD_MUTEX_INITIALIZER;

static void
collect_line(enum gyre_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	pthread_mutex_lock(&lines_mutex);
	CHECK(strlen(lines) + strlen(line) + 2 < sizeof(lines));
	strcat(lines, line);
	strcat(lines, "\n");
	pthread_mutex_unlock(&lines_mutex);
}

static struct gyre_loop *
logging_loop(void)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		.log.fn = collect_line,
		._sys = &fake_sys,
	};

	return new_loop(&options);
}

static int
set_up(void **state)
{
	real_set_up(state);
	close_and_free(the_loop);
	fake_sys.thread_create = counting_create;
	fake_sys.thread_join = counting_join;
	lines[0] = '\0';
	the_loop = logging_loop();
	return 0;
}

static int
tear_down(void **state)
{
	loop_tear_down(state);
	assert_int_equal(atomic_load(&watchers), 0);
	return 0;
}

static void
set_signal(int64_t threshold_ns, gyre_blocked_fn action, void *arg)
{
	CHECK(gyre_loop_set_blocking_signal_threshold(the_loop, threshold_ns,
						      action, arg) == 0);
}

static void
set_log(int64_t threshold_ns)
{
	CHECK(gyre_loop_set_blocking_log_threshold(the_loop, threshold_ns) ==
	      0);
}

/* -- actions and callbacks ------------------------------------------------ */

static atomic_uint begun;
static atomic_uint ended;

static void
wait_for(atomic_uint *count, unsigned least)
{
	while (atomic_load(count) < least)
		usleep(500);
}

/* One that is forgotten if nobody waits for it. */
static void
slow_action(struct gyre_loop *loop, int64_t blocked_ns, void *arg)
{
	(void)loop;
	(void)blocked_ns;
	(void)arg;
	atomic_fetch_add(&begun, 1);
	usleep(20000);
	atomic_fetch_add(&ended, 1);
}

static void
quick_action(struct gyre_loop *loop, int64_t blocked_ns, void *arg)
{
	(void)loop;
	(void)blocked_ns;
	(void)arg;
	atomic_fetch_add(&begun, 1);
	atomic_fetch_add(&ended, 1);
}

static void
block_once(void *unused)
{
	(void)unused;
	wait_for(&ended, 1);
}

static void
run_blocked(void)
{
	add_callback(block_once, NULL);
	run_once();
}

static int
counting_set_up(void **state)
{
	set_up(state);
	atomic_store(&begun, 0);
	atomic_store(&ended, 0);
	return 0;
}

/* -- its life ------------------------------------------------------------- */

/* The first in this process to have anything to do with stacks. */
static void
a_threshold_loads_what_a_handler_may_not(void **state)
{
	void *unwinder;

	(void)state;
	set_log(GYRE_SECONDS(10));
	unwinder = dlopen(LIBGCC_S_SO, RTLD_LAZY | RTLD_NOLOAD);
	assert_non_null(unwinder);
	dlclose(unwinder);
}

static void
there_is_a_thread_while_a_threshold_is_set(void **state)
{
	(void)state;
	set_signal(GYRE_FOREVER, quick_action, NULL);
	set_log(GYRE_FOREVER);
	assert_int_equal(atomic_load(&watchers), 0);
	set_log(GYRE_SECONDS(10));
	set_signal(GYRE_SECONDS(20), quick_action, NULL);
	assert_int_equal(atomic_load(&watchers), 1);
	set_log(GYRE_FOREVER);
	assert_int_equal(atomic_load(&watchers), 1);
	set_signal(GYRE_FOREVER, NULL, NULL);
	assert_int_equal(atomic_load(&watchers), 0);
	/* one that is left is the loop's to close */
	set_log(GYRE_SECONDS(10));
}

static void
a_threshold_is_a_millisecond_at_least(void **state)
{
	(void)state;
	assert_int_equal(
		gyre_loop_set_blocking_log_threshold(the_loop, GYRE_MS(1) - 1),
		-EINVAL);
	assert_non_null(strstr(lines, "999999 ns is below a millisecond"));
	assert_int_equal(gyre_loop_set_blocking_signal_threshold(
				 the_loop, 0, quick_action, NULL),
			 -EINVAL);
	assert_int_equal(gyre_loop_set_blocking_signal_threshold(
				 the_loop, -1, quick_action, NULL),
			 -EINVAL);
	assert_int_equal(atomic_load(&watchers), 0);
	set_log(GYRE_MS(1));
}

static void
a_closed_loop_is_not_watched(void **state)
{
	struct gyre_loop *loop = logging_loop();

	(void)state;
	assert_int_equal(gyre_loop_close(loop, false), 0);
	assert_int_equal(
		gyre_loop_set_blocking_log_threshold(loop, GYRE_SECONDS(1)),
		-ESHUTDOWN);
	gyre_loop_free(loop);
}

static int
failing_create(pthread_t *ret_thread, const pthread_attr_t *attributes,
	       void *(*main_function)(void *), void *arg)
{
	(void)ret_thread;
	(void)attributes;
	(void)main_function;
	(void)arg;
	return EAGAIN;
}

static void
without_memory_or_a_thread_nothing_changes(void **state)
{
	unsigned before = fake_counts().allocations;

	(void)state;
	fake_fail_at(1);
	assert_int_equal(
		gyre_loop_set_blocking_log_threshold(the_loop, GYRE_SECONDS(1)),
		-ENOMEM);
	fake_sys.thread_create = failing_create;
	assert_int_equal(
		gyre_loop_set_blocking_log_threshold(the_loop, GYRE_SECONDS(1)),
		-EAGAIN);
	assert_null(the_loop->watchdog);
	assert_int_equal(fake_counts().allocations, before);
	run_once();
	fake_sys.thread_create = counting_create;
	set_log(GYRE_SECONDS(1));
}

static void
set_here(void *arg)
{
	(void)arg;
	set_signal(GYRE_SECONDS(1), quick_action, NULL);
}

static void
run_elsewhere(void *arg)
{
	(void)arg;
	CHECK(gyre_loop_start(the_loop) == 0);
}

static void
log_here(void *arg)
{
	(void)arg;
	gyre_loop_log_stack(the_loop, 0, NULL);
}

static void
call_of_the_owners_elsewhere(void *fn)
{
	pthread_t thread;

	the_loop = logging_loop();
	fake_sys.thread_create = pthread_create;
	CHECK(gyre_loop_set_blocking_log_threshold(the_loop, GYRE_SECONDS(9)) ==
	      0);
	CHECK(pthread_create(&thread, NULL,
			     (void *(*)(void *))(uintptr_t)run_elsewhere,
			     NULL) == 0);
	while (!(gyre__loop_state(the_loop) & GYRE__LOOP_RUNNING))
		usleep(1000);
	((void (*)(void *))(uintptr_t)fn)(NULL);
}

static void
another_thread_may_not_set_or_log(void **state)
{
	(void)state;
	assert_true(aborts_saying(
		call_of_the_owners_elsewhere, (void *)(uintptr_t)set_here,
		"gyre_loop_set_blocking_signal_threshold(): loop "));
	assert_true(aborts_saying(call_of_the_owners_elsewhere,
				  (void *)(uintptr_t)log_here,
				  "gyre_loop_log_stack(): loop "));
}

/* -- disabling ------------------------------------------------------------ */

static void
disable_when_begun(void *arg)
{
	(void)arg;
	wait_for(&begun, 1);
	set_signal(GYRE_FOREVER, NULL, NULL);
	assert_int_equal(atomic_load(&ended), 1);
}

static void
disabling_waits_for_an_action_that_runs(void **state)
{
	(void)state;
	set_signal(SHORT_NS, slow_action, NULL);
	add_callback(disable_when_begun, NULL);
	run_once();
	assert_int_equal(atomic_load(&begun), 1);
}

static void
replace_when_begun(void *arg)
{
	(void)arg;
	wait_for(&begun, 1);
	set_signal(GYRE_SECONDS(10), quick_action, NULL);
	assert_int_equal(atomic_load(&ended), 1);
}

static void
replacing_waits_for_an_action_that_runs(void **state)
{
	(void)state;
	set_signal(SHORT_NS, slow_action, NULL);
	add_callback(replace_when_begun, NULL);
	run_once();
}

static void
let_begin(void *arg)
{
	(void)arg;
	wait_for(&begun, 1);
}

static void
closing_waits_for_an_action_that_runs(void **state)
{
	(void)state;
	set_signal(SHORT_NS, slow_action, NULL);
	add_callback(let_begin, NULL);
	run_once();
	close_and_free(the_loop);
	assert_int_equal(atomic_load(&ended), 1);
	the_loop = NULL;
}

static void
disabling_action(struct gyre_loop *loop, int64_t blocked_ns, void *arg)
{
	(void)loop;
	(void)blocked_ns;
	(void)arg;
	set_signal(GYRE_FOREVER, NULL, NULL);
	atomic_fetch_add(&ended, 1);
}

static void
an_action_may_disable_itself(void **state)
{
	(void)state;
	set_signal(SHORT_NS, disabling_action, NULL);
	run_blocked();
	/* its thread sleeps until it is wanted again */
	assert_int_equal(atomic_load(&watchers), 1);
	atomic_store(&ended, 0);
	set_signal(SHORT_NS, quick_action, NULL);
	assert_int_equal(atomic_load(&watchers), 1);
	run_blocked();
}

static void
escalating_action(struct gyre_loop *loop, int64_t blocked_ns, void *arg)
{
	(void)loop;
	(void)blocked_ns;
	(void)arg;
	set_signal(2 * SHORT_NS, quick_action, NULL);
}

static void
an_action_may_set_the_next_one(void **state)
{
	(void)state;
	set_signal(SHORT_NS, escalating_action, NULL);
	run_blocked();
	assert_int_equal(atomic_load(&ended), 1);
}

/* -- what an action does -------------------------------------------------- */

static void
posting_action(struct gyre_loop *loop, int64_t blocked_ns, void *word)
{
	(void)blocked_ns;
	CHECK(!gyre_loop_in_owner_thread(loop));
	CHECK(gyre_loop_add_callback(loop, stop_callback, word) == 0);
	atomic_fetch_add(&ended, 1);
}

static void
an_action_may_post_to_the_loop(void **state)
{
	static char word[] = "posted";

	(void)state;
	set_signal(SHORT_NS, posting_action, word);
	add_callback(block_once, NULL);
	run();
	assert_trace("posted");
}

static void
raising_action(struct gyre_loop *loop, int64_t blocked_ns, void *arg)
{
	(void)loop;
	(void)blocked_ns;
	(void)arg;
	gyre_raise(-EIO, "no paper");
	atomic_fetch_add(&ended, 1);
}

static void
what_an_action_raises_is_logged(void **state)
{
	(void)state;
	set_signal(SHORT_NS, raising_action, NULL);
	run_blocked();
	set_signal(GYRE_FOREVER, NULL, NULL);
	assert_non_null(strstr(lines, "action raised EIO: no paper ("));
}

/* -- stacks --------------------------------------------------------------- */

static void
the_owner_logs_its_own_stack(void **state)
{
	char expected[64];

	(void)state;
	gyre_loop_log_stack(the_loop, 0, NULL);
	snprintf(expected, sizeof(expected), "loop %p: #0 ", (void *)the_loop);
	assert_ptr_equal(strstr(lines, expected), lines);
}

static void
watch_from_here(void *arg)
{
	(void)arg;
	set_log(SHORT_NS);
	set_signal(SHORT_NS, quick_action, NULL);
	block_once(NULL);
}

static void
a_callback_may_begin_the_watch(void **state)
{
	(void)state;
	add_callback(watch_from_here, NULL);
	run_once();
	assert_non_null(strstr(lines, ": blocked for "));
	assert_non_null(strstr(lines, ": #0 "));
}

static int
no_sleep(const struct timespec *time, struct timespec *left)
{
	(void)time;
	(void)left;
	return 0;
}

static void
a_thread_with_the_signal_blocked_is_told_of(void **state)
{
	sigset_t set;
	sigset_t before;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGURG);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	fake_sys.nanosleep = no_sleep;
	set_log(SHORT_NS);
	set_signal(SHORT_NS, quick_action, NULL);
	run_blocked();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	assert_non_null(strstr(
		lines, ": no stack: its thread did not answer; has it SIGURG"));
	assert_null(strstr(lines, "#0"));
}

/* It logs when the loop has long gone on. */
static void
late_log_action(struct gyre_loop *loop, int64_t blocked_ns, void *arg)
{
	(void)arg;
	atomic_fetch_add(&begun, 1);
	while (gyre__loop_state(loop) & GYRE__LOOP_RUNNING)
		usleep(500);
	gyre_loop_log_stack(loop, blocked_ns, NULL);
	atomic_fetch_add(&ended, 1);
}

static int
never_kill(pthread_t thread, int number)
{
	(void)thread;
	(void)number;
	CHECK(!"a thread is signalled that may have ended");
	return 0;
}

static void
a_loop_that_went_on_is_left_alone(void **state)
{
	(void)state;
	fake_sys.thread_kill = never_kill;
	set_signal(SHORT_NS, late_log_action, NULL);
	add_callback(let_begin, NULL);
	run_once();
	wait_for(&ended, 1);
	set_signal(GYRE_FOREVER, NULL, NULL);
	assert_non_null(strstr(lines, "no stack: the loop went on meanwhile"));
	assert_null(strstr(lines, "#0"));
}

/* The first line of the log threshold lets the loop go on. */
static void
slow_log(enum gyre_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
	atomic_fetch_add(&begun, 1);
	while (gyre__loop_state(the_loop) & GYRE__LOOP_RUNNING)
		usleep(500);
}

static void
an_action_is_not_told_what_is_over(void **state)
{
	const struct gyre_loop_options options = {
		.log.fn = slow_log,
		._sys = &fake_sys,
	};

	(void)state;
	close_and_free(the_loop);
	the_loop = new_loop(&options);
	set_log(SHORT_NS);
	set_signal(SHORT_NS, quick_action, NULL);
	add_callback(let_begin, NULL);
	run_once();
	set_log(GYRE_FOREVER); /* waits for the slow line */
	set_signal(GYRE_FOREVER, NULL, NULL);
	assert_int_equal(atomic_load(&ended), 0);
}

static atomic_bool may_go_on;

static void
block_until_let_go(void *arg)
{
	(void)arg;
	while (!atomic_load(&may_go_on))
		usleep(500);
}

static int
kill_when_it_went_on(pthread_t thread, int number)
{
	atomic_store(&may_go_on, true);
	usleep(20000);
	/* The thread could have ended by now, had it been let go. */
	CHECK(gyre__loop_state(the_loop) & GYRE__LOOP_RUNNING);
	return gyre__sys_default.thread_kill(thread, number);
}

static void
start_waits_for_who_takes_its_stack(void **state)
{
	(void)state;
	atomic_store(&may_go_on, false);
	fake_sys.thread_kill = kill_when_it_went_on;
	set_log(SHORT_NS);
	add_callback(block_until_let_go, NULL);
	run_once();
	set_log(GYRE_FOREVER);
	/* It went on, or did not answer: ThreadSanitizer delivers no signal to
	 * a thread that waits for a mutex. */
	assert_non_null(strstr(lines, ": no stack: "));
}

/* -- fork ----------------------------------------------------------------- */

static pid_t forker;
static int child_status;

/* In the child everything of the watch stayed behind, and held by nobody who
 * would let go. */
static void
fork_under_the_mutex(void *arg)
{
	pid_t child;

	(void)arg;
	pthread_mutex_lock(&the_loop->watchdog->watched.mutex);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		alarm(10);
		CHECK(gyre_loop_set_blocking_log_threshold(
			      the_loop, GYRE_MS(5)) == -EPERM);
		gyre_loop_log_stack(the_loop, 0, NULL);
		gyre_loop_stop(the_loop);
		return;
	}
	pthread_mutex_unlock(&the_loop->watchdog->watched.mutex);
	CHECK(waitpid(child, &child_status, 0) == child);
}

static void
a_fork_in_a_watched_loop_hangs_nowhere(void **state)
{
	int result;

	(void)state;
	forker = getpid();
	set_signal(GYRE_SECONDS(30), quick_action, NULL);
	add_callback(fork_under_the_mutex, NULL);
	add_callback(stop_callback, NULL);
	result = gyre_loop_start(the_loop);
	if (getpid() != forker)
		_exit(result == -EPERM &&
				      gyre_loop_close(the_loop, false) == -EPERM
			      ? 0
			      : 1);
	assert_int_equal(result, 0);
	assert_true(WIFEXITED(child_status));
	assert_int_equal(WEXITSTATUS(child_status), 0);
}

#define WATCH_TEST(name) \
	cmocka_unit_test_setup_teardown(name, counting_set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WATCH_TEST(a_threshold_loads_what_a_handler_may_not),
		WATCH_TEST(there_is_a_thread_while_a_threshold_is_set),
		WATCH_TEST(a_threshold_is_a_millisecond_at_least),
		WATCH_TEST(a_closed_loop_is_not_watched),
		WATCH_TEST(without_memory_or_a_thread_nothing_changes),
		WATCH_TEST(another_thread_may_not_set_or_log),
		WATCH_TEST(disabling_waits_for_an_action_that_runs),
		WATCH_TEST(replacing_waits_for_an_action_that_runs),
		WATCH_TEST(closing_waits_for_an_action_that_runs),
		WATCH_TEST(an_action_may_disable_itself),
		WATCH_TEST(an_action_may_set_the_next_one),
		WATCH_TEST(an_action_may_post_to_the_loop),
		WATCH_TEST(what_an_action_raises_is_logged),
		WATCH_TEST(the_owner_logs_its_own_stack),
		WATCH_TEST(a_callback_may_begin_the_watch),
		WATCH_TEST(a_thread_with_the_signal_blocked_is_told_of),
		WATCH_TEST(a_loop_that_went_on_is_left_alone),
		WATCH_TEST(an_action_is_not_told_what_is_over),
		WATCH_TEST(start_waits_for_who_takes_its_stack),
		WATCH_TEST(a_fork_in_a_watched_loop_hangs_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
