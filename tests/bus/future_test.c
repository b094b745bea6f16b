/* Futures: one outcome, and threads that wait for it. */
#include "tests/bus/future_fixture.h"

#include "base/exception.h"

#include <stdatomic.h>

/* -- the outcome --------------------------------------------------------- */

static void
pending_has_no_result(void **state)
{
	void *seen = &seen;

	(void)state;
	assert_false(gyre_future_done(future));
	assert_int_equal(gyre_future_result(future, &seen), -EAGAIN);
	assert_ptr_equal(seen, &seen);
}

static void
a_value_arrives(void **state)
{
	(void)state;
	assert_int_equal(gyre_future_resolve(future, &value), 0);
	assert_outcome(0, &value, "");
	step(&home);
}

static void
an_error_comes_with_its_line(void **state)
{
	char line[] = "no such key";

	(void)state;
	assert_int_equal(gyre_future_reject(future, -ENOENT, line), 0);
	memset(line, 'x', sizeof(line) - 1);
	assert_outcome(-ENOENT, NULL, "no such key");
	step(&home);
}

static void
an_error_may_come_without_a_line(void **state)
{
	(void)state;
	assert_int_equal(gyre_future_reject(future, -EIO, NULL), 0);
	assert_outcome(-EIO, NULL, "");
	step(&home);
}

static void
a_line_that_cannot_be_kept_is_left_out(void **state)
{
	(void)state;
	harness_fail(FAULT_ALLOCATE, 1);
	assert_int_equal(gyre_future_reject(future, -EIO, "too bad"), 0);
	assert_true(harness_has_failed());
	assert_outcome(-EIO, NULL, "");
	step(&home);
}

static void
assert_settled(void)
{
	assert_int_equal(gyre_future_resolve(future, NULL), -EALREADY);
	assert_int_equal(gyre_future_reject(future, -EIO, "late"), -EALREADY);
	assert_int_equal(gyre_future_cancel(future), -EALREADY);
}

static void
the_first_to_complete_wins(void **state)
{
	(void)state;
	assert_int_equal(gyre_future_resolve(future, &value), 0);
	assert_settled();
	assert_outcome(0, &value, "");
	step(&home);
}

static void
a_cancelled_one_stays_cancelled(void **state)
{
	(void)state;
	assert_int_equal(gyre_future_cancel(future), 0);
	assert_settled();
	assert_outcome(-ECANCELED, NULL, "");
	step(&home);
}

static void
what_was_raised_rejects(void **state)
{
	(void)state;
	gyre_raise(-ERANGE, "%d is too much", 7);
	gyre__future_complete(future, &value);
	assert_null(gyre_exception());
	assert_outcome(-ERANGE, NULL, "7 is too much");
	step(&home);
}

static void
what_was_not_raised_resolves(void **state)
{
	(void)state;
	gyre__future_complete(future, &value);
	assert_outcome(0, &value, "");
	step(&home);
}

static void
reject_with_success(void *arg)
{
	(void)arg;
	gyre_future_reject(future, 0, NULL);
}

static void
read_a_pending_message(void *arg)
{
	(void)arg;
	gyre_future_message(future);
}

static void
misuse_aborts(void **state)
{
	(void)state;
	assert_true(aborts_saying(reject_with_success, NULL, "error < 0"));
	assert_true(aborts_saying(read_a_pending_message, NULL,
				  "gyre_future_done"));
}

/* -- waiting ------------------------------------------------------------- */

static void
a_done_one_is_waited_for_without_memory(void **state)
{
	void *seen = NULL;

	(void)state;
	assert_int_equal(gyre_future_resolve(future, &value), 0);
	harness_fail_all(FAULT_ALLOCATE);
	assert_int_equal(gyre_future_wait(future, GYRE_FOREVER, &seen), 0);
	assert_ptr_equal(seen, &value);
	assert_false(harness_has_failed());
	step(&home);
}

static void
a_wait_without_memory_is_refused(void **state)
{
	(void)state;
	harness_fail(FAULT_ALLOCATE, 1);
	assert_int_equal(gyre_future_wait(future, GYRE_FOREVER, NULL), -ENOMEM);
}

static void
a_loop_thread_may_not_wait(void **state)
{
	(void)state;
	enter(&home);
	assert_int_equal(gyre_future_wait(future, 0, NULL), -EDEADLK);
	leave(&home);
}

static int64_t
in_ms(int64_t ms)
{
	return gyre__now_ns(&gyre__sys_default) + GYRE_MS(ms);
}

static void
a_wait_ends_at_its_deadline(void **state)
{
	int64_t deadline_ns = in_ms(5);
	void *seen = &seen;

	(void)state;
	assert_int_equal(gyre_future_wait(future, deadline_ns, &seen),
			 -ETIMEDOUT);
	assert_true(gyre__now_ns(&gyre__sys_default) >= deadline_ns);
	assert_ptr_equal(seen, &seen);
}

