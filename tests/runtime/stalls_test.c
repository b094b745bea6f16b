/*
 * A runtime whose loops stall: what its statistics and its log say, while it
 * goes on and after it is over; that an idle runtime's watcher sleeps, and is
 * there when it is needed; and that a stopped process stalls nowhere.
 */
#include "tests/runtime/fixture.h"

#include <gyre/statistics.h>

#include "loop/loop.h"
#include "runtime/runtime.h"
#include "tests/support/watchdog.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define LOOPS     4
#define THRESHOLD GYRE_MS(20)

static struct gyre_runtime *runtime;
static atomic_bool may_end;

/* Where the control socket is. */
static char folder[] = "/tmp/gyre-stalls-XXXXXX";
static char path[64];

/* -- the log -------------------------------------------------------------- */

static pthread_mutex_t lines_mutex = PTHREAD_MUTEX_INITIALIZER;
static char lines[65536];

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

static bool
is_said(const char *words)
{
	bool is_there;

	pthread_mutex_lock(&lines_mutex);
	is_there = strstr(lines, words) != NULL;
	pthread_mutex_unlock(&lines_mutex);
	return is_there;
}

/* -- a runtime ------------------------------------------------------------- */

static void
start(int64_t watchdog_ns)
{
	const struct gyre_runtime_options options = {
		.loops = LOOPS,
		.pin = GYRE_PIN_NONE,
		.watchdog_ns = watchdog_ns,
		.control_path = path,
		.log.fn = collect_line,
	};

	watchdog(120);
	snprintf(path, sizeof(path), "%s/%d", folder, getpid());
	lines[0] = '\0';
	atomic_store(&may_end, false);
	CHECK(gyre_runtime_new(&options, &runtime) == 0);
	CHECK(gyre_runtime_start(runtime) == 0);
}

static void
stop(void)
{
	atomic_store(&may_end, true);
	gyre_runtime_stop(runtime);
	CHECK(gyre_runtime_wait(runtime) == 0);
	gyre_runtime_free(runtime);
}

static void
run_on(unsigned shard, gyre_callback_fn fn, void *arg)
{
	CHECK(gyre_loop_add_callback(gyre_runtime_shard(runtime, shard)->loop,
				     fn, arg) == 0);
}

/* The latest stall of a shard, if it has had so many. */
static bool
has_stalled(unsigned shard, uint64_t times, struct gyre_stall *ret)
{
	struct gyre_runtime_stats *stats;
	bool has;

	CHECK(gyre_runtime_stats(runtime, &stats) == 0);
	has = stats->shards[shard].stalls >= times;
	for (unsigned i = stats->stalls_count; has && i > 0; i--)
		if (stats->stalls[i - 1].shard == shard)
			*ret = stats->stalls[i - 1];
	gyre_runtime_stats_free(stats);
	return has;
}

static struct gyre_stall
await_stall(unsigned shard, uint64_t times)
{
	struct gyre_stall stall;

	while (!has_stalled(shard, times, &stall))
		usleep(1000);
	return stall;
}

static struct gyre_stall
await_end(unsigned shard, uint64_t times)
{
	struct gyre_stall stall = await_stall(shard, times);

	while (!stall.is_over) {
		usleep(1000);
		stall = await_stall(shard, times);
	}
	return stall;
}

/* -- what others are told -------------------------------------------------- */

/* What the control socket answers to this, up to the end of a line. */
static void
ask(const char *request, char *ret_answer, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t length = 0;
	ssize_t got = 1;

	CHECK(fd >= 0);
	strcpy(address.sun_path, path);
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(write(fd, request, strlen(request)) == (ssize_t)strlen(request));
	while (got > 0 && strchr(ret_answer, '\n') == NULL) {
		got = read(fd, ret_answer + length, size - 1 - length);
		length += got > 0 ? (size_t)got : 0;
		ret_answer[length] = '\0';
	}
	close(fd);
}

