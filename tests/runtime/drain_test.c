/* The phases of a stop: what each of them ends, and what the deadline does. */
#include "tests/runtime/fixture.h"

#include <gyre/net.h>
#include <gyre/periodic.h>

#include "bus/inbox.h"
#include "loop/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static struct gyre_loop *
loop_of(const struct fixture *fixture, unsigned shard)
{
	return gyre_runtime_shard(fixture->runtime, shard)->loop;
}

static void
never(void *arg)
{
	(void)arg;
	CHECK(!"reached");
}

static void
never_run(struct gyre_task *task)
{
	(void)task;
	CHECK(!"reached");
}

static void
never_drop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)task;
	(void)reason;
	CHECK(!"reached");
}

/* -- all that was accepted runs ------------------------------------------ */

struct walk {
	struct gyre_runtime *runtime;
	uint64_t random;
	unsigned left;
	struct gyre_loop *home; /* where it goes on from a job */
};

static atomic_uint steps;
static atomic_uint walks_over;

static void go_on(void *walk);

static void
over(void *arg, enum gyre_drop_reason reason)
{
	(void)arg;
	(void)reason;
	CHECK(!"something accepted was dropped");
}

static void *
work(void *walk)
{
	return walk;
}

/* Nobody awaits it, and what it sends comes from no loop. */
static void *
work_and_go_on(void *arg)
{
	struct walk *walk = arg;

	CHECK(gyre_loop_add_callback_drop(walk->home, go_on, walk, over) == 0);
	return NULL;
}

static void
come_back(struct gyre_future *future, void *walk)
{
	CHECK(gyre_future_result(future, NULL) == 0);
	go_on(walk);
}

/* By a message, a call or a job, to any shard. */
static void
go_on(void *arg)
{
	struct walk *walk = arg;
	struct gyre_loop *loop = gyre_loop_current(false);
	struct gyre_bus *bus = gyre_runtime_bus(walk->runtime);
	uint64_t random = harness_random(&walk->random);
	unsigned shard = (unsigned)(random / 8 % gyre_bus_shards(bus));
	struct gyre_future *future = NULL;

	atomic_fetch_add(&steps, 1);
	if (walk->left-- == 0) {
		atomic_fetch_add(&walks_over, 1);
		return;
	}
	walk->home = gyre_runtime_shard(walk->runtime, shard)->loop;
	switch (random % 8) {
	case 0:
		future = gyre_loop_run_in_executor(loop, NULL, work, walk);
		break;
	case 1:
		future = gyre_bus_call(bus, shard, work, walk);
		break;
	case 2:
		gyre_future_unref(gyre_loop_run_in_executor(
			loop, NULL, work_and_go_on, walk));
		break;
	default:
		CHECK(gyre_loop_add_callback_drop(walk->home, go_on, walk,
						  over) == 0);
	}
	if (future == NULL)
		return;
	CHECK(gyre_loop_add_future_drop(loop, future, come_back, walk, over) ==
	      0);
	gyre_future_unref(future);
}

#define WALKS 8

static void
all_that_was_accepted_runs(void **state)
{
	uint64_t random = harness_seed();
	unsigned rounds = harness_scaled(300);

	(void)state;
	for (unsigned round = 0; round < rounds; round++) {
		struct fixture fixture;
		struct walk walks[WALKS];
		unsigned expected = 0;

		atomic_store(&steps, 0);
		atomic_store(&walks_over, 0);
		fixture_init(&fixture);
		fixture.stop_timeout_ns = GYRE_FOREVER;
		fixture_start(&fixture, 1 + harness_random(&random) % 4, 1);
		for (unsigned i = 0; i < WALKS; i++) {
			walks[i] = (struct walk){
				.runtime = fixture.runtime,
				.random = harness_random(&random),
				.left = harness_random(&random) % 64,
			};
			expected += walks[i].left + 1;
			CHECK(gyre_loop_add_callback_drop(loop_of(&fixture, 0),
							  go_on, &walks[i],
							  over) == 0);
		}
		gyre_runtime_stop(fixture.runtime);
		assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
		assert_int_equal(atomic_load(&walks_over), WALKS);
		assert_int_equal(atomic_load(&steps), expected);
		fixture_end(&fixture);
	}
}

/* A shard that has sent, and is slow to end its batch, in which the drain has
 * looked: what it gathered leaves when the others have nothing left. */
static void
be_slow(struct gyre__batch_end *end)
{
	(void)end;
	usleep(20000);
}

