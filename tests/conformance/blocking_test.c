/*
 * Blocking detection. Most of it on the stage: the watching thread does not
 * exist, and the test looks in its place, whenever that would have, by a clock
 * that is moved by hand. The last part is real.
 */
#include "tests/support/loop_fixture.h"

#include "loop/loop.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* -- a watcher stepped by hand -------------------------------------------- */

static int64_t watch_now_ns;
static int64_t next_look_ns;
static unsigned clock_reads;
static unsigned watchers;

static int
watch_clock(clockid_t id, struct timespec *ret)
{
	CHECK(id == CLOCK_MONOTONIC);
	clock_reads++;
	ret->tv_sec = watch_now_ns / 1000000000;
	ret->tv_nsec = watch_now_ns % 1000000000;
	return 0;
}

static int
no_thread(pthread_t *ret_thread, const pthread_attr_t *attributes,
	  void *(*main_function)(void *), void *arg)
{
	(void)attributes;
	(void)main_function;
	(void)arg;
	*ret_thread = pthread_self();
	watchers++;
	return 0;
}

static int
no_join(pthread_t thread, void **ret_value)
{
	(void)thread;
	(void)ret_value;
	watchers--;
	return 0;
}

static void
look(void)
{
	struct gyre__watchdog *dog = the_loop->watchdog;

	if (dog == NULL)
		return;
	pthread_mutex_lock(&dog->watched.mutex);
	next_look_ns = gyre__watchdog_look(dog, watch_now_ns);
	pthread_mutex_unlock(&dog->watched.mutex);
}

/* So much time passes, and the watcher looks when it would. */
static void
pass_ms(int ms)
{
	for (; ms > 0; ms--) {
		watch_now_ns += GYRE_MS(1);
		if (watch_now_ns >= next_look_ns)
			look();
	}
}

static int
stepped_set_up(void **state)
{
	stage_set_up(state);
	fake_sys.clock_gettime = watch_clock;
	fake_sys.thread_create = no_thread;
	fake_sys.thread_join = no_join;
	watch_now_ns = GYRE_SECONDS(5);
	next_look_ns = 0;
	watchers = 0;
	return 0;
}

static int
stepped_tear_down(void **state)
{
	loop_tear_down(state);
	assert_int_equal(watchers, 0);
	return 0;
}

static int64_t told_ns;

static void
tell(struct gyre_loop *loop, int64_t blocked_ns, void *word)
{
	CHECK(loop == the_loop);
	told_ns = blocked_ns;
	trace(word);
}

static char blocked_word[] = "blocked";

static void
watch_ms(int ms)
{
	assert_int_equal(gyre_loop_set_blocking_signal_threshold(
				 the_loop, GYRE_MS(ms), tell, blocked_word),
			 0);
	/* A new watcher looks at once. */
	next_look_ns = 0;
}

static int block_ms;

static void
block(void *word)
{
	pass_ms(block_ms);
	trace_arg(word);
}

static void
block_and_go_on(int fd, unsigned events, void *word)
{
	(void)fd;
	(void)events;
	block(word);
	add_callback(block, "callback");
}

/* Let it poll once, so that an iteration of its own follows. */
static void
add_after_poll(gyre_callback_fn fn, const char *word)
{
	call_later(GYRE_MS(1), fn, word);
}

/* -- the rows ------------------------------------------------------------- */

/* L176 holds: the action hears of a loop that does not poll again within the
 * threshold, on a thread that watches it, no earlier and at most a quarter
 * late; GYRE_FOREVER ends the watch. */
static void
L176_the_action_hears_of_a_blocked_loop(void **state)
{
	(void)state;
	watch_ms(100);
	block_ms = 99;
	add_callback(block, "just in time");
	run_once();
	assert_trace("just in time");
	for (int late_ms = 0; late_ms < 30; late_ms++) {
		block_ms = 125;
		pass_ms(late_ms);
		add_callback(block, "late");
		run_once();
		assert_trace("blocked late");
		assert_in_range(told_ns, GYRE_MS(100), GYRE_MS(125));
	}
	assert_int_equal(gyre_loop_set_blocking_signal_threshold(
				 the_loop, GYRE_FOREVER, NULL, NULL),
			 0);
	assert_int_equal(watchers, 0);
	block_ms = 10000;
	add_callback(block, "unwatched");
	run_once();
	assert_trace("unwatched");
}

static char lines[8192];

