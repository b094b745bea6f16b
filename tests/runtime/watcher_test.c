/*
 * The watcher, by hand: what it sees at which look, on a clock that the test
 * moves and with hearts that it lets beat; and what it makes of what the
 * kernel's files say.
 */
#include "tests/runtime/fixture.h"

#include "loop/loop.h"
#include "runtime/watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#define LOOPS     2
#define THRESHOLD GYRE_MS(100)
#define STEP      (THRESHOLD / GYRE__LOOKS_PER_THRESHOLD)

static struct gyre__watcher *watcher;
static struct gyre_loop *loops[LOOPS];
static int64_t now_ns;

/* -- the log -------------------------------------------------------------- */

static char lines[16384];

static void
collect_line(enum gyre_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	CHECK(strlen(lines) + strlen(line) + 2 < sizeof(lines));
	strcat(lines, line);
	strcat(lines, "\n");
}

static unsigned
lines_with(const char *words)
{
	unsigned count = 0;

	for (const char *at = lines; (at = strstr(at, words)) != NULL; at++)
		count++;
	return count;
}

/* -- the kernel's files ---------------------------------------------------- */

static struct {
	const char *stat;
	const char *schedstat;
	const char *syscall;
	const char *wchan;
} proc;

static struct gyre_sys sys;

static int
open_text(const char *text)
{
	int fds[2];

	if (text == NULL) {
		errno = ENOENT;
		return -1;
	}
	CHECK(pipe(fds) == 0);
	CHECK(write(fds[1], text, strlen(text)) == (ssize_t)strlen(text));
	close(fds[1]);
	return fds[0];
}

static int
open_fake(const char *path, int flags, ...)
{
	(void)flags;
	if (strcmp(path, "/proc/thread-self/stat") == 0)
		return open_text("77 (gyre) R 1");
	if (strcmp(path, "/proc/self/task/77/stat") == 0)
		return open_text(proc.stat);
	if (strcmp(path, "/proc/self/task/77/schedstat") == 0)
		return open_text(proc.schedstat);
	if (strcmp(path, "/proc/self/task/77/syscall") == 0)
		return open_text(proc.syscall);
	if (strcmp(path, "/proc/self/task/77/wchan") == 0)
		return open_text(proc.wchan);
	return open_text(NULL);
}

/* -- two loops that do not run, and a watcher without a thread ------------- */

static int
set_up(void **state)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO
	};

	(void)state;
	lines[0] = '\0';
	memset(&proc, 0, sizeof(proc));
	sys = gyre__sys_default;
	sys.open = open_fake;
	now_ns = GYRE_SECONDS(1000);
	watcher = gyre__watcher_new(&sys, LOOPS);
	CHECK(watcher != NULL);
	watcher->threshold_ns = THRESHOLD;
	watcher->log.fn = collect_line;
	for (unsigned i = 0; i < LOOPS; i++) {
		CHECK(gyre_loop_new(&options, &loops[i]) == 0);
		gyre__watcher_add(watcher, i, loops[i]);
	}
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	gyre__watcher_free(watcher);
	for (unsigned i = 0; i < LOOPS; i++) {
		CHECK(gyre_loop_close(loops[i], false) == 0);
		gyre_loop_free(loops[i]);
	}
	return 0;
}

static void
begin(unsigned loop)
{
	(void)gyre__heartbeat_wake(&loops[loop]->heartbeat);
	gyre__heartbeat_busy(&loops[loop]->heartbeat);
}

static void
end(unsigned loop)
{
	gyre__heartbeat_idle(&loops[loop]->heartbeat);
	gyre__heartbeat_sleep(&loops[loop]->heartbeat);
}

/* Let so much time go by, and look. */
static int64_t
look_after(int64_t delay_ns)
{
	now_ns += delay_ns;
	return gyre__watcher_look(watcher, now_ns);
}

/* As its thread does, until then. */
static void
watch_for(int64_t span_ns)
{
	for (int64_t passed_ns = 0; passed_ns < span_ns; passed_ns += STEP)
		look_after(STEP);
}

static void
expect_next_look(int64_t when_ns, int64_t delay_ns)
{
	assert_int_equal(when_ns, now_ns + delay_ns);
}

static unsigned
stalls(struct gyre_stall ret_latest[GYRE_STALLS_KEPT])
{
	return gyre__stalls_read(&watcher->stalls, ret_latest);
}

static uint64_t
stalls_of(unsigned loop)
{
	return gyre__stalls_of(&watcher->stalls, loop).stalls;
}

/* -- when ------------------------------------------------------------------ */

