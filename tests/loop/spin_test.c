/*
 * Spinning before a sleep, on a clock that goes on by itself whenever it is
 * read, and a thread that may run wherever the test says.
 */
#include <gyre/embedding.h>

#include "loop/loop.h"
#include "tests/support/loop_fixture.h"

#include "bus/rcu.h"

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#define TICK_NS 1000
#define SPIN_NS 20000

static struct {
	struct gyre_sys sys;
	int64_t tick_ns;
	/* What comes when the clock shows this, seen from within a spin. */
	int64_t comes_ns;
	void (*come)(void);
	int cpus; /* that the thread may use; 0: unknown */
	long online;
	uint64_t preemptions;
	unsigned left; /* to come, or to sleep */
} world;

static int64_t
ticking(void *arg)
{
	(void)arg;
	stage.now_ns += world.tick_ns;
	if (world.come != NULL && stage.now_ns >= world.comes_ns) {
		void (*come)(void) = world.come;

		world.come = NULL;
		come();
	}
	return stage.now_ns;
}

static int
affinity(pthread_t thread, size_t size, cpu_set_t *set)
{
	(void)thread;
	(void)size;
	for (int i = 0; i < world.cpus; i++)
		CPU_SET(i, set);
	return world.cpus > 0 ? 0 : EINVAL;
}

static long
online(int name)
{
	(void)name;
	return world.online;
}

static uint64_t
preemptions(void)
{
	return world.preemptions;
}

static void
remake(int64_t spin_ns)
{
	struct gyre_loop_options options = stage_options();

	close_and_free(the_loop);
	options.clock.now_ns = ticking;
	options.spin_ns = spin_ns;
	options._sys = &world.sys;
	the_loop = new_loop(&options);
}

static int
set_up(void **state)
{
	stage_set_up(state);
	memset(&world, 0, sizeof(world));
	world.sys = fake_sys;
	world.sys.getaffinity = affinity;
	world.sys.sysconf = online;
	world.sys.preemptions = preemptions;
	world.tick_ns = TICK_NS;
	world.cpus = 1;
	world.online = 2;
	remake(SPIN_NS);
	return 0;
}

/* In so long: in a spin, if it spins so long. */
static void
expect(void (*come)(void), int64_t delay_ns)
{
	world.come = come;
	world.comes_ns = stage.now_ns + delay_ns;
}

/* As another thread or a signal handler would, past the own outbox. */
static void
post(gyre_callback_fn fn, const char *word)
{
	CHECK(gyre_loop_add_callback_from_signal(the_loop, fn,
						 (void *)(uintptr_t)word) == 0);
}

static void
post_stop(void)
{
	post(stop_callback, "came");
}

/* -- what ends a spin ------------------------------------------------------ */

static void
expect_post(void *arg)
{
	(void)arg;
	expect(post_stop, 5 * TICK_NS);
}

static void
a_post_in_a_spin_spares_the_sleep_and_the_ring(void **state)
{
	(void)state;
	call_later(GYRE_MS(1), expect_post, NULL);
	run();
	assert_trace("came");
	assert_int_equal(stats().sleeps, 1);
	assert_int_equal(stats().spins, 1);
	assert_int_equal(stats().spins_found, 1);
	assert_int_equal(stats().rings, 0);
	assert_int_equal(fake_counts().writes, 0);
}

static void
make_ready(void)
{
	stage.ready[3] = GYRE_READ;
}

static void
expect_event(void *arg)
{
	(void)arg;
	expect(make_ready, 5 * TICK_NS);
}

static void
descriptors_are_looked_at_in_a_spin(void **state)
{
	(void)state;
	handle(3, GYRE_READ, stop_handler, "ready");
	call_later(GYRE_MS(1), expect_event, NULL);
	run();
	assert_trace("ready");
	assert_int_equal(stats().sleeps, 1);
	assert_int_equal(stats().spins_found, 1);
}

static void
make_ready_now(void *arg)
{
	(void)arg;
	make_ready();
}

static void
what_is_there_already_is_no_find(void **state)
{
	(void)state;
	handle(3, GYRE_READ, stop_handler, "ready");
	call_later(GYRE_MS(1), make_ready_now, NULL);
	run();
	assert_trace("ready");
	assert_int_equal(stats().sleeps, 1);
	assert_int_equal(stats().spins, 0);
	assert_int_equal(stats().spinning_ns, 0);
}