static void
send_slowly(void *arg)
{
	static struct gyre__batch_end end;
	struct walk *walk = arg;
	const struct gyre_shard *first = gyre_runtime_shard(walk->runtime, 0);

	end.run = be_slow;
	gyre__loop_at_batch_end(gyre_loop_current(false), &end);
	CHECK(gyre_loop_add_callback_drop(first->loop, go_on, walk, over) == 0);
}

/* Until the drain comes to look, in this batch or the next: behind what is then
 * sent. */
static void
await_look(void *walk)
{
	struct gyre_loop *loop = gyre_loop_current(false);

	while (gyre__inbox_is_empty(loop->inbox) &&
	       loop->outbox.batch->head == NULL)
		sched_yield();
	if (loop->outbox.batch->head != NULL)
		send_slowly(walk);
	else
		CHECK(gyre_loop_add_callback(loop, send_slowly, walk) == 0);
}

static int
start_walk(const struct gyre_shard *shard, void *walk, void **ret_state)
{
	(void)shard;
	*ret_state = walk;
	return 0;
}

static void
drain_slowly(const struct gyre_shard *shard, void *walk)
{
	if (shard->index == 2)
		CHECK(gyre_loop_add_callback(shard->loop, await_look, walk) ==
		      0);
}

static void
what_a_slow_shard_has_gathered_is_waited_for(void **state)
{
	const struct gyre_service_ops slow = { .name = "slow",
					       .start = start_walk,
					       .drain = drain_slowly };
	uint64_t random = harness_seed();

	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		struct gyre_runtime_options options;
		struct fixture fixture;
		struct walk walk = { .random = harness_random(&random),
				     .left = 500 };

		atomic_store(&steps, 0);
		fixture_init(&fixture);
		fixture.stop_timeout_ns = GYRE_FOREVER;
		options = fixture_options(&fixture, 3);
		assert_int_equal(fixture_new(&fixture, &options, 0), 0);
		assert_int_equal(
			gyre_runtime_add_service(fixture.runtime, &slow, &walk),
			0);
		walk.runtime = fixture.runtime;
		assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
		fixture_stop_and_end(&fixture);
		assert_int_equal(atomic_load(&steps), 501);
	}
}

static atomic_uint dropped;

static void
count_drop(void *arg, enum gyre_drop_reason reason)
{
	(void)arg;
	CHECK(reason == GYRE_DROP_STOPPED);
	atomic_fetch_add(&dropped, 1);
}

static void
schedule_for_later(struct fixture *fixture, const struct gyre_shard *shard)
{
	const struct gyre_callback callback = { .fn = never,
						.drop = count_drop };
	gyre_timeout timeout;

	(void)fixture;
	CHECK(gyre_loop_call_at_drop(shard->loop,
				     gyre_loop_time(shard->loop) +
					     GYRE_SECONDS(3600),
				     callback, &timeout) == 0);
}

static void
timeouts_that_are_not_due_are_dropped(void **state)
{
	struct fixture fixture;

	(void)state;
	atomic_store(&dropped, 0);
	fixture_init(&fixture);
	fixture.stop_timeout_ns = GYRE_FOREVER;
	fixture.on_start = schedule_for_later;
	fixture_start(&fixture, 2, 1);
	fixture_stop_and_end(&fixture);
	assert_int_equal(atomic_load(&dropped), 2);
}

/* -- phases -------------------------------------------------------------- */

static enum gyre_runtime_phase phase_of_start, phase_of_drain, phase_of_message,
	phase_of_stop;

static void
note_message(void *runtime)
{
	phase_of_message = gyre_runtime_phase(runtime);
}

static int
start_noting(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	(void)arg;
	(void)ret_state;
	phase_of_start = gyre_runtime_phase(shard->runtime);
	return 0;
}

static void
drain_noting(const struct gyre_shard *shard, void *state)
{
	(void)state;
	phase_of_drain = gyre_runtime_phase(shard->runtime);
	CHECK(gyre_loop_add_callback(shard->loop, note_message,
				     shard->runtime) == 0);
}

static void
stop_noting(const struct gyre_shard *shard, void *state)
{
	(void)state;
	phase_of_stop = gyre_runtime_phase(shard->runtime);
}