static void
a_deadline_that_has_passed_ends_a_wait_at_once(void **state)
{
	(void)state;
	assert_int_equal(gyre_future_wait(future, in_ms(-1), NULL), -ETIMEDOUT);
	assert_int_equal(gyre_future_wait(future, 0, NULL), -ETIMEDOUT);
	assert_int_equal(gyre_future_wait(future, -1, NULL), -ETIMEDOUT);
	assert_int_equal(gyre_future_wait(future, INT64_MIN, NULL), -ETIMEDOUT);
}

/* Whoever polls for ever leaves no more behind than whoever waits once. */
static void
waits_that_end_early_leave_nothing_behind(void **state)
{
	struct gyre_future *other = gyre__future_new(harness_sys(), NULL);
	struct harness_live before;

	(void)state;
	assert_int_equal(gyre_future_wait(future, 0, NULL), -ETIMEDOUT);
	assert_int_equal(gyre_future_wait(other, 0, NULL), -ETIMEDOUT);
	harness_live(&before);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(gyre_future_wait(future, 0, NULL), -ETIMEDOUT);
		assert_int_equal(gyre_future_wait(other, 0, NULL), -ETIMEDOUT);
	}
	assert_true(harness_live_is(&before));
	assert_int_equal(gyre_future_resolve(future, &value), 0);
	assert_int_equal(gyre_future_wait(future, 0, NULL), 0);
	gyre_future_unref(other);
	step(&home);
}

static atomic_uint waiting;

static void *
wait_for_it(void *arg)
{
	int64_t *deadline_ns = arg;
	void *seen = NULL;
	int result;

	atomic_fetch_add(&waiting, 1);
	result = gyre_future_wait(future, *deadline_ns, &seen);
	CHECK(result == 0 && seen == &value);
	gyre_future_unref(future);
	return NULL;
}

static void
check_waiters(int64_t deadline_ns)
{
	pthread_t threads[3];

	atomic_store(&waiting, 0);
	for (unsigned i = 0; i < 3; i++) {
		gyre_future_ref(future);
		assert_int_equal(pthread_create(&threads[i], NULL, wait_for_it,
						&deadline_ns),
				 0);
	}
	while (atomic_load(&waiting) < 3)
		sched_yield();
	assert_int_equal(gyre_future_resolve(future, &value), 0);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	step(&home);
}

static void
all_who_wait_are_woken(void **state)
{
	(void)state;
	check_waiters(GYRE_FOREVER);
}

static void
all_who_wait_with_a_deadline_are_woken(void **state)
{
	(void)state;
	check_waiters(in_ms(9000));
}

static void
one_without_a_home_can_be_waited_for(void **state)
{
	struct gyre_future *other = gyre__future_new(harness_sys(), NULL);
	void *seen = NULL;

	(void)state;
	assert_int_equal(gyre_future_reject(other, -EIO, "no"), 0);
	assert_int_equal(gyre_future_wait(other, GYRE_FOREVER, &seen), -EIO);
	assert_null(seen);
	gyre_future_unref(other);
}

static void
no_memory_no_future(void **state)
{
	(void)state;
	harness_fail(FAULT_ALLOCATE, 1);
	assert_null(gyre__future_new(harness_sys(), home.inbox));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FUTURE_TEST(pending_has_no_result),
		FUTURE_TEST(a_value_arrives),
		FUTURE_TEST(an_error_comes_with_its_line),
		FUTURE_TEST(an_error_may_come_without_a_line),
		FUTURE_TEST(a_line_that_cannot_be_kept_is_left_out),
		FUTURE_TEST(the_first_to_complete_wins),
		FUTURE_TEST(a_cancelled_one_stays_cancelled),
		FUTURE_TEST(what_was_raised_rejects),
		FUTURE_TEST(what_was_not_raised_resolves),
		FUTURE_TEST(misuse_aborts),
		FUTURE_TEST(a_done_one_is_waited_for_without_memory),
		FUTURE_TEST(a_wait_without_memory_is_refused),
		FUTURE_TEST(a_loop_thread_may_not_wait),
		FUTURE_TEST(a_wait_ends_at_its_deadline),
		FUTURE_TEST(a_deadline_that_has_passed_ends_a_wait_at_once),
		FUTURE_TEST(waits_that_end_early_leave_nothing_behind),
		FUTURE_TEST(all_who_wait_are_woken),
		FUTURE_TEST(all_who_wait_with_a_deadline_are_woken),
		FUTURE_TEST(one_without_a_home_can_be_waited_for),
		FUTURE_TEST(no_memory_no_future),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
