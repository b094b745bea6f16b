/*
 * A child that returns from where it was forked leaves all that was under way
 * to its parent; and it may run a runtime of its own, or is refused one.
 */
#include "tests/runtime/fork_fixture.h"

#include "tests/support/child.h"

#include <errno.h>
#include <sys/socket.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void
counted(void *arg)
{
	(void)arg;
	count_call();
}

static void
counted_drop(void *arg, enum gyre_drop_reason reason)
{
	(void)arg;
	(void)reason;
	count_call();
}

/* -- a child that returns from where it was forked ------------------------- */

static void
free_service(void *unused)
{
	(void)unused;
	count_call();
	atomic_store(&shared->is_freed, true);
}

static void
stop_service(const struct gyre_shard *shard, void *unused)
{
	(void)shard;
	(void)unused;
	count_call();
}

static const struct gyre_service_ops counting = {
	.name = "counting",
	.start = no_service,
	.stop = stop_service,
	.free = free_service,
};

/* The other shard has closed between the call and the flush: what was gathered
 * for it is dropped here, by the parent. */
static void
gather_and_fork(void *unused)
{
	(void)unused;
	CHECK(gyre_loop_add_callback_drop(loop_of(1), counted, NULL,
					  counted_drop) == 0);
	gyre_loop_stop(loop_of(1));
	await(&shared->is_freed);
	CHECK(gyre_loop_add_callback_drop(loop_of(0), counted, NULL,
					  counted_drop) == 0);
	fork_here();
}

static void
a_child_that_returns_from_a_callback_runs_and_drops_nothing(void **state)
{
	(void)state;
	start_runtime(&counting);
	assert_int_equal(
		gyre_loop_add_callback(loop_of(0), gather_and_fork, NULL), 0);
	await(&shared->is_forked);
	assert_child_ended_well();
	end_runtime();
	assert_int_equal(atomic_load(&shared->in_child), 0);
	/* stop and free on each shard, the callback here, the drop for there */
	assert_int_equal(atomic_load(&shared->in_parent), 6);
}

static int
start_and_fork(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	(void)arg;
	(void)ret_state;
	if (shard->index == 1)
		fork_here();
	return 0;
}

static int
start_counted(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	(void)shard;
	(void)arg;
	(void)ret_state;
	count_call();
	return 0;
}

static void
a_child_that_returns_from_a_service_starts_no_other(void **state)
{
	static const struct gyre_service_ops forking = {
		.name = "forking",
		.start = start_and_fork,
		.stop = stop_service,
	};
	static const struct gyre_service_ops next = { .name = "next",
						      .start = start_counted };
	const struct gyre_runtime_options options = { .loops = 2,
						      .pin = GYRE_PIN_NONE };

	(void)state;
	assert_int_equal(gyre_runtime_new(&options, &the_runtime), 0);
	assert_int_equal(gyre_runtime_add_service(the_runtime, &forking, NULL),
			 0);
	assert_int_equal(gyre_runtime_add_service(the_runtime, &next, NULL), 0);
	assert_int_equal(gyre_runtime_start(the_runtime), 0);
	assert_child_ended_well();
	end_runtime();
	assert_int_equal(atomic_load(&shared->in_child), 0);
	assert_int_equal(atomic_load(&shared->in_parent), 4);
}

static void
job_that_forks(struct gyre_job *job)
{
	(void)job;
	fork_here();
}

static void
count_job(struct gyre_job *job)
{
	(void)job;
	count_call();
	if (atomic_load(&shared->in_parent) == 3)
		atomic_store(&shared->is_over, true);
}

static void
count_dropped_job(struct gyre_job *job, enum gyre_drop_reason reason)
{
	(void)reason;
	count_job(job);
}

