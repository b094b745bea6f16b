/*
 * Forks of a process with a runtime: what goes into an exec, and what a child
 * is refused.
 */
#include "tests/runtime/fork_fixture.h"

#include "tests/support/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* -- descriptors over an exec --------------------------------------------- */

#define LOOPS 2

static atomic_uint streams;
static atomic_uint names;
static atomic_uint ports[LOOPS];

static size_t
keep_nothing(struct gyre_stream *stream, const void *data, size_t length,
	     void *arg)
{
	(void)stream;
	(void)data;
	(void)arg;
	return length;
}

static const struct gyre_stream_ops stream_ops = { .on_read = keep_nothing };

static void
open_stream(struct gyre_listener *listener, int fd, void *loop)
{
	struct gyre_stream *stream;

	(void)listener;
	CHECK(gyre_stream_open(loop, fd, NULL, &stream_ops, NULL, &stream) ==
	      0);
	atomic_fetch_add(&streams, 1);
}

static void
on_names(struct gyre_future *future, void *arg)
{
	void *addresses = NULL;

	(void)arg;
	if (gyre_future_result(future, &addresses) == 0)
		gyre_addresses_free(addresses);
	atomic_fetch_add(&names, 1);
}

static void
look_up(struct gyre_loop *loop)
{
	const struct gyre_resolve_options options = { .host = "localhost" };
	struct gyre_future *future = gyre_net_resolve(loop, &options);

	CHECK(future != NULL);
	CHECK(gyre_loop_add_future(loop, future, on_names, NULL) == 0);
	gyre_future_unref(future);
}

static void
on_hangup(int signo, void *arg)
{
	(void)signo;
	(void)arg;
}

static int
start_everything(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	struct gyre_listener *listener;

	(void)arg;
	(void)ret_state;
	CHECK(gyre_listener_open(shard->loop, NULL, open_stream, shard->loop,
				 &listener) == 0);
	CHECK(gyre_loop_set_blocking_log_threshold(shard->loop,
						   GYRE_SECONDS(3600)) == 0);
	CHECK(gyre_loop_add_signal(shard->loop, SIGHUP, on_hangup, NULL) == 0);
	look_up(shard->loop);
	atomic_store(&ports[shard->index], gyre_listener_port(listener));
	return 0;
}