static void
no_timeout_is_later_for_a_spin(void **state)
{
	int64_t due_ns = stage.now_ns + GYRE_MS(1) + 10 * TICK_NS;

	(void)state;
	call_later(GYRE_MS(1), trace_arg, NULL);
	call_at(due_ns, stop_callback, "due");
	run();
	assert_trace("due");
	assert_true(stage.now_ns <= due_ns + 8 * TICK_NS);
	assert_int_equal(stats().sleeps, 1);
	assert_int_equal(stats().spins_found, 1);
}

static void
stop_from_outside(void)
{
	gyre_loop_stop(the_loop);
}

static void
expect_stop(void *arg)
{
	(void)arg;
	expect(stop_from_outside, 5 * TICK_NS);
}

static void
a_stop_ends_a_spin(void **state)
{
	(void)state;
	call_later(GYRE_MS(1), expect_stop, NULL);
	run();
	assert_int_equal(stats().sleeps, 1);
	assert_int_equal(stats().spins_found, 1);
}

static void
interrupt(void)
{
	stage.fail_next = -EINTR;
	expect(post_stop, TICK_NS);
}

static void
expect_signal(void *arg)
{
	(void)arg;
	expect(interrupt, 5 * TICK_NS);
}

static void
a_signal_ends_a_spin_and_no_more(void **state)
{
	(void)state;
	handle(3, GYRE_READ, stop_handler, NULL);
	call_later(GYRE_MS(1), expect_signal, NULL);
	run();
	assert_trace("came");
	assert_int_equal(stats().sleeps, 1);
}

static void
a_clock_that_stands_still_does_not_keep_it_spinning(void **state)
{
	(void)state;
	call_later(GYRE_MS(1), trace_arg, NULL);
	call_later(GYRE_MS(2), stop_callback, NULL);
	world.tick_ns = 0;
	run();
	assert_int_equal(stats().sleeps, 2);
	assert_int_equal(stats().spins, 1);
	assert_int_equal(stats().spins_found, 0);
}

/* -- learning -------------------------------------------------------------- */

static void
sleep_again(void *arg)
{
	if (--world.left == 0)
		gyre_loop_stop(the_loop);
	else
		call_later(GYRE_MS(1), sleep_again, arg);
}

/* Each time for a millisecond, in which nothing comes. */
static void
sleep_times(unsigned count)
{
	world.left = count;
	call_later(GYRE_MS(1), sleep_again, NULL);
	run();
}

static void
it_tries_again_the_more_seldom_the_more_often_in_vain(void **state)
{
	(void)state;
	sleep_times(1);
	assert_int_equal(stats().spins, 0);
	sleep_times(1);
	assert_int_equal(stats().spins, 1);
	sleep_times(1);
	assert_int_equal(stats().spins, 1);
	sleep_times(28);
	assert_int_equal(stats().spins, 4);
	sleep_times(1);
	assert_int_equal(stats().spins, 5);
	sleep_times(1024 - 32);
	assert_int_equal(stats().spins, 10);
	sleep_times(1023);
	assert_int_equal(stats().spins, 10);
	sleep_times(1);
	assert_int_equal(stats().spins, 11);
	sleep_times(1024);
	assert_int_equal(stats().spins, 12);
	assert_int_equal(stats().sleeps, 3072);
	assert_int_equal(stats().spins_found, 0);
}

static void post_next(void);

static void
expect_next(void *arg)
{
	(void)arg;
	if (world.left-- == 0)
		gyre_loop_stop(the_loop);
	else
		expect(post_next, 5 * TICK_NS);
}

static void
post_next(void)
{
	post(expect_next, NULL);
}

/* After a sleep, so many come in a spin each. */
static void
find_times(unsigned count)
{
	world.left = count;
	call_later(GYRE_MS(1), expect_next, NULL);
	run();
}

static void
what_was_found_buys_a_few_spins_in_vain(void **state)
{
	(void)state;
	find_times(10);
	assert_int_equal(stats().sleeps, 1);
	assert_int_equal(stats().spins_found, 10);
	sleep_times(4);
	assert_int_equal(stats().spins, 14);
	sleep_times(1);
	assert_int_equal(stats().spins, 14);
	assert_int_equal(stats().spins_found, 10);
}

