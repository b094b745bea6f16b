/*
 * A thousand short lives, some of them the second or third of their runtime,
 * stopped from every kind of caller and in every phase, on threads of their own
 * or with one shard on this: what has started is stopped and freed once, and
 * nothing is forced.
 */
#include "tests/runtime/fixture.h"

#include <gyre/handler.h>
#include <gyre/timeout.h>

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define LIVES       1000
#define THREADS_MAX 64

enum caller {
	HERE,
	SIGNAL,
	THREAD,
	CALLBACK,
	TIMEOUT,
	HANDLER,
	JOB,
	CALLERS,
};

/* Where a stop is called, or not. */
enum site {
	IN_START,
	IN_A_MESSAGE, /* of whatever phase it runs in */
	IN_DRAIN,
	IN_A_MESSAGE_OF_DRAIN,
	IN_STOP,
	SITES,
};

static struct gyre_runtime *runtime;
static uint64_t seed;
static atomic_uint drawn;
static atomic_uint starts, stops, frees;
static atomic_ulong called[SITES][CALLERS];
static pthread_t threads[THREADS_MAX];
static atomic_uint threads_count;

/* What one shard keeps. */
struct place {
	const struct gyre_shard *shard;
	int pipe[2]; /* has a handler that stops */
};

static struct place places[SHARDS_MAX];

static unsigned
draw(unsigned limit)
{
	uint64_t state = seed + atomic_fetch_add(&drawn, 1);

	return (unsigned)(harness_random(&state) % limit);
}

/* -- callers ------------------------------------------------------------- */

static void
stop_it(void *arg)
{
	(void)arg;
	gyre_runtime_stop(runtime);
}

static void
on_signal(int number)
{
	(void)number;
	gyre_runtime_stop(runtime);
}

static void *
stop_in_thread(void *arg)
{
	stop_it(NULL);
	return arg;
}

static void
on_readable(int fd, unsigned events, void *arg)
{
	char byte;

	(void)arg;
	CHECK(events & GYRE_READ);
	CHECK(read(fd, &byte, 1) == 1);
	stop_it(NULL);
}

static void
call_stop(const struct gyre_shard *shard, enum caller caller)
{
	struct place *place = &places[shard->index];
	unsigned thread;

	switch (caller) {
	case SIGNAL:
		raise(SIGUSR1);
		break;
	case THREAD:
		thread = atomic_fetch_add(&threads_count, 1);
		CHECK(thread < THREADS_MAX);
		CHECK(pthread_create(&threads[thread], NULL, stop_in_thread,
				     NULL) == 0);
		break;
	case CALLBACK:
		CHECK(gyre_loop_add_callback(shard->loop, stop_it, NULL) == 0);
		break;
	case TIMEOUT:
		CHECK(gyre_loop_call_later(shard->loop, 0, stop_it, NULL,
					   NULL) == 0);
		break;
	case HANDLER:
		CHECK(write(place->pipe[1], "", 1) == 1);
		break;
	case JOB:
		gyre_future_unref(gyre_loop_run_in_executor(
			shard->loop, NULL, stop_in_thread, NULL));
		break;
	default:
		stop_it(NULL);
	}
}

/* One time in three. */
static void
perhaps_stop(const struct gyre_shard *shard, enum site site)
{
	enum caller caller = draw(CALLERS);

	if (draw(3) != 0)
		return;
	atomic_fetch_add(&called[site][caller], 1);
	call_stop(shard, caller);
}

/* -- the service --------------------------------------------------------- */

static void *
answer(void *arg)
{
	return arg;
}

/* Await another shard, or a job, or nothing. */
static int
perhaps_await(const struct gyre_shard *shard)
{
	unsigned to = draw(gyre_runtime_shards(runtime));

	switch (draw(4)) {
	case 0:
		return gyre_shard_await(shard,
					gyre_bus_call(gyre_runtime_bus(runtime),
						      to, answer, NULL));
	case 1:
		return gyre_shard_await(
			shard, gyre_loop_run_in_executor(shard->loop, NULL,
							 answer, NULL));
	default:
		return 0;
	}
}

static void
on_message(void *arg)
{
	perhaps_stop(arg, IN_A_MESSAGE);
}

static void
on_message_of_drain(void *arg)
{
	perhaps_stop(arg, IN_A_MESSAGE_OF_DRAIN);
}

