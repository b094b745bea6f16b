/*
 * The inbox between real threads. With many messages in flight, to show data
 * races; with one, to show a lost wake-up, which then hangs; and closing under
 * pushes.
 */
#include "tests/bus/sleeper.h"
#include "tests/pool/harness.h"
#include "tests/support/watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define PRODUCERS 4

static uint64_t seed;

struct job {
	struct gyre_task task;
	unsigned producer;
	uint64_t number;   /* in its producer's order, from 1 */
	uint64_t checksum; /* of the others, written before the push */
};

static uint64_t
checksum_of(const struct job *job)
{
	return job->number * 0x9e3779b97f4a7c15 ^ job->producer;
}

static void
fill(struct job *job, unsigned producer, uint64_t number)
{
	job->producer = producer;
	job->number = number;
	job->checksum = checksum_of(job);
}

static void
work(unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++)
		atomic_signal_fence(memory_order_seq_cst);
}

/* -- many in flight ------------------------------------------------------ */

struct producer {
	pthread_t thread;
	unsigned index;
	struct gyre_inbox *inbox;
	struct job *jobs;
	unsigned count;
	uint64_t random;
	unsigned accepted;
};

/* Now one, now a chain of some, now after a while. */
static unsigned
push_some(struct producer *producer, unsigned first)
{
	uint64_t random = harness_random(&producer->random);
	unsigned count = random % 8 == 0 ? 1 + random / 8 % 7 : 1;
	struct job *jobs = producer->jobs + first;

	if (count > producer->count - first)
		count = producer->count - first;
	for (unsigned i = 0; i < count; i++) {
		fill(&jobs[i], producer->index, first + i + 1);
		if (i > 0)
			jobs[i].task._next = &jobs[i - 1].task;
	}
	if (random >> 32 & 1)
		work(random >> 33 & 4095);
	if (gyre__inbox_push(producer->inbox, &jobs[count - 1].task,
			     &jobs[0].task) < 0)
		return 0;
	return count;
}

static void *
push_all(void *arg)
{
	struct producer *producer = arg;
	unsigned pushed = 1;

	while (producer->accepted < producer->count && pushed > 0) {
		pushed = push_some(producer, producer->accepted);
		producer->accepted += pushed;
	}
	return NULL;
}

static void
start_producers(struct producer producers[PRODUCERS], struct gyre_inbox *inbox,
		unsigned count)
{
	for (unsigned i = 0; i < PRODUCERS; i++) {
		producers[i] = (struct producer){
			.index = i,
			.inbox = inbox,
			.jobs = calloc(count, sizeof(struct job)),
			.count = count,
			.random = harness_random(&seed),
		};
		CHECK(producers[i].jobs != NULL);
		CHECK(pthread_create(&producers[i].thread, NULL, push_all,
				     &producers[i]) == 0);
	}
}

static unsigned
join_producers(struct producer producers[PRODUCERS])
{
	unsigned accepted = 0;

	for (unsigned i = 0; i < PRODUCERS; i++) {
		pthread_join(producers[i].thread, NULL);
		accepted += producers[i].accepted;
	}
	return accepted;
}

static void
free_jobs(struct producer producers[PRODUCERS])
{
	for (unsigned i = 0; i < PRODUCERS; i++)
		free(producers[i].jobs);
}

/* How many came, each next in its producer's order and as it was written. */
static unsigned
check_chain(struct gyre__chain *chain, uint64_t last[PRODUCERS])
{
	struct gyre_task *task;
	unsigned count = 0;

	while ((task = gyre__chain_pop(chain)) != NULL) {
		struct job *job = (struct job *)task;

		CHECK(job->checksum == checksum_of(job));
		CHECK(job->number == last[job->producer] + 1);
		last[job->producer] = job->number;
		job->checksum = 0; /* it comes once */
		count++;
	}
	CHECK(chain->messages == count);
	chain->messages = 0;
	return count;
}