static void
a_stall_is_told_once_after_the_threshold_and_never_before(void **state)
{
	struct gyre_stall latest[GYRE_STALLS_KEPT];

	(void)state;
	begin(1);
	look_after(0);
	watch_for(THRESHOLD - STEP);
	look_after(STEP - 1);
	assert_int_equal(stalls(latest), 0);
	assert_string_equal(lines, "");
	look_after(1);
	assert_int_equal(stalls(latest), 1);
	assert_int_equal(latest[0].shard, 1);
	assert_int_equal(latest[0].began_ns, now_ns - THRESHOLD);
	assert_int_equal(latest[0].duration_ns, THRESHOLD);
	assert_false(latest[0].is_over);
	assert_int_equal(lines_with("shard 1: stalled for 100 ms"), 1);
	watch_for(THRESHOLD * 10);
	assert_int_equal(stalls(latest), 1);
	assert_int_equal(lines_with("stalled"), 1);
	assert_int_equal(stalls_of(0), 0);
	assert_int_equal(stalls_of(1), 1);
}

static void
its_end_is_told_and_how_long_it_took(void **state)
{
	struct gyre_stall latest[GYRE_STALLS_KEPT];
	int64_t began_ns = now_ns;

	(void)state;
	begin(0);
	look_after(0);
	watch_for(THRESHOLD * 3);
	assert_int_equal(stalls(latest), 1);
	assert_int_equal(latest[0].duration_ns, THRESHOLD * 3);
	assert_false(latest[0].is_over);
	end(0);
	look_after(STEP);
	assert_int_equal(stalls(latest), 1);
	assert_int_equal(latest[0].began_ns, began_ns);
	assert_int_equal(latest[0].duration_ns, THRESHOLD * 3 + STEP);
	assert_true(latest[0].is_over);
	assert_int_equal(gyre__stalls_of(&watcher->stalls, 0).stalled_ns,
			 THRESHOLD * 3 + STEP);
	assert_int_equal(lines_with("shard 0: goes on after 325 ms"), 1);
}

static void
iterations_that_are_short_are_no_stall_however_many(void **state)
{
	struct gyre_stall latest[GYRE_STALLS_KEPT];

	(void)state;
	for (int i = 0; i < 100; i++) {
		begin(0);
		look_after(STEP);
		look_after(STEP);
		end(0);
	}
	assert_int_equal(stalls(latest), 0);
}

static void
a_look_comes_in_time_for_the_threshold(void **state)
{
	(void)state;
	begin(0);
	expect_next_look(look_after(0), STEP);
	watch_for(STEP * 3);
	expect_next_look(look_after(STEP / 2), STEP / 2);
}

/* -- who sleeps ------------------------------------------------------------ */

static void
it_sleeps_when_nothing_has_moved_and_all_sleep(void **state)
{
	(void)state;
	assert_int_equal(look_after(STEP), GYRE_FOREVER);
	begin(0);
	expect_next_look(look_after(STEP), STEP);
	end(0);
	/* What has moved may move again. */
	expect_next_look(look_after(STEP), STEP);
	assert_int_equal(look_after(STEP), GYRE_FOREVER);
	/* Between two polls: neither busy nor asleep. */
	(void)gyre__heartbeat_wake(&loops[1]->heartbeat);
	expect_next_look(look_after(STEP), STEP);
}

static void
a_loop_rings_if_it_was_watched_and_only_then(void **state)
{
	struct gyre__heartbeat *heart = &loops[0]->heartbeat;

	(void)state;
	assert_true(gyre__heartbeat_watch(heart));
	assert_true(gyre__heartbeat_wake(heart));
	assert_false(gyre__heartbeat_watch(heart));
	gyre__heartbeat_sleep(heart);
	assert_false(gyre__heartbeat_wake(heart));
	gyre__heartbeat_sleep(heart);
	assert_true(gyre__heartbeat_watch(heart));
	gyre__heartbeat_unwatch(heart);
	assert_false(gyre__heartbeat_wake(heart));
	/* It rang: there is nothing to take back. */
	gyre__heartbeat_unwatch(heart);
	assert_int_equal(heart->sleep, GYRE__AWAKE);
}

/* One that wakes up after the look is found awake, and all others take back
 * what they were asked. */