static void
what_was_found_makes_trials_less_seldom(void **state)
{
	(void)state;
	sleep_times(1024);
	assert_int_equal(stats().spins, 10);
	sleep_times(1022);
	find_times(10); /* which begins with one more, and a trial is due */
	assert_int_equal(stats().spins, 20);
	sleep_times(4); /* bought */
	assert_int_equal(stats().spins, 24);
	sleep_times(2);
	assert_int_equal(stats().spins, 25);
}

/* -- those who share a CPU ------------------------------------------------- */

static void
stand_still(void)
{
	stage.now_ns += 2 * GYRE__SPIN_LATE_NS;
	expect(post_stop, 5 * TICK_NS);
}

static void
stand_still_for_another(void)
{
	world.preemptions++;
	stage.now_ns += 2 * GYRE__SPIN_LATE_NS;
}

static void
expect_late_look(void *arg)
{
	(void)arg;
	expect(stand_still, 5 * TICK_NS);
}

static void
expect_preemption(void *arg)
{
	(void)arg;
	expect(stand_still_for_another, 5 * TICK_NS);
}

static void
an_interrupt_does_not_end_a_spin(void **state)
{
	(void)state;
	remake(GYRE_SPIN_MAX_NS);
	call_later(GYRE_MS(1), expect_late_look, NULL);
	run();
	assert_trace("came");
	assert_int_equal(stats().sleeps, 1);
	assert_int_equal(stats().spins_found, 1);
}

static void
who_has_to_leave_its_cpu_leaves_it_for_long(void **state)
{
	int64_t spun_ns;

	(void)state;
	remake(GYRE_SPIN_MAX_NS);
	find_times(10);
	spun_ns = stats().spinning_ns;
	add_callback(expect_preemption, NULL);
	call_later(GYRE_MS(1), stop_callback, NULL);
	run();
	assert_int_equal(stats().spins, 11);
	assert_true(stats().spinning_ns - spun_ns < 3 * GYRE__SPIN_LATE_NS);
	sleep_times(1023);
	assert_int_equal(stats().spins, 11);
	sleep_times(1);
	assert_int_equal(stats().spins, 12);
}

/* -- where it never spins -------------------------------------------------- */

static void
never_spins(int cpus, long on_machine, int64_t spin_ns)
{
	world.cpus = cpus;
	world.online = on_machine;
	remake(spin_ns);
	sleep_times(10);
	assert_int_equal(stats().sleeps, 10);
	assert_int_equal(stats().spins, 0);
	assert_int_equal(stats().spinning_ns, 0);
}

static void
it_spins_only_pinned_and_beside_other_cpus(void **state)
{
	(void)state;
	never_spins(2, 2, SPIN_NS);
	never_spins(0, 2, SPIN_NS);
	never_spins(1, 1, SPIN_NS);
	never_spins(1, 2, 0);
}

static void
what_runs_once_for_another_loop_does_not_spin(void **state)
{
	(void)state;
	find_times(10);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(gyre_loop_run_once(the_loop, GYRE_MS(1)), 0);
	assert_int_equal(stats().sleeps, 11);
	assert_int_equal(stats().spins, 10);
}

/* -- what others see ------------------------------------------------------- */

static void
look_from_outside(void)
{
	/* No watchdog takes it for busy, nobody has to ring for it. */
	CHECK((the_loop->heartbeat.beat & 1) == 0);
	CHECK(!gyre__inbox_is_armed(the_loop->inbox));
	post_stop();
}

static void
expect_looks(void *arg)
{
	(void)arg;
	expect(look_from_outside, 5 * TICK_NS);
}

static void
who_spins_is_neither_stuck_nor_asleep(void **state)
{
	(void)state;
	call_later(GYRE_MS(1), expect_looks, NULL);
	run();
	assert_trace("came");
	assert_int_equal(stats().spins_found, 1);
}

static int64_t told_ns;