static void
each_phase_is_visible(void **state)
{
	const struct gyre_service_ops ops = { .name = "noting",
					      .start = start_noting,
					      .drain = drain_noting,
					      .stop = stop_noting };
	struct gyre_runtime_options options;
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	options = fixture_options(&fixture, 1);
	assert_int_equal(fixture_new(&fixture, &options, 0), 0);
	assert_int_equal(gyre_runtime_add_service(fixture.runtime, &ops, NULL),
			 0);
	assert_int_equal(gyre_runtime_phase(fixture.runtime), GYRE_PHASE_NEW);
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	assert_int_equal(gyre_runtime_phase(fixture.runtime),
			 GYRE_PHASE_RUNNING);
	gyre_runtime_stop(fixture.runtime);
	assert_true(gyre_runtime_phase(fixture.runtime) >= GYRE_PHASE_QUIET);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	assert_int_equal(gyre_runtime_phase(fixture.runtime), GYRE_PHASE_ENDED);
	fixture_end(&fixture);
	assert_int_equal(phase_of_start, GYRE_PHASE_STARTING);
	assert_int_equal(phase_of_drain, GYRE_PHASE_QUIET);
	assert_int_equal(phase_of_message, GYRE_PHASE_DRAINING);
	assert_int_equal(phase_of_stop, GYRE_PHASE_CLOSING);
}

static void
each_phase_has_a_name(void **state)
{
	const char *const names[] = { "new",     "starting", "running",
				      "quiet",   "draining", "closing",
				      "joining", "ended" };

	(void)state;
	for (unsigned i = 0; i <= GYRE_PHASE_ENDED; i++)
		assert_string_equal(gyre_runtime_phase_name(i), names[i]);
	assert_string_equal(gyre_runtime_phase_name(GYRE_PHASE_ENDED + 1),
			    "unknown phase");
}

/* -- quiet --------------------------------------------------------------- */

static struct gyre_listener *listener;
static unsigned accepted;
static unsigned calls;
static unsigned calls_when_quiet;
static int refusal;

static void
on_accept(struct gyre_listener *from, int fd, void *arg)
{
	(void)arg;
	CHECK(from == listener);
	accepted++;
	close(fd);
}

static int
connect_to(uint16_t port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int result;

	CHECK(fd >= 0);
	result =
		connect(fd, (const struct sockaddr *)&address, sizeof(address));
	result = result < 0 ? -errno : 0;
	close(fd);
	return result;
}

static void
call_again(void *arg)
{
	(void)arg;
	calls++;
}

static int
start_listening(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	struct gyre_periodic *periodic;

	(void)arg;
	CHECK(gyre_listener_open(shard->loop, NULL, on_accept, NULL,
				 &listener) == 0);
	CHECK(gyre_periodic_new(call_again, NULL, GYRE_US(100), &periodic) ==
	      0);
	CHECK(gyre_periodic_start_on(periodic, shard->loop) == 0);
	*ret_state = periodic;
	return 0;
}

static void
resolve(void *future)
{
	CHECK(gyre_future_resolve(future, NULL) == 0);
	gyre_future_unref(future);
}

/* For many periods. */
static void
look_whether_quiet(const struct gyre_shard *shard, void *state)
{
	struct gyre_future *future = gyre_future_new(shard->loop);

	(void)state;
	CHECK(future != NULL);
	CHECK(accepted == 3);
	refusal = connect_to(gyre_listener_port(listener));
	calls_when_quiet = calls;
	CHECK(gyre_loop_call_later(shard->loop, GYRE_MS(20), resolve,
				   gyre_future_ref(future), NULL) == 0);
	CHECK(gyre_shard_await(shard, future) == 0);
}

static void
stop_listening(const struct gyre_shard *shard, void *state)
{
	(void)shard;
	gyre_listener_close(listener);
	gyre_periodic_free(state);
}

static const struct gyre_service_ops listening = {
	.name = "listening",
	.start = start_listening,
	.drain = look_whether_quiet,
	.stop = stop_listening,
};

/* Three that wait in the queue when the stop comes. */
static void
connect_and_stop(void *arg)
{
	struct fixture *fixture = arg;

	for (unsigned i = 0; i < 3; i++)
		CHECK(connect_to(gyre_listener_port(listener)) == 0);
	CHECK(accepted == 0);
	gyre_runtime_stop(fixture->runtime);
}

static void
listeners_and_periodics_are_quiet(void **state)
{
	struct fixture fixture;

	(void)state;
	accepted = calls = calls_when_quiet = 0;
	refusal = 0;
	fixture_init(&fixture);
	fixture_start_with(&fixture, 1, &listening);
	assert_int_equal(gyre_loop_add_callback(loop_of(&fixture, 0),
						connect_and_stop, &fixture),
			 0);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	fixture_end(&fixture);
	assert_int_equal(accepted, 3);
	assert_int_equal(refusal, -ECONNREFUSED);
	assert_int_equal(calls, calls_when_quiet);
}