/* On a pool with one thread, whose next job waits. */
static void
a_child_that_returns_from_a_job_leaves_the_rest(void **state)
{
	const struct gyre_runtime_options options = { .loops = 1,
						      .pin = GYRE_PIN_NONE,
						      .pool_threads_max = 1 };
	struct gyre_job_options job_options = { .run = job_that_forks,
						.done = count_job,
						.drop = count_dropped_job };
	struct gyre_job jobs[2];

	(void)state;
	assert_int_equal(gyre_runtime_new(&options, &the_runtime), 0);
	assert_int_equal(gyre_runtime_start(the_runtime), 0);
	job_options.home = gyre_loop_inbox(loop_of(0));
	for (int i = 0; i < 2; i++) {
		gyre_job_init(&jobs[i], &job_options);
		job_options.run = count_job;
		assert_int_equal(gyre_executor_submit_job(
					 gyre_pool_executor(gyre_runtime_pool(
						 the_runtime)),
					 &jobs[i]),
				 0);
	}
	await(&shared->is_over);
	assert_child_ended_well();
	end_runtime();
	assert_int_equal(atomic_load(&shared->in_child), 0);
	assert_int_equal(atomic_load(&shared->in_parent), 3);
}

/* -- on one loop, whose run ends in the child ------------------------------ */

static struct gyre_loop *the_loop;

static void
run_in_both(void)
{
	int result = gyre_loop_start(the_loop);

	if (getpid() != parent) {
		CHECK(result == -EPERM);
		gyre_loop_free(the_loop);
		_exit(0);
	}
	assert_int_equal(result, 0);
	assert_child_ended_well();
	assert_int_equal(gyre_loop_close(the_loop, true), 0);
	gyre_loop_free(the_loop);
}

static void
open_loop(void)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO
	};

	assert_int_equal(gyre_loop_new(&options, &the_loop), 0);
}

static void
count_or_fork(unsigned last)
{
	count_call();
	if (atomic_load(&shared->in_parent) == 1)
		fork_here();
	if (getpid() == parent && atomic_load(&shared->in_parent) == last)
		gyre_loop_stop(the_loop);
}

static void
on_first_of_two(struct gyre_future *future, void *arg)
{
	(void)future;
	(void)arg;
	count_or_fork(2);
}

static void
a_child_of_one_who_waits_for_a_future_calls_no_other(void **state)
{
	struct gyre_future *future;

	(void)state;
	open_loop();
	future = gyre_future_new(the_loop);
	assert_non_null(future);
	for (int i = 0; i < 2; i++)
		assert_int_equal(gyre_loop_add_future(the_loop, future,
						      on_first_of_two, NULL),
				 0);
	assert_int_equal(gyre_future_resolve(future, NULL), 0);
	gyre_future_unref(future);
	run_in_both();
	assert_int_equal(atomic_load(&shared->in_child), 0);
	assert_int_equal(atomic_load(&shared->in_parent), 2);
}

static void
accept_first_of_two(struct gyre_listener *listener, int fd, void *arg)
{
	(void)listener;
	(void)arg;
	close(fd);
	count_or_fork(2);
}

static void
a_child_of_an_accept_takes_no_other_client(void **state)
{
	struct gyre_listener *listener;
	int clients[2];

	(void)state;
	open_loop();
	assert_int_equal(gyre_listener_open(the_loop, NULL, accept_first_of_two,
					    NULL, &listener),
			 0);
	for (int i = 0; i < 2; i++)
		clients[i] = connect_to(gyre_listener_port(listener));
	run_in_both();
	assert_int_equal(atomic_load(&shared->in_child), 0);
	assert_int_equal(atomic_load(&shared->in_parent), 2);
	for (int i = 0; i < 2; i++)
		close(clients[i]);
}

static size_t
read_one_byte(struct gyre_stream *stream, const void *data, size_t length,
	      void *arg)
{
	(void)stream;
	(void)data;
	(void)length;
	(void)arg;
	count_or_fork(3);
	return 1;
}

static void
a_child_of_a_read_is_handed_no_more(void **state)
{
	static const struct gyre_stream_ops ops = { .on_read = read_one_byte };
	struct gyre_stream *stream;
	int fds[2];

	(void)state;
	open_loop();
	assert_int_equal(socketpair(AF_UNIX,
				    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				    0, fds),
			 0);
	assert_int_equal(
		gyre_stream_open(the_loop, fds[0], NULL, &ops, NULL, &stream),
		0);
	assert_int_equal(write(fds[1], "abc", 3), 3);
	run_in_both();
	assert_int_equal(atomic_load(&shared->in_child), 0);
	assert_int_equal(atomic_load(&shared->in_parent), 3);
	close(fds[1]);
}