static void
add_told(struct gyre_loop *loop, const struct gyre_iteration *iteration,
	 void *arg)
{
	(void)loop;
	(void)arg;
	told_ns += iteration->spinning_ns;
	CHECK(iteration->busy_ns < 20 * TICK_NS);
}

static void
spinning_is_neither_busy_nor_idle(void **state)
{
	int64_t began_ns = stage.now_ns;
	struct gyre_loop_stats read;

	(void)state;
	told_ns = 0;
	gyre_loop_set_iteration_hook(the_loop, add_told, NULL);
	sleep_times(2); /* and spin before the second one */
	assert_int_equal(stats().spins, 1);
	assert_true(stats().spinning_ns >= SPIN_NS);
	assert_true(stats().spinning_ns < SPIN_NS + 4 * TICK_NS);
	assert_true(stats().idle_ns > GYRE_MS(1));
	assert_true(stats().idle_ns < GYRE_MS(2));
	assert_true(stats().busy_ns + stats().idle_ns + stats().spinning_ns <=
		    stage.now_ns - began_ns);
	assert_true(stats().busy_ns < 40 * TICK_NS);
	assert_true(told_ns == stats().spinning_ns);
	gyre_loop_read_stats(the_loop, &read);
	assert_true(read.spinning_ns == stats().spinning_ns);
	assert_true(read.busy_ns < 40 * TICK_NS);
	assert_int_equal(read.spins, 1);
}

/* -- RCU ------------------------------------------------------------------- */

static atomic_bool is_over;
static pthread_t waiting;

static void *
wait_for_readers(void *arg)
{
	gyre__rcu_synchronize();
	atomic_store(&is_over, true);
	return arg;
}

/* Time stands still until the grace period is over, or for so many looks that
 * the spin has ended before. */
static void
look_for_its_end(void)
{
	const struct timespec nap = { .tv_nsec = 1000000 };

	nanosleep(&nap, NULL);
	if (atomic_load(&is_over))
		post_stop();
	else
		expect(look_for_its_end, 0);
}

static void
begin_to_wait(void)
{
	CHECK(pthread_create(&waiting, NULL, wait_for_readers, NULL) == 0);
	world.tick_ns = 0;
	look_for_its_end();
}

static void
expect_to_wait(void *arg)
{
	(void)arg;
	expect(begin_to_wait, 5 * TICK_NS);
}

static void
a_spin_holds_up_no_grace_period(void **state)
{
	(void)state;
	atomic_store(&is_over, false);
	remake(GYRE_SPIN_MAX_NS);
	call_later(GYRE_MS(1), expect_to_wait, NULL);
	call_later(GYRE_SECONDS(1), stop_callback, "asleep");
	run();
	pthread_join(waiting, NULL);
	assert_trace("came");
	assert_int_equal(stats().spins_found, 1);
}

/* -- the option ------------------------------------------------------------ */

static void
how_long_is_bounded(void **state)
{
	static const int64_t wrong[] = { -1, INT64_MIN, GYRE_SPIN_MAX_NS + 1 };
	struct gyre_loop_options options = stage_options();

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		options.spin_ns = wrong[i];
		assert_refused(&options, "spin_ns");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, loop_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_post_in_a_spin_spares_the_sleep_and_the_ring),
		TEST(descriptors_are_looked_at_in_a_spin),
		TEST(what_is_there_already_is_no_find),
		TEST(no_timeout_is_later_for_a_spin),
		TEST(a_stop_ends_a_spin),
		TEST(a_signal_ends_a_spin_and_no_more),
		TEST(a_clock_that_stands_still_does_not_keep_it_spinning),
		TEST(it_tries_again_the_more_seldom_the_more_often_in_vain),
		TEST(what_was_found_buys_a_few_spins_in_vain),
		TEST(what_was_found_makes_trials_less_seldom),
		TEST(an_interrupt_does_not_end_a_spin),
		TEST(who_has_to_leave_its_cpu_leaves_it_for_long),
		TEST(it_spins_only_pinned_and_beside_other_cpus),
		TEST(what_runs_once_for_another_loop_does_not_spin),
		TEST(who_spins_is_neither_stuck_nor_asleep),
		TEST(spinning_is_neither_busy_nor_idle),
		TEST(a_spin_holds_up_no_grace_period),
		TEST(how_long_is_bounded),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