static void
assert_gyre_top_is_told(unsigned shard, const char *callback)
{
	static char answer[65536];
	char words[128];

	answer[0] = '\0';
	ask("stats\n", answer, sizeof(answer));
	snprintf(words, sizeof(words),
		 "\"stalls\":[{\"shard\":%u,\"kind\":", shard);
	assert_non_null(strstr(answer, words));
	snprintf(words, sizeof(words), "\"callback\":\"%s\"", callback);
	assert_non_null(strstr(answer, words));
	assert_non_null(strstr(answer, "\"stalls\":1,\"stalled_ns\":"));
}

static void
assert_prometheus_is_told(unsigned shard)
{
	char words[64];
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	CHECK(file != NULL);
	assert_int_equal(gyre_runtime_write_prometheus(runtime, file), 0);
	fclose(file);
	for (unsigned i = 0; i < LOOPS; i++) {
		snprintf(words, sizeof(words),
			 "\ngyre_loop_stalls_total{shard=\"%u\"} %d\n", i,
			 i == shard);
		assert_non_null(strstr(text, words));
	}
	free(text);
}

/* -- what runs too long ---------------------------------------------------- */

void spin_until_told(void *unused);
void read_until_told(void *fd);
void sleep_until_told(void *unused);

static atomic_uint spins;

void
spin_until_told(void *unused)
{
	(void)unused;
	while (!atomic_load(&may_end))
		atomic_fetch_add(&spins, 1);
}

void
read_until_told(void *fd)
{
	char byte;

	CHECK(read(*(int *)fd, &byte, 1) == 1);
}

/* The watchdog's signal ends a sleep. */
void
sleep_until_told(void *unused)
{
	const struct timespec hour = { .tv_sec = 3600 };

	(void)unused;
	while (!atomic_load(&may_end))
		nanosleep(&hour, NULL);
}

static void
a_loop_that_computes_is_told_of_and_no_other(void **state)
{
	struct gyre_stall stall;

	(void)state;
	start(THRESHOLD);
	run_on(2, spin_until_told, NULL);
	stall = await_stall(2, 1);
	assert_int_equal(stall.shard, 2);
	assert_false(stall.is_over);
	assert_true(stall.duration_ns >= THRESHOLD);
	/* On a machine that has others to run it may have waited for a CPU. */
	assert_true(stall.kind == GYRE_STALL_RUNNING ||
		    stall.kind == GYRE_STALL_DESCHEDULED);
	assert_string_equal(stall.callback, "spin_until_told");
	assert_gyre_top_is_told(2, "spin_until_told");
	assert_prometheus_is_told(2);
	atomic_store(&may_end, true);
	stall = await_end(2, 1);
	assert_true(stall.duration_ns >= THRESHOLD);
	stop();
	assert_true(is_said("shard 2: stalled for "));
	assert_true(is_said(" ms in spin_until_told: it "));
	assert_true(is_said("shard 2: #0 "));
	assert_true(is_said("spin_until_told+"));
	assert_true(is_said("shard 2: goes on after "));
	assert_false(is_said("shard 0"));
	assert_false(is_said("shard 1"));
	assert_false(is_said("shard 3"));
}

/* Until it is found asleep: it may have waited for a CPU on its way there. */
static struct gyre_stall
stall_blocked(gyre_callback_fn fn, int *fds)
{
	struct gyre_stall stall = { .kind = GYRE_STALL_UNKNOWN };

	for (uint64_t i = 1; stall.kind != GYRE_STALL_BLOCKED; i++) {
		atomic_store(&may_end, false);
		run_on(1, fn, &fds[0]);
		stall = await_stall(1, i);
		atomic_store(&may_end, true);
		if (fn == read_until_told)
			CHECK(write(fds[1], "x", 1) == 1);
		else
			pthread_kill(runtime->shards[1].thread, SIGURG);
		(void)await_end(1, i);
	}
	return stall;
}

/* ThreadSanitizer holds the signal back until the read has returned, and so
 * the stack. */