/* -- a runtime of the child's own ------------------------------------------ */

/* With something that waits for a grace period: wait joins the reaper. */
static void
run_own_runtime(void)
{
	const struct gyre_slot_move move = { .count = 1, .shard = 1 };

	start_runtime(&nothing);
	CHECK(gyre_runtime_move_slots(the_runtime, &move, 1, NULL) == 0);
	end_runtime();
}

static void
fork_and_return(void *unused)
{
	(void)unused;
	fork_here();
	if (getpid() == parent)
		gyre_loop_stop(the_loop);
}

static void
a_child_can_run_a_runtime_after_its_parent_s_loop(void **state)
{
	(void)state;
	open_loop();
	assert_int_equal(
		gyre_loop_add_callback(the_loop, fork_and_return, NULL), 0);
	if (gyre_loop_start(the_loop) == -EPERM && getpid() != parent) {
		run_own_runtime();
		_exit(0);
	}
	assert_child_ended_well();
	assert_int_equal(gyre_loop_close(the_loop, true), 0);
	gyre_loop_free(the_loop);
}

static void
fork_and_run_own(void *unused)
{
	(void)unused;
	fork_here();
	if (getpid() == parent) {
		gyre_loop_stop(the_loop);
		return;
	}
	run_own_runtime();
	_exit(0);
}

static void
a_child_can_run_a_runtime_inside_its_parent_s_callback(void **state)
{
	(void)state;
	open_loop();
	assert_int_equal(
		gyre_loop_add_callback(the_loop, fork_and_run_own, NULL), 0);
	run_in_both();
}

static void
keep_line(enum gyre_log_level level, const char *line, void *arg)
{
	CHECK(level == GYRE_LOG_ERROR);
	CHECK(strstr(line, "it must exec first") != NULL);
	*(bool *)arg = true;
}

static void
stop_the_loop(void *unused)
{
	(void)unused;
	gyre_loop_stop(the_loop);
}

/* Its parent's loops read, and never end that here. */
static void
run_own_and_be_refused(void *unused)
{
	bool is_told = false;
	const struct gyre_runtime_options options = {
		.loops = 2,
		.pin = GYRE_PIN_NONE,
		.log = { .fn = keep_line, .arg = &is_told },
	};

	(void)unused;
	alarm(60);
	CHECK(gyre_runtime_new(&options, &the_runtime) == 0);
	CHECK(gyre_runtime_start(the_runtime) == -EPERM);
	CHECK(is_told);
	gyre_runtime_free(the_runtime);
	CHECK(gyre_loop_new(NULL, &the_loop) == 0);
	CHECK(gyre_loop_add_callback(the_loop, stop_the_loop, NULL) == 0);
	CHECK(gyre_loop_start(the_loop) == 0);
	CHECK(gyre_loop_close(the_loop, true) == 0);
	gyre_loop_free(the_loop);
}

static void
a_child_of_a_runtime_can_run_a_loop_and_is_refused_a_runtime(void **state)
{
	(void)state;
	start_runtime(&nothing);
	await_loops();
	assert_good_in_a_child(run_own_and_be_refused);
	end_runtime();
}

#define FORK_TEST(name) cmocka_unit_test_setup(name, fork_set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FORK_TEST(
			a_child_that_returns_from_a_callback_runs_and_drops_nothing),
		FORK_TEST(a_child_that_returns_from_a_service_starts_no_other),
		FORK_TEST(a_child_that_returns_from_a_job_leaves_the_rest),
		FORK_TEST(a_child_of_one_who_waits_for_a_future_calls_no_other),
		FORK_TEST(a_child_of_an_accept_takes_no_other_client),
		FORK_TEST(a_child_of_a_read_is_handed_no_more),
		FORK_TEST(a_child_can_run_a_runtime_after_its_parent_s_loop),
		FORK_TEST(
			a_child_can_run_a_runtime_inside_its_parent_s_callback),
		FORK_TEST(
			a_child_of_a_runtime_can_run_a_loop_and_is_refused_a_runtime),
	};

	fork_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