static void
collect_line(enum gyre_log_level level, const char *line, void *arg)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

	(void)arg;
	CHECK(level == GYRE_LOG_WARN);
	pthread_mutex_lock(&mutex);
	CHECK(strlen(lines) + strlen(line) + 2 < sizeof(lines));
	strcat(lines, line);
	strcat(lines, "\n");
	pthread_mutex_unlock(&mutex);
}

static void
use_collected_log(struct gyre_loop_options options)
{
	close_and_free(the_loop);
	options.log.fn = collect_line;
	lines[0] = '\0';
	the_loop = new_loop(&options);
}

static void
L176_the_log_threshold_logs_the_stack(void **state)
{
	char expected[64];

	(void)state;
	use_collected_log(stage_options());
	assert_int_equal(
		gyre_loop_set_blocking_log_threshold(the_loop, GYRE_MS(50)), 0);
	block_ms = 60;
	add_callback(block, "done");
	run_once();
	assert_trace("done");
	snprintf(expected, sizeof(expected),
		 "loop %p: blocked for 50 ms\nloop %p: #0 ", (void *)the_loop,
		 (void *)the_loop);
	assert_ptr_equal(strstr(lines, expected), lines);
}

static void
L176_the_loop_reads_no_clock_for_it(void **state)
{
	unsigned before;

	(void)state;
	watch_ms(50);
	before = clock_reads;
	for (int i = 0; i < 100; i++)
		call_later(GYRE_MS(i), trace_arg, NULL);
	call_later(GYRE_MS(200), stop_callback, NULL);
	run();
	assert_int_equal(clock_reads, before);
}

/* L177 holds: the window is from the return of one poll to just before the
 * next, the sum of all that runs between; idle time never counts. */
static void
L177_callbacks_timeouts_and_handlers_add_up(void **state)
{
	(void)state;
	watch_ms(50);
	block_ms = 10;
	for (int i = 0; i < 10; i++)
		add_callback(block, NULL);
	run_once();
	assert_trace("blocked");

	/* two due timeouts, a poll, a handler, and the callback it adds */
	block_ms = 35;
	call_later(0, block, "timeout");
	call_later(0, block, "timeout");
	stage.ready[3] = GYRE_READ;
	stage.ready[4] = GYRE_READ;
	handle(3, GYRE_READ, block_and_go_on, "handler");
	handle(4, GYRE_READ, stop_handler, "stop");
	run();
	assert_trace("timeout blocked timeout handler stop blocked callback");
	gyre_loop_remove_handler(the_loop, 3);
	gyre_loop_remove_handler(the_loop, 4);
}

static void
idle_for_long(void)
{
	pass_ms(1000);
}

static void
L177_idle_time_does_not_count(void **state)
{
	(void)state;
	watch_ms(50);
	stage.on_wait = idle_for_long;
	block_ms = 45;
	for (int i = 1; i <= 3; i++)
		call_later(GYRE_SECONDS(i), block, "busy");
	call_later(GYRE_SECONDS(4), stop_callback, NULL);
	run();
	assert_trace("busy busy busy");
}

/* L178 deviates: the first iteration of start and the pass after an
 * interrupted poll are watched like every other. Why: a loop that hangs there
 * hangs all the same, and a watch with holes is no watch. */
static void
L178_the_first_iteration_and_after_a_poll(void **state)
{
	(void)state;
	watch_ms(50);
	block_ms = 150;
	add_callback(block, "first");
	run_once();
	assert_trace("blocked first");

	add_after_poll(block, "after poll");
	add_after_poll(stop_callback, NULL);
	run();
	assert_trace("blocked after poll");
}

static void
add_block(void *word)
{
	add_callback(block, word);
}

static void
fail_first_poll(void *word)
{
	stage.fail_next = -EINTR;
	add_callback(block, word);
}

static void
L178_the_pass_after_eintr(void **state)
{
	(void)state;
	watch_ms(50);
	block_ms = 150;
	add_callback(fail_first_poll, "after EINTR");
	call_later(GYRE_MS(5), stop_callback, NULL);
	run();
	assert_trace("blocked after EINTR");
}

/* L179 holds: once an iteration, however long it takes; the next iteration
 * counts anew. */
static void
L179_once_an_iteration(void **state)
{
	(void)state;
	watch_ms(50);
	block_ms = 250;
	add_callback(block, "one");
	add_callback(block, "two");
	add_callback(add_block, "three");
	call_later(GYRE_MS(5), stop_callback, NULL);
	run();
	assert_trace("blocked one two blocked three");
}