static void
assert_read_is_named(const struct gyre_stall *stall)
{
#if defined(GYRE__TSAN)
	if (stall->callback[0] == '\0') {
		assert_true(is_said("no stack: its thread did not answer"));
		return;
	}
#endif
	assert_string_equal(stall->callback, "read_until_told");
	assert_true(is_said(" ms in read_until_told: it is blocked in read"));
}

static void
a_loop_that_is_blocked_in_a_read_is_told_of(void **state)
{
	struct gyre_stall stall;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	start(THRESHOLD);
	stall = stall_blocked(read_until_told, fds);
	assert_read_is_named(&stall);
	assert_int_equal(strncmp(stall.wait, "read", 4), 0);
	stop();
	close(fds[0]);
	close(fds[1]);
}

static void
nothing_else(int number)
{
	(void)number;
}

static void
a_loop_that_sleeps_in_a_callback_is_told_of(void **state)
{
	const struct sigaction action = { .sa_handler = nothing_else };
	struct sigaction before;
	struct gyre_stall stall;
	int none[2] = { -1, -1 };

	(void)state;
	assert_int_equal(sigaction(SIGURG, &action, &before), 0);
	start(THRESHOLD);
	stall = stall_blocked(sleep_until_told, none);
	assert_string_equal(stall.callback, "sleep_until_told");
	assert_non_null(strstr(stall.wait, "nanosleep"));
	stop();
	assert_int_equal(sigaction(SIGURG, &before, NULL), 0);
}

/* -- an idle runtime ------------------------------------------------------- */

static bool
all_are_watched(void)
{
	for (unsigned i = 0; i < LOOPS; i++) {
		uint32_t *sleep =
			&runtime->shards[i].shard.loop->heartbeat.sleep;

		/* stalls_test.S1 relaxed: a look */
		if (gyre__load_32_relaxed(sleep) != GYRE__WATCHED)
			return false;
	}
	return true;
}

static void
await_sleep(void)
{
	while (!all_are_watched())
		usleep(1000);
}

static void
an_idle_runtime_s_watcher_sleeps_and_is_there_when_a_loop_wakes(void **state)
{
	(void)state;
	start(THRESHOLD);
	for (uint64_t i = 1; i <= 5; i++) {
		atomic_store(&may_end, false);
		await_sleep();
		/* Whoever woke up meanwhile would have looked. */
		usleep(THRESHOLD * 3 / 1000);
		assert_true(all_are_watched());
		run_on(3, spin_until_told, NULL);
		(void)await_stall(3, i);
		atomic_store(&may_end, true);
		(void)await_end(3, i);
	}
	stop();
}

static atomic_uint calls;

static void
count_call(void *unused)
{
	(void)unused;
	atomic_fetch_add(&calls, 1);
}

/* Each round it falls asleep with the loops, and each time one that wakes must
 * wake it; it would not ask again otherwise. */
static void
no_wake_up_is_lost_however_often_it_sleeps(void **state)
{
	(void)state;
	start(GYRE_MS(1));
	atomic_store(&calls, 0);
	for (unsigned i = 0; i < harness_scaled(300); i++) {
		unsigned before = atomic_load(&calls);

		await_sleep();
		run_on(i % LOOPS, count_call, NULL);
		run_on((i + 1) % LOOPS, count_call, NULL);
		while (atomic_load(&calls) < before + 2)
			sched_yield();
	}
	await_sleep();
	stop();
}

/* -- without one ----------------------------------------------------------- */

static void
there_is_none_where_it_is_not_wanted(void **state)
{
	struct gyre_runtime_options options = { .loops = 1,
						.simulate = 1,
						.log.fn = collect_line };

	(void)state;
	start(GYRE_FOREVER);
	assert_null(runtime->watcher);
	stop();
	assert_int_equal(gyre_runtime_new(&options, &runtime), 0);
	assert_null(runtime->watcher);
	gyre_runtime_free(runtime);
}