static int
start(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	struct place *place = &places[shard->index];
	int result;

	(void)arg;
	place->shard = shard;
	CHECK(pipe(place->pipe) == 0);
	CHECK(gyre_loop_add_handler(shard->loop, place->pipe[0], GYRE_READ,
				    on_readable, NULL) == 0);
	CHECK(gyre_loop_add_callback(shard->loop, on_message, (void *)shard) ==
	      0);
	perhaps_stop(shard, IN_START);
	result = perhaps_await(shard);
	CHECK(result == 0);
	atomic_fetch_add(&starts, 1);
	*ret_state = place;
	return 0;
}

static void
drain(const struct gyre_shard *shard, void *state)
{
	(void)state;
	perhaps_stop(shard, IN_DRAIN);
	CHECK(perhaps_await(shard) == 0);
	CHECK(gyre_loop_add_callback(shard->loop, on_message_of_drain,
				     (void *)shard) == 0);
}

static void
stop(const struct gyre_shard *shard, void *state)
{
	struct place *place = state;

	/* What comes now may be dropped, but not be lost. */
	perhaps_stop(shard, IN_STOP);
	gyre_loop_remove_handler(shard->loop, place->pipe[0]);
	atomic_fetch_add(&stops, 1);
}

static void
free_place(void *state)
{
	struct place *place = state;

	close(place->pipe[0]);
	close(place->pipe[1]);
	atomic_fetch_add(&frees, 1);
}

static const struct gyre_service_ops service = {
	.name = "stopped",
	.start = start,
	.drain = drain,
	.stop = stop,
	.free = free_place,
};

/* -- lives --------------------------------------------------------------- */

static int
start_stop_and_wait(void)
{
	int result = gyre_runtime_start(runtime);

	if (result < 0)
		return result;
	for (unsigned i = draw(16); i > 0; i--)
		sched_yield();
	gyre_runtime_stop(runtime);
	return gyre_runtime_wait(runtime);
}

static atomic_bool has_returned;

/* Before its start a stop of one that has ended would do nothing. */
static void *
stop_once_started(void *arg)
{
	enum gyre_runtime_phase phase;

	do {
		sched_yield();
		phase = gyre_runtime_phase(runtime);
	} while (!atomic_load(&has_returned) &&
		 (phase == GYRE_PHASE_NEW || phase == GYRE_PHASE_ENDED));
	for (unsigned i = draw(64); i > 0; i--)
		sched_yield();
	gyre_runtime_stop(runtime);
	return arg;
}

static int
run_and_stop(void)
{
	pthread_t stopper;
	int result;

	atomic_store(&has_returned, false);
	CHECK(pthread_create(&stopper, NULL, stop_once_started, NULL) == 0);
	result = gyre_runtime_run(runtime);
	atomic_store(&has_returned, true);
	pthread_join(stopper, NULL);
	return result;
}

static void
live(struct fixture *fixture)
{
	int result;

	atomic_store(&starts, 0);
	atomic_store(&stops, 0);
	atomic_store(&frees, 0);
	atomic_store(&threads_count, 0);
	result = draw(2) == 0 ? run_and_stop() : start_stop_and_wait();
	if (result == 0)
		assert_int_equal(atomic_load(&stops), atomic_load(&starts));
	else
		assert_int_equal(result, -ESHUTDOWN);
	for (unsigned i = 0; i < atomic_load(&threads_count); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&frees), atomic_load(&starts));
	assert_null(strstr(fixture->log, "deadline"));
	assert_int_equal(gyre_runtime_phase(runtime), GYRE_PHASE_ENDED);
}

static void
every_caller_in_every_phase(void **state)
{
	const struct sigaction action = { .sa_handler = on_signal };
	uint64_t random = harness_seed();
	unsigned lives = 0;
	struct sigaction before;
	unsigned long all = 0;

	(void)state;
	sigaction(SIGUSR1, &action, &before);
	while (lives < harness_scaled(LIVES)) {
		struct gyre_runtime_options options;
		struct fixture fixture;

		seed = harness_random(&random);
		fixture_init(&fixture);
		fixture.stop_timeout_ns = GYRE_SECONDS(60);
		options = fixture_options(&fixture, 1 + draw(3));
		assert_int_equal(fixture_new(&fixture, &options, 0), 0);
		runtime = fixture.runtime;
		assert_int_equal(
			gyre_runtime_add_service(runtime, &service, NULL), 0);
		do {
			live(&fixture);
			lives++;
		} while (draw(2) == 0);
		fixture_end(&fixture);
	}
	sigaction(SIGUSR1, &before, NULL);
	for (unsigned i = 0; i < SITES; i++)
		for (unsigned j = 0; j < CALLERS; j++) {
			assert_true(called[i][j] > 0);
			all += called[i][j];
		}
	printf("%u lives, %lu stops, from each caller at each site\n", lives,
	       all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_caller_in_every_phase),
	};

	alarm(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