static void
disable_while_counting(void *word)
{
	pass_ms(49);
	assert_int_equal(gyre_loop_set_blocking_signal_threshold(
				 the_loop, GYRE_FOREVER, NULL, NULL),
			 0);
	pass_ms(100);
	trace(word);
}

/* L180 deviates: disabling takes effect at once, in the middle of a block
 * too. Why: whoever disables may free what the action uses. */
static void
L180_disabling_takes_effect_at_once(void **state)
{
	(void)state;
	assert_int_equal(
		gyre_loop_set_blocking_log_threshold(the_loop, GYRE_SECONDS(9)),
		0);
	watch_ms(50);
	add_callback(disable_while_counting, "disabled");
	run_once();
	assert_trace("disabled");
}

static void
change_while_counting(void *word)
{
	pass_ms(45);
	watch_ms(100);
	pass_ms(99);
	trace(word);
	pass_ms(26);
}

static void
L180_what_is_set_meanwhile_counts_from_then(void **state)
{
	(void)state;
	watch_ms(50);
	add_callback(change_while_counting, "changed");
	run_once();
	assert_trace("changed blocked");
	assert_in_range(told_ns, GYRE_MS(130), GYRE_MS(170));
}

/* L182 holds: nothing counts once start has returned, by stop or by an
 * error. */
static void
L182_nothing_counts_after_start_returns(void **state)
{
	(void)state;
	watch_ms(50);
	block_ms = 45;
	add_callback(block, "stopped");
	run_once();
	pass_ms(1000);
	assert_trace("stopped");

	stage.fail_next = -EIO;
	add_callback(block, "failed");
	assert_int_equal(gyre_loop_start(the_loop), -EIO);
	pass_ms(1000);
	assert_trace("failed");
}

static void
note_log(enum gyre_log_level level, const char *line, void *arg)
{
	(void)level;
	if (strstr(line, "blocked for") != NULL)
		trace(arg);
}

static void
watch_twice(int log_ms, int signal_ms)
{
	assert_int_equal(
		gyre_loop_set_blocking_log_threshold(the_loop, GYRE_MS(log_ms)),
		0);
	watch_ms(signal_ms);
}

/* L183 holds: detection is part of the loop, iteration by iteration, and a loop
 * may have both thresholds at once. */
static void
L183_both_thresholds_at_once(void **state)
{
	struct gyre_loop_options options = stage_options();
	static char logged[] = "logged";

	(void)state;
	close_and_free(the_loop);
	options.log = (struct gyre_log){ note_log, logged };
	the_loop = new_loop(&options);
	block_ms = 100;
	watch_twice(40, 80);
	add_callback(block, "one");
	run_once();
	assert_trace("logged blocked one");
	watch_twice(80, 40);
	add_callback(block, "two");
	run_once();
	assert_trace("blocked logged two");
	/* together: the one that cannot end the process comes first */
	watch_twice(50, 50);
	add_callback(block, "three");
	run_once();
	assert_trace("logged blocked three");
}

/* -- real loops ----------------------------------------------------------- */

static atomic_bool is_told;

static void
note_action(struct gyre_loop *loop, int64_t blocked_ns, void *arg)
{
	CHECK(loop == arg);
	CHECK(blocked_ns >= GYRE_MS(20));
	atomic_store(&is_told, true);
}

static void
never(struct gyre_loop *loop, int64_t blocked_ns, void *arg)
{
	(void)loop;
	(void)blocked_ns;
	(void)arg;
	CHECK(!"told of a loop that goes round");
}

/* Exported, so that it has a name. */
void block_until_told(void *arg);

void
block_until_told(void *arg)
{
	(void)arg;
	while (!atomic_load(&is_told))
		usleep(1000);
	gyre_loop_stop(the_loop);
}

struct busy {
	struct gyre_loop *loop;
	atomic_bool is_running;
};

static void
go_round(void *arg)
{
	struct busy *busy = arg;

	atomic_store(&busy->is_running, true);
	CHECK(gyre_loop_call_later(busy->loop, GYRE_MS(1), go_round, busy,
				   NULL) == 0);
}

static void *
run_busy(void *arg)
{
	struct busy *busy = arg;

	go_round(busy);
	CHECK(gyre_loop_start(busy->loop) == 0);
	return NULL;
}

static void
foreign_handler(int number)
{
	(void)number;
}