static int64_t
threshold_with(const char *environment)
{
	int64_t threshold_ns;

	if (environment != NULL)
		assert_int_equal(setenv("GYRE_WATCHDOG", environment, 1), 0);
	else
		unsetenv("GYRE_WATCHDOG");
	start(0);
	threshold_ns = runtime->watcher != NULL ? runtime->watcher->threshold_ns
						: GYRE_FOREVER;
	stop();
	return threshold_ns;
}

static void
where_the_program_says_nothing_the_environment_may(void **state)
{
	(void)state;
	assert_int_equal(threshold_with(NULL), GYRE_WATCHDOG_NS);
	assert_int_equal(threshold_with("250"), GYRE_MS(250));
	assert_int_equal(threshold_with("0"), GYRE_FOREVER);
	assert_false(is_said("GYRE_WATCHDOG"));
	assert_int_equal(threshold_with("-1"), GYRE_WATCHDOG_NS);
	assert_true(is_said("GYRE_WATCHDOG is no number of milliseconds: -1"));
	assert_int_equal(threshold_with("5s"), GYRE_WATCHDOG_NS);
	assert_true(is_said("GYRE_WATCHDOG is no number of milliseconds: 5s"));
}

static void
a_threshold_below_a_millisecond_is_refused(void **state)
{
	const struct gyre_runtime_options options = { .watchdog_ns =
							      GYRE_MS(1) - 1,
						      .log.fn = collect_line };

	(void)state;
	lines[0] = '\0';
	assert_int_equal(gyre_runtime_new(&options, &runtime), -EINVAL);
	assert_true(is_said("a watchdog_ns of 999999 is below"));
}

/* -- a process that is stopped --------------------------------------------- */

#define LONG_NS GYRE_SECONDS(2)

static struct shared {
	atomic_bool spins;
	atomic_bool may_end;
} * shared;

static void
spin_until_shared(void *unused)
{
	(void)unused;
	atomic_store(&shared->spins, true);
	while (!atomic_load(&shared->may_end))
		atomic_fetch_add(&spins, 1);
	atomic_store(&may_end, true);
}

static void
run_in_child(void)
{
	struct gyre_runtime_stats *stats;
	unsigned count;

	signal(SIGABRT, SIG_DFL);
	start(LONG_NS);
	run_on(0, spin_until_shared, NULL);
	while (!atomic_load(&may_end))
		usleep(1000);
	CHECK(gyre_runtime_stats(runtime, &stats) == 0);
	count = stats->stalls_count;
	gyre_runtime_stats_free(stats);
	stop();
	_exit(count == 0 && lines[0] == '\0' ? 0 : 1);
}

/* For longer than the threshold; then it runs for a third of it, with looks
 * enough to find what stands still. */
static void
a_process_that_is_stopped_stalls_nowhere(void **state)
{
	int status;
	pid_t child;

	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		run_in_child();
	while (!atomic_load(&shared->spins))
		usleep(1000);
	assert_int_equal(kill(child, SIGSTOP), 0);
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	assert_true(WIFSTOPPED(status));
	usleep(LONG_NS / 1000 * 5 / 4);
	assert_int_equal(kill(child, SIGCONT), 0);
	usleep(LONG_NS / 1000 / 3);
	atomic_store(&shared->may_end, true);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	munmap(shared, sizeof(*shared));
}

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL;
}

static int
remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: the child of a process with threads has none. */
		cmocka_unit_test(a_process_that_is_stopped_stalls_nowhere),
		cmocka_unit_test(a_loop_that_computes_is_told_of_and_no_other),
		cmocka_unit_test(a_loop_that_is_blocked_in_a_read_is_told_of),
		cmocka_unit_test(a_loop_that_sleeps_in_a_callback_is_told_of),
		cmocka_unit_test(
			an_idle_runtime_s_watcher_sleeps_and_is_there_when_a_loop_wakes),
		cmocka_unit_test(no_wake_up_is_lost_however_often_it_sleeps),
		cmocka_unit_test(there_is_none_where_it_is_not_wanted),
		cmocka_unit_test(
			where_the_program_says_nothing_the_environment_may),
		cmocka_unit_test(a_threshold_below_a_millisecond_is_refused),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