static void
it_does_not_sleep_while_one_is_awake(void **state)
{
	(void)state;
	begin(1);
	assert_false(gyre__watcher_ask(watcher));
	assert_int_equal(loops[0]->heartbeat.sleep, GYRE__ASLEEP);
	assert_int_equal(loops[1]->heartbeat.sleep, GYRE__AWAKE);
	end(1);
	assert_true(gyre__watcher_ask(watcher));
	assert_int_equal(loops[0]->heartbeat.sleep, GYRE__WATCHED);
	assert_int_equal(loops[1]->heartbeat.sleep, GYRE__WATCHED);
	assert_true(gyre__heartbeat_wake(&loops[1]->heartbeat));
}

/* -- when nobody ran ------------------------------------------------------- */

static void
time_in_which_the_watcher_did_not_run_is_no_loops(void **state)
{
	struct gyre_stall latest[GYRE_STALLS_KEPT];

	(void)state;
	begin(0);
	look_after(0);
	look_after(STEP);
	/* Due a step later, it comes an hour later. */
	look_after(STEP + GYRE_SECONDS(3600));
	watch_for(STEP);
	assert_int_equal(stalls(latest), 0);
	look_after(STEP);
	assert_int_equal(stalls(latest), 1);
	assert_int_equal(latest[0].duration_ns, THRESHOLD);
}

static void
a_look_that_is_a_little_late_counts(void **state)
{
	struct gyre_stall latest[GYRE_STALLS_KEPT];

	(void)state;
	begin(0);
	look_after(0);
	look_after(STEP * 2);
	look_after(STEP * 2);
	assert_int_equal(stalls(latest), 1);
}

/* -- how often ------------------------------------------------------------- */

static void
stall_once(unsigned loop)
{
	begin(loop);
	look_after(STEP);
	watch_for(THRESHOLD);
	end(loop);
	look_after(STEP);
}

static void
the_log_has_so_many_a_window_and_how_many_were_left_out(void **state)
{
	struct gyre_stall latest[GYRE_STALLS_KEPT];

	(void)state;
	for (unsigned i = 0; i < GYRE__REPORTS_MAX + 3; i++)
		stall_once(0);
	assert_int_equal(lines_with("stalled"), GYRE__REPORTS_MAX);
	assert_int_equal(lines_with("goes on"), GYRE__REPORTS_MAX);
	assert_int_equal(lines_with("only in the statistics"), 0);
	assert_int_equal(stalls(latest), GYRE__REPORTS_MAX + 3);
	assert_int_equal(stalls_of(0), GYRE__REPORTS_MAX + 3);
	look_after(GYRE__REPORTS_WINDOW_NS);
	stall_once(1);
	assert_int_equal(
		lines_with(
			"watchdog: 3 more stalls are only in the statistics"),
		1);
	assert_int_equal(lines_with("stalled"), GYRE__REPORTS_MAX + 1);
}

static void
the_latest_are_kept_newest_first(void **state)
{
	struct gyre_stall latest[GYRE_STALLS_KEPT];

	(void)state;
	for (unsigned i = 0; i < GYRE_STALLS_KEPT + 5; i++)
		stall_once(i % 2);
	assert_int_equal(stalls(latest), GYRE_STALLS_KEPT);
	for (unsigned i = 0; i < GYRE_STALLS_KEPT; i++) {
		assert_int_equal(latest[i].shard, i % 2);
		assert_true(latest[i].is_over);
		if (i > 0)
			assert_true(latest[i].began_ns <
				    latest[i - 1].began_ns);
	}
	assert_int_equal(stalls_of(0) + stalls_of(1), GYRE_STALLS_KEPT + 5);
}

/* One that is out of the ring when it ends changes no other. */
static void
a_long_stall_may_be_forgotten_before_it_ends(void **state)
{
	struct gyre_stall latest[GYRE_STALLS_KEPT];
	int64_t began_ns = now_ns;

	(void)state;
	begin(0);
	look_after(0);
	watch_for(THRESHOLD);
	for (unsigned i = 0; i < GYRE_STALLS_KEPT; i++)
		stall_once(1);
	end(0);
	look_after(STEP);
	assert_int_equal(stalls(latest), GYRE_STALLS_KEPT);
	for (unsigned i = 0; i < GYRE_STALLS_KEPT; i++) {
		assert_int_equal(latest[i].shard, 1);
		assert_int_equal(latest[i].duration_ns, THRESHOLD + STEP);
	}
	assert_int_equal(gyre__stalls_of(&watcher->stalls, 0).stalled_ns,
			 now_ns - began_ns);
}

/* -- what the thread was at ------------------------------------------------ */