static void
assert_process_untouched(void)
{
	struct itimerval timer;
	struct sigaction action;

	assert_int_equal(getitimer(ITIMER_REAL, &timer), 0);
	assert_int_equal(timer.it_value.tv_sec, 0);
	assert_int_equal(timer.it_value.tv_usec, 0);
	assert_int_equal(sigaction(SIGALRM, NULL, &action), 0);
	assert_true(action.sa_handler == SIG_DFL);
	assert_int_equal(sigaction(SIGURG, NULL, &action), 0);
	assert_true(action.sa_handler == foreign_handler);
}

/* L181 deviates: each loop is watched on its own, on any thread, and the
 * process's timers and signal handlers are as they were. Why: one alarm for
 * the process lets two loops disarm each other. */
static void
L181_two_loops_do_not_disturb_each_other(void **state)
{
	struct busy busy = { .loop = real_loop() };
	pthread_t thread;

	(void)state;
	signal(SIGURG, foreign_handler);
	atomic_store(&is_told, false);
	/* Far from what a busy machine may do to a loop that goes round. */
	assert_int_equal(gyre_loop_set_blocking_signal_threshold(
				 busy.loop, GYRE_SECONDS(20), never, NULL),
			 0);
	assert_int_equal(pthread_create(&thread, NULL, run_busy, &busy), 0);
	while (!atomic_load(&busy.is_running))
		usleep(1000);
	use_collected_log((struct gyre_loop_options){ ._sys = &fake_sys });
	assert_int_equal(gyre_loop_set_blocking_signal_threshold(
				 the_loop, GYRE_MS(20), note_action, the_loop),
			 0);
	assert_int_equal(
		gyre_loop_set_blocking_log_threshold(the_loop, GYRE_MS(20)), 0);
	add_callback(block_until_told, NULL);
	run();
	gyre_loop_stop(busy.loop);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close_and_free(busy.loop);
	assert_non_null(strstr(lines, "#0 "));
	assert_process_untouched();
	signal(SIGURG, SIG_DFL);
}

static void
block_for_long(void *arg)
{
	(void)arg;
	sleep(10);
}

static void
block_until_killed(void *arg)
{
	sigset_t set;

	/* A child has its parent's loop no more. */
	the_loop = real_loop();
	/* Whatever the program does with the signal. */
	signal(SIGALRM, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	CHECK(gyre_loop_set_blocking_signal_threshold(the_loop, GYRE_MS(5),
						      NULL, arg) == 0);
	add_callback(block_for_long, NULL);
	run_once();
}

static void
L176_no_action_kills_the_process(void **state)
{
	char output[256];
	int status = in_child(block_until_killed, NULL, output, sizeof(output));

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGALRM);
}

static void
L176_the_stack_is_the_blocked_threads_with_names(void **state)
{
	(void)state;
	atomic_store(&is_told, false);
	use_collected_log((struct gyre_loop_options){ ._sys = &fake_sys });
	/* The log comes first, and then the block ends. */
	assert_int_equal(
		gyre_loop_set_blocking_log_threshold(the_loop, GYRE_MS(20)), 0);
	assert_int_equal(gyre_loop_set_blocking_signal_threshold(
				 the_loop, GYRE_MS(20), note_action, the_loop),
			 0);
	add_callback(block_until_told, NULL);
	run();
	assert_non_null(strstr(lines, " ms\n"));
	assert_non_null(strstr(lines, " block_until_told+0x"));
	assert_null(strstr(lines, "no stack"));
}

#define STEPPED_TEST(name) \
	cmocka_unit_test_setup_teardown(name, stepped_set_up, stepped_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STEPPED_TEST(L176_the_action_hears_of_a_blocked_loop),
		REAL_TEST(L176_no_action_kills_the_process),
		STEPPED_TEST(L176_the_loop_reads_no_clock_for_it),
		STEPPED_TEST(L176_the_log_threshold_logs_the_stack),
		REAL_TEST(L176_the_stack_is_the_blocked_threads_with_names),
		STEPPED_TEST(L177_callbacks_timeouts_and_handlers_add_up),
		STEPPED_TEST(L177_idle_time_does_not_count),
		STEPPED_TEST(L178_the_first_iteration_and_after_a_poll),
		STEPPED_TEST(L178_the_pass_after_eintr),
		STEPPED_TEST(L179_once_an_iteration),
		STEPPED_TEST(L180_disabling_takes_effect_at_once),
		STEPPED_TEST(L180_what_is_set_meanwhile_counts_from_then),
		REAL_TEST(L181_two_loops_do_not_disturb_each_other),
		STEPPED_TEST(L182_nothing_counts_after_start_returns),
		STEPPED_TEST(L183_both_thresholds_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