static atomic_ulong outside_run;
static atomic_ulong outside_dropped;

static void
count_run(void *arg)
{
	(void)arg;
	atomic_fetch_add(&outside_run, 1);
}

static void
count_outside_drop(void *arg, enum gyre_drop_reason reason)
{
	(void)arg;
	(void)reason;
	atomic_fetch_add(&outside_dropped, 1);
}

/* A thread that is not gyre's, and never gives up by itself. */
static void *
send_until_refused(void *loop)
{
	struct gyre_task task = { 0 };
	unsigned long sent = 0;
	int result;

	do {
		result = gyre_loop_add_callback_drop(loop, count_run, NULL,
						     count_outside_drop);
		sent += result == 0;
	} while (result == 0);
	CHECK(result == -ESHUTDOWN);
	task.run = never_run;
	task.drop = never_drop;
	CHECK(gyre_inbox_post(gyre_loop_inbox(loop), &task) == -ESHUTDOWN);
	CHECK(gyre_loop_add_callback_from_signal(loop, never, NULL) ==
	      -ESHUTDOWN);
	return (void *)sent;
}

static void
work_from_outside_is_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct fixture fixture;
		pthread_t threads[2];
		unsigned long sent = 0;

		atomic_store(&outside_run, 0);
		atomic_store(&outside_dropped, 0);
		fixture_init(&fixture);
		fixture.stop_timeout_ns = GYRE_FOREVER;
		fixture_start(&fixture, 2, 1);
		for (unsigned j = 0; j < 2; j++)
			pthread_create(&threads[j], NULL, send_until_refused,
				       loop_of(&fixture, j));
		usleep(500 * (i % 4));
		gyre_runtime_stop(fixture.runtime);
		assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
		for (unsigned j = 0; j < 2; j++) {
			void *one;

			pthread_join(threads[j], &one);
			sent += (unsigned long)one;
		}
		assert_int_equal(sent, atomic_load(&outside_run) +
					       atomic_load(&outside_dropped));
		fixture_end(&fixture);
	}
}

/* -- and that from inside is not ----------------------------------------- */

static atomic_bool drain_waits;
static atomic_bool may_go_on;
static atomic_uint inside_run;

static void
count_inside(void *arg)
{
	(void)arg;
	atomic_fetch_add(&inside_run, 1);
}

static void *
send_when_told(void *loop)
{
	while (!atomic_load(&may_go_on))
		sched_yield();
	CHECK(gyre_loop_add_callback(loop, count_inside, NULL) == 0);
	return NULL;
}

static void
wait_for_a_job(const struct gyre_shard *shard, void *state)
{
	(void)state;
	CHECK(gyre_shard_await(shard, gyre_loop_run_in_executor(
					      shard->loop, NULL, send_when_told,
					      shard->loop)) == 0);
	atomic_store(&drain_waits, true);
}

static void
while_services_drain_only_gyres_threads_may_send(void **state)
{
	static const struct gyre_service_ops service = {
		.name = "waiting",
		.start = fixture_start_nothing,
		.drain = wait_for_a_job,
	};
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture.stop_timeout_ns = GYRE_FOREVER;
	fixture_start_with(&fixture, 1, &service);
	gyre_runtime_stop(fixture.runtime);
	while (!atomic_load(&drain_waits))
		sched_yield();
	assert_int_equal(gyre_runtime_phase(fixture.runtime), GYRE_PHASE_QUIET);
	assert_int_equal(
		gyre_loop_add_callback(loop_of(&fixture, 0), never, NULL),
		-ESHUTDOWN);
	atomic_store(&may_go_on, true);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	fixture_end(&fixture);
	assert_int_equal(atomic_load(&inside_run), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_was_accepted_runs),
		cmocka_unit_test(what_a_slow_shard_has_gathered_is_waited_for),
		cmocka_unit_test(timeouts_that_are_not_due_are_dropped),
		cmocka_unit_test(each_phase_is_visible),
		cmocka_unit_test(each_phase_has_a_name),
		cmocka_unit_test(listeners_and_periodics_are_quiet),
		cmocka_unit_test(work_from_outside_is_refused),
		cmocka_unit_test(
			while_services_drain_only_gyres_threads_may_send),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