/* How many there are beyond the first three, and which. */
static int
count_descriptors(bool shows)
{
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;
	char target[128];
	int count = 0;

	CHECK(folder != NULL);
	while ((entry = readdir(folder)) != NULL) {
		int fd = atoi(entry->d_name);
		ssize_t length;

		if (fd <= 2 || fd == dirfd(folder))
			continue;
		count++;
		length = readlinkat(dirfd(folder), entry->d_name, target,
				    sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		if (shows)
			fprintf(stderr, "left: %d %s\n", fd, target);
	}
	closedir(folder);
	return count;
}

/* What whoever started the test has left open is not ours. */
static void
hide_inherited(void)
{
	for (int fd = 3; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void
exec_this(void *unused)
{
	char *const arguments[] = { (char *)"fork_test",
				    (char *)"--descriptors", NULL };

	(void)unused;
	/* Where the table would leave something open, here it is open. */
	CHECK(count_descriptors(false) > 0);
	execv("/proc/self/exe", arguments);
	abort();
}

static void
assert_nothing_goes_into_an_exec(const char *poller)
{
	static const struct gyre_service_ops everything = {
		.name = "everything",
		.start = start_everything,
	};
	char folder[] = "/tmp/gyre-fork-XXXXXX";
	char path[64];
	char output[1024];
	struct gyre_runtime_options options = {
		.loops = LOOPS,
		.stop_signals = true,
		.control_path = path,
	};
	struct gyre_runtime *runtime = NULL;
	int fds[LOOPS];
	int status;

	assert_int_equal(setenv("GYRE_POLLER", poller, 1), 0);
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	atomic_store(&streams, 0);
	atomic_store(&names, 0);
	hide_inherited();
	assert_int_equal(gyre_runtime_new(&options, &runtime), 0);
	assert_int_equal(gyre_runtime_add_service(runtime, &everything, NULL),
			 0);
	assert_int_equal(gyre_runtime_start(runtime), 0);
	for (unsigned i = 0; i < LOOPS; i++)
		fds[i] = connect_to((uint16_t)atomic_load(&ports[i]));
	while (atomic_load(&streams) < LOOPS || atomic_load(&names) < LOOPS)
		sched_yield();
	status = in_child(exec_this, NULL, output, sizeof(output));
	assert_string_equal(output, "");
	assert_int_equal(status, 0);
	gyre_runtime_stop(runtime);
	assert_int_equal(gyre_runtime_wait(runtime), 0);
	gyre_runtime_free(runtime);
	for (unsigned i = 0; i < LOOPS; i++)
		close(fds[i]);
	assert_int_equal(rmdir(folder), 0);
	unsetenv("GYRE_POLLER");
}

static void
no_descriptor_goes_into_an_exec_from_epoll(void **state)
{
	(void)state;
	assert_nothing_goes_into_an_exec("epoll");
}

static void
no_descriptor_goes_into_an_exec_from_poll(void **state)
{
	(void)state;
	assert_nothing_goes_into_an_exec("poll");
}

/* -- what a child is refused ---------------------------------------------- */

static void *
never_called(void *arg)
{
	abort();
	return arg;
}

static void
never_run(struct gyre_task *task)
{
	(void)task;
	abort();
}

static void
never_dropped(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)task;
	(void)reason;
	abort();
}

static void
never_job(struct gyre_job *job)
{
	(void)job;
	abort();
}

static void
never_topic(const struct gyre_topic *topic, void *arg)
{
	(void)topic;
	(void)arg;
	abort();
}

static void
never_told(const struct gyre_delivery *delivery, void *arg)
{
	(void)delivery;
	(void)arg;
	abort();
}

static void
expect_no_life(void)
{
	struct gyre_runtime_stats *stats;
	const struct gyre_slot_move move = { .count = 1, .shard = 1 };

	CHECK(gyre_runtime_add_service(the_runtime, &nothing, NULL) == -EPERM);
	CHECK(gyre_runtime_start(the_runtime) == -EPERM);
	CHECK(gyre_runtime_wait(the_runtime) == -EPERM);
	CHECK(gyre_runtime_stats(the_runtime, &stats) == -EPERM);
	CHECK(gyre_runtime_write_prometheus(the_runtime, stderr) == -EPERM);
	CHECK(gyre_runtime_move_slots(the_runtime, &move, 1, NULL) == -EPERM);
	gyre_runtime_stop(the_runtime);
	gyre_runtime_free(the_runtime);
}

/* They read what no thread changes any more. */
static void
expect_the_table(void)
{
	static struct gyre_shard_map map;
	struct gyre_bus *bus = gyre_runtime_bus(the_runtime);

	CHECK(gyre_runtime_shards(the_runtime) == 2);
	CHECK(gyre_runtime_shard(the_runtime, 1)->index == 1);
	CHECK(gyre_runtime_plan(the_runtime)->loops == 2);
	CHECK(gyre_bus_shards(bus) == 2);
	gyre_runtime_get_shard_map(the_runtime, &map);
	CHECK(map.version == gyre_runtime_shard_map_version(the_runtime));
	CHECK(gyre_runtime_shard_of(the_runtime, "a", 1) ==
	      map.shards[gyre_shard_slot("a", 1)]);
}

static void
expect_no_bus(void)
{
	struct gyre_bus *bus = gyre_runtime_bus(the_runtime);
	struct gyre_task task = { .run = never_run, .drop = never_dropped };
	const struct gyre_message message = { .data = &task };
	const struct gyre_subscribe_options options = { .pattern = "a",
							.fn = never_told };
	struct gyre_subscription *subscription;

	CHECK(gyre_bus_post(bus, 1, &task) == -EPERM);
	CHECK(gyre_inbox_post_urgent(gyre_bus_inbox(bus, 1), &task) == -EPERM);
	CHECK(gyre_bus_publish(bus, "a", message) == -EPERM);
	CHECK(gyre_bus_publish_retained(bus, "a", message) == -EPERM);
	CHECK(gyre_bus_subscribers(bus, "a") == 0);
	gyre_bus_topics(bus, never_topic, NULL);
	if (gyre_loop_current(false) == NULL)
		return;
	CHECK(gyre_bus_subscribe(bus, &options, &subscription) == -EPERM);
}

static void
expect_no_pool(void)
{
	struct gyre_pool *pool = gyre_runtime_pool(the_runtime);
	struct gyre_executor *executor = gyre_pool_executor(pool);
	const struct gyre_job_options options = { .run = never_job };
	struct gyre_pool_stats stats;
	struct gyre_job job;

	gyre_job_init(&job, &options);
	CHECK(gyre_executor_submit_job(executor, &job) == -EPERM);
	CHECK(gyre_pool_get_lane_stats(pool, "fast", &stats) == -EPERM);
	gyre_pool_get_stats(pool, &stats);
	CHECK(stats.threads == 0);
	CHECK(gyre_pool_shut_down(pool, GYRE_SHUT_DOWN_CANCEL, 0) == -EPERM);
	gyre_pool_free(pool);
}

static void
expect_no_call(void)
{
	struct gyre_bus *bus = gyre_runtime_bus(the_runtime);
	void *value;

	CHECK(gyre_bus_call_wait(bus, 1, never_called, NULL, GYRE_FOREVER,
				 &value) == -EPERM);
}

static void
use_as_a_child(void *unused)
{
	(void)unused;
	expect_no_life();
	expect_the_table();
	expect_no_bus();
	expect_no_pool();
	expect_no_call();
}

static void
a_child_is_refused_everything(void **state)
{
	(void)state;
	start_runtime(&nothing);
	assert_good_in_a_child(use_as_a_child);
	end_runtime();
}

static int
outcome_of(struct gyre_future *future)
{
	int result;

	CHECK(future != NULL);
	result = gyre_future_result(future, NULL);
	gyre_future_unref(future);
	return result;
}

static void
use_in_a_callback(void *unused)
{
	struct gyre_bus *bus = gyre_runtime_bus(the_runtime);

	(void)unused;
	expect_no_life();
	expect_no_bus();
	expect_no_pool();
	CHECK(outcome_of(gyre_bus_call(bus, 1, never_called, NULL)) == -EPERM);
	CHECK(outcome_of(gyre_bus_each(bus, never_called, NULL, NULL)) ==
	      -EPERM);
	CHECK(outcome_of(gyre_bus_barrier(bus)) == -EPERM);
}

static void
try_in_a_child(void *unused)
{
	char output[1024];
	int status = in_child(use_in_a_callback, NULL, output, sizeof(output));

	(void)unused;
	fputs(output, stderr);
	CHECK(status == 0);
	atomic_store(&shared->is_forked, true);
}

static void
a_child_of_a_callback_is_refused_everything(void **state)
{
	(void)state;
	start_runtime(&nothing);
	assert_int_equal(
		gyre_loop_add_callback(loop_of(0), try_in_a_child, NULL), 0);
	await(&shared->is_forked);
	end_runtime();
}

#define FORK_TEST(name) cmocka_unit_test_setup(name, fork_set_up)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		FORK_TEST(no_descriptor_goes_into_an_exec_from_epoll),
		FORK_TEST(no_descriptor_goes_into_an_exec_from_poll),
		FORK_TEST(a_child_is_refused_everything),
		FORK_TEST(a_child_of_a_callback_is_refused_everything),
	};

	if (argc > 1 && strcmp(argv[1], "--descriptors") == 0)
		return count_descriptors(true);
	fork_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