static struct gyre_stall
stall_with(const char *before, const char *stat, const char *after)
{
	struct gyre_stall latest[GYRE_STALLS_KEPT];

	proc.stat = stat;
	proc.schedstat = before;
	begin(0);
	look_after(0);
	watch_for(THRESHOLD / 2);
	proc.schedstat = after;
	watch_for(THRESHOLD / 2);
	assert_int_equal(stalls(latest), 1);
	return latest[0];
}

/* Of the 50 ms between the looks it had 49. */
static void
one_that_has_a_cpu_is_running(void **state)
{
	struct gyre_stall stall =
		stall_with("7000000 5 1", "77 (a) b) R 1", "56000000 9 1");

	(void)state;
	assert_int_equal(stall.kind, GYRE_STALL_RUNNING);
	assert_string_equal(stall.wait, "");
	assert_int_equal(lines_with("it runs"), 1);
}

static void
one_that_is_ready_and_has_none_is_descheduled(void **state)
{
	struct gyre_stall stall =
		stall_with("7000000 5 1", "77 (gyre) R 1", "19000000 9 1");

	(void)state;
	assert_int_equal(stall.kind, GYRE_STALL_DESCHEDULED);
	assert_int_equal(lines_with("it waits for a CPU"), 1);
}

static void
one_that_sleeps_is_blocked_in_a_system_call(void **state)
{
	struct gyre_stall stall;
	char text[64];

	(void)state;
	snprintf(text, sizeof(text), "%ld 0x3 0x7f 0x1 0x7ffc 0x7f1\n",
		 (long)SYS_read);
	proc.syscall = text;
	proc.wchan = "pipe_read";
	stall = stall_with("7000000 5 1", "77 (gyre) S 1", "7000000 9 1");
	assert_int_equal(stall.kind, GYRE_STALL_BLOCKED);
	assert_string_equal(stall.wait, "read, in pipe_read");
	assert_int_equal(lines_with("it is blocked in read, in pipe_read"), 1);
}

static void
a_call_without_a_name_has_its_number(void **state)
{
	struct gyre_stall stall;

	(void)state;
	proc.syscall = "99999 0x3 0x7 0x1 0x7ffc 0x7f1\n";
	proc.wchan = "0";
	stall = stall_with("7000000 5 1", "77 (gyre) D 1", "7000000 9 1");
	assert_int_equal(stall.kind, GYRE_STALL_BLOCKED);
	assert_string_equal(stall.wait, "system call 99999");
}

/* A page fault: the kernel's function alone is known. */
static void
one_may_be_blocked_outside_of_a_call(void **state)
{
	struct gyre_stall stall;

	(void)state;
	proc.syscall = "-1 0x7ffc 0x7f1\n";
	proc.wchan = "folio_wait_bit";
	stall = stall_with("7000000 5 1", "77 (gyre) D 1", "7000000 9 1");
	assert_string_equal(stall.wait, "folio_wait_bit");
}

static void
what_the_system_does_not_tell_is_unknown(void **state)
{
	struct gyre_stall stall = stall_with(NULL, NULL, NULL);

	(void)state;
	assert_int_equal(stall.kind, GYRE_STALL_UNKNOWN);
	assert_int_equal(lines_with("stalled for 100 ms\n"), 1);
}

#define WATCHER_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WATCHER_TEST(
			a_stall_is_told_once_after_the_threshold_and_never_before),
		WATCHER_TEST(its_end_is_told_and_how_long_it_took),
		WATCHER_TEST(
			iterations_that_are_short_are_no_stall_however_many),
		WATCHER_TEST(a_look_comes_in_time_for_the_threshold),
		WATCHER_TEST(it_sleeps_when_nothing_has_moved_and_all_sleep),
		WATCHER_TEST(a_loop_rings_if_it_was_watched_and_only_then),
		WATCHER_TEST(it_does_not_sleep_while_one_is_awake),
		WATCHER_TEST(time_in_which_the_watcher_did_not_run_is_no_loops),
		WATCHER_TEST(a_look_that_is_a_little_late_counts),
		WATCHER_TEST(
			the_log_has_so_many_a_window_and_how_many_were_left_out),
		WATCHER_TEST(the_latest_are_kept_newest_first),
		WATCHER_TEST(a_long_stall_may_be_forgotten_before_it_ends),
		WATCHER_TEST(one_that_has_a_cpu_is_running),
		WATCHER_TEST(one_that_is_ready_and_has_none_is_descheduled),
		WATCHER_TEST(one_that_sleeps_is_blocked_in_a_system_call),
		WATCHER_TEST(a_call_without_a_name_has_its_number),
		WATCHER_TEST(one_may_be_blocked_outside_of_a_call),
		WATCHER_TEST(what_the_system_does_not_tell_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