static void
many_in_flight_come_once_and_in_order(void **state)
{
	const unsigned count = harness_scaled(250000);
	struct producer producers[PRODUCERS];
	uint64_t last[PRODUCERS] = { 0 };
	struct gyre__chain chain = { 0 };
	struct sleeper sleeper;
	unsigned came = 0;

	(void)state;
	sleeper_open(&sleeper);
	start_producers(producers, sleeper.inbox, count);
	while (came < PRODUCERS * count) {
		gyre__inbox_take(sleeper.inbox, &chain);
		if (chain.head == NULL)
			sleeper_sleep(&sleeper);
		came += check_chain(&chain, last);
	}
	assert_int_equal(join_producers(producers), came);
	gyre__inbox_close(sleeper.inbox, &chain);
	assert_null(chain.head);
	printf("%u messages, %lu sleeps, %lu rings\n", came,
	       (unsigned long)sleeper.inbox->arms,
	       (unsigned long)sleeper.inbox->rings);
	sleeper_close(&sleeper);
	gyre_inbox_unref(sleeper.inbox);
	free_jobs(producers);
}

/* -- one in flight ------------------------------------------------------- */

struct player {
	struct sleeper sleeper;
	struct player *other;
	unsigned handoffs;
};

/* Wait for the ball and send it back, so many times. */
static void *
play(void *arg)
{
	struct player *player = arg;
	struct gyre__chain chain = { 0 };

	for (unsigned i = 0; i < player->handoffs;) {
		struct gyre_task *ball;

		gyre__inbox_take(player->sleeper.inbox, &chain);
		ball = gyre__chain_pop(&chain);
		if (ball == NULL) {
			sleeper_sleep(&player->sleeper);
			continue;
		}
		i++;
		CHECK(gyre__inbox_push(player->other->sleeper.inbox, ball,
				       ball) == 0);
	}
	return NULL;
}

static void
one_in_flight_never_sleeps_unheard(void **state)
{
	struct job ball = { .producer = 0 };
	struct gyre__chain chain = { 0 };
	struct player players[2];
	pthread_t thread;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		sleeper_open(&players[i].sleeper);
		players[i].other = &players[1 - i];
		players[i].handoffs = harness_scaled(60000);
	}
	CHECK(gyre__inbox_push(players[0].sleeper.inbox, &ball.task,
			       &ball.task) == 0);
	CHECK(pthread_create(&thread, NULL, play, &players[1]) == 0);
	play(&players[0]);
	pthread_join(thread, NULL);
	gyre__inbox_close(players[1].sleeper.inbox, &chain);
	assert_null(chain.head);
	gyre__inbox_close(players[0].sleeper.inbox, &chain);
	assert_ptr_equal(gyre__chain_pop(&chain), &ball.task);
	for (unsigned i = 0; i < 2; i++) {
		sleeper_close(&players[i].sleeper);
		gyre_inbox_unref(players[i].sleeper.inbox);
	}
}

/* -- closing ------------------------------------------------------------- */

/* Take for a while, sleep in between, close in the midst of it. */
static unsigned
consume_and_close(struct sleeper *sleeper, unsigned enough)
{
	uint64_t last[PRODUCERS] = { 0 };
	struct gyre__chain chain = { 0 };
	unsigned came = 0;

	while (came < enough) {
		gyre__inbox_take(sleeper->inbox, &chain);
		if (chain.head == NULL)
			sleeper_sleep(sleeper);
		came += check_chain(&chain, last);
	}
	if (harness_random(&seed) % 2 == 0)
		(void)gyre__inbox_arm(sleeper->inbox);
	gyre__inbox_close(sleeper->inbox, &chain);
	sleeper_close(sleeper);
	return came + check_chain(&chain, last);
}

static void
closing_refuses_or_hands_over(void **state)
{
	const unsigned count = 1000;

	(void)state;
	for (unsigned i = 0; i < harness_scaled(1500); i++) {
		struct producer producers[PRODUCERS];
		struct sleeper sleeper;
		unsigned came;

		sleeper_open(&sleeper);
		start_producers(producers, sleeper.inbox, count);
		came = consume_and_close(&sleeper,
					 harness_random(&seed) % count);
		assert_int_equal(join_producers(producers), came);
		gyre_inbox_unref(sleeper.inbox);
		free_jobs(producers);
	}
}

/* -- the frame ----------------------------------------------------------- */

static struct harness_live live_before;

static int
set_up(void **state)
{
	(void)state;
	watchdog(60);
	harness_fail(0, 0);
	harness_live(&live_before);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	watchdog(0);
	assert_true(harness_live_is(&live_before));
	return 0;
}

#define STRESS_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STRESS_TEST(many_in_flight_come_once_and_in_order),
		STRESS_TEST(one_in_flight_never_sleeps_unheard),
		STRESS_TEST(closing_refuses_or_hands_over),
	};

	seed = harness_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
