/*
 * Real threads post to one loop while it runs and closes: what was accepted
 * runs or is dropped exactly once, in each sender's order.
 */
#include "tests/support/loop_fixture.h"

#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#define THREADS 3

/* A sender's books: accepted = run + dropped; refused stays its own. */
struct sender {
	pthread_t thread;
	struct gyre_loop *loop;
	unsigned accepted;
	unsigned refused;
	unsigned expected; /* the loop's: the number that comes next */
	unsigned run;      /* the loop's */
	unsigned dropped;  /* the loop's */
};

struct message {
	struct gyre_task task;
	struct sender *sender;
	unsigned number;
};

static struct sender senders[THREADS];
static atomic_uint started;

static void
arrive(struct message *message)
{
	CHECK(message->number >= message->sender->expected);
	message->sender->expected = message->number + 1;
	free(message);
}

static void
run_message(void *arg)
{
	((struct message *)arg)->sender->run++;
	arrive(arg);
}

static void
drop_message(void *arg, enum gyre_drop_reason reason)
{
	CHECK(reason == GYRE_DROP_STOPPED);
	((struct message *)arg)->sender->dropped++;
	arrive(arg);
}

static void
run_task(struct gyre_task *task)
{
	run_message(task);
}

static void
drop_task(struct gyre_task *task, enum gyre_drop_reason reason)
{
	drop_message(task, reason);
}

/* By turns as a callback, as a task and as a signal handler does, in one
 * order. */
static int
send_message(struct sender *sender, struct message *message)
{
	switch (sender->accepted % 3) {
	case 0:
		return gyre_loop_add_callback_drop(sender->loop, run_message,
						   message, drop_message);
	case 1:
		return gyre_inbox_post(gyre_loop_inbox(sender->loop),
				       &message->task);
	default:
		return gyre_loop_add_callback_from_signal_drop(
			sender->loop, run_message, message, drop_message);
	}
}

static bool
send_one(struct sender *sender)
{
	struct message *message = malloc(sizeof(*message));
	int result;

	*message = (struct message){
		.task = { .run = run_task, .drop = drop_task },
		.sender = sender,
		.number = sender->accepted,
	};
	/* No room is never for long: a cell comes back or a chunk is made. */
	while ((result = send_message(sender, message)) == -EAGAIN)
		sched_yield();
	if (result == 0) {
		sender->accepted++;
		return true;
	}
	CHECK(result == -ESHUTDOWN);
	sender->refused++;
	free(message);
	return false;
}

/* Faster than the loop at first, then not: it must not drown. */
static void
pace(const struct sender *sender)
{
	if (sender->accepted > 200)
		usleep(20);
}

static void *
send_until_refused(void *arg)
{
	atomic_fetch_add(&started, 1);
	while (send_one(arg))
		pace(arg);
	return NULL;
}

static void
start_senders(void *(*function)(void *))
{
	atomic_store(&started, 0);
	for (int i = 0; i < THREADS; i++) {
		senders[i] = (struct sender){ .loop = the_loop };
		CHECK(pthread_create(&senders[i].thread, NULL, function,
				     &senders[i]) == 0);
	}
}

static void
join_senders(void)
{
	for (int i = 0; i < THREADS; i++)
		pthread_join(senders[i].thread, NULL);
}

static void
check_books(void)
{
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(senders[i].accepted,
				 senders[i].run + senders[i].dropped);
		assert_int_equal(senders[i].refused, 1);
		assert_int_equal(senders[i].expected, senders[i].accepted);
	}
}

/* A ring that takes its time finds its descriptor open all the same. */
static ssize_t
write_late(int fd, const void *bytes, size_t size)
{
	ssize_t written;

	usleep(20);
	written = gyre__sys_default.write(fd, bytes, size);
	CHECK(written == (ssize_t)size);
	return written;
}

/* L51 holds: an add that races with close is either accepted, and then run or
 * dropped once, or refused; an inbox that is kept outlives its loop. */
static void
L51_adding_while_it_closes_loses_nothing(void **state)
{
	uint64_t seed = first_seed(1);
	unsigned dropped = 0;

	(void)state;
	close_and_free(the_loop);
	fake_sys.write = write_late;
	for (int round = 0; round < 300; round++) {
		uint64_t pause = next_random(&seed) % 200;

		the_loop = real_loop();
		start_senders(send_until_refused);
		if (round % 2 == 0)
			while (atomic_load(&started) < THREADS)
				sched_yield();
		call_later(GYRE_US(pause), stop_callback, NULL);
		if (round % 3 != 0)
			run();
		assert_int_equal(gyre_loop_close(the_loop, false), 0);
		join_senders();
		check_books();
		for (int i = 0; i < THREADS; i++)
			dropped += senders[i].dropped;
		gyre_loop_free(the_loop);
	}
	the_loop = NULL;
	assert_true(dropped > 0);
}

/* -- kept inboxes --------------------------------------------------------- */

static void *
post_to_inbox_until_refused(void *arg)
{
	struct sender *sender = arg;
	struct gyre_inbox *inbox =
		gyre_inbox_ref(gyre_loop_inbox(sender->loop));
	struct message *message;

	atomic_fetch_add(&started, 1);
	for (;;) {
		message = malloc(sizeof(*message));
		*message = (struct message){
			.task = { .run = run_task, .drop = drop_task },
			.sender = sender,
			.number = sender->accepted,
		};
		if (gyre_inbox_post(inbox, &message->task) < 0)
			break;
		sender->accepted++;
		pace(sender);
	}
	sender->refused++;
	free(message);
	gyre_inbox_unref(inbox);
	return NULL;
}

static void
L51_a_kept_inbox_outlives_a_loop_that_is_freed_meanwhile(void **state)
{
	(void)state;
	close_and_free(the_loop);
	fake_sys.write = write_late;
	for (int round = 0; round < 300; round++) {
		the_loop = real_loop();
		start_senders(post_to_inbox_until_refused);
		while (atomic_load(&started) < THREADS)
			sched_yield();
		call_later(GYRE_US(50), stop_callback, NULL);
		run();
		close_and_free(the_loop);
		join_senders();
		check_books();
	}
	the_loop = NULL;
}

/* -- order ---------------------------------------------------------------- */

#define EACH 2000

static void *
send_each(void *arg)
{
	for (int i = 0; i < EACH; i++)
		CHECK(send_one(arg));
	if (atomic_fetch_add(&started, 1) == THREADS - 1)
		gyre_loop_stop(the_loop);
	return NULL;
}

/* L38 holds: what one thread adds runs in its order; between threads there is
 * none. */
static void
L38_each_sender_s_posts_run_in_its_order(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	start_senders(send_each);
	run();
	join_senders();
	run_once();
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(senders[i].run, EACH);
		assert_int_equal(senders[i].expected, EACH);
	}
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.posted, stats.run);
	assert_int_equal(stats.arms, stats.self_disarms + stats.rings);
	assert_true(fake_counts().writes <= stats.arms);
}

/* -- wake-up --------------------------------------------------------------- */

#define PINGS 20000

static sem_t pinged;

static void
pong(void *arg)
{
	(void)arg;
	sem_post(&pinged);
}

/* One at a time, at any moment of the loop's way to sleep: what is lost is not
 * repaired by the next. */
static void *
ping_at_any_moment(void *arg)
{
	uint64_t seed = first_seed(3);

	(void)arg;
	for (int i = 0; i < PINGS; i++) {
		for (uint64_t j = next_random(&seed) % 2048; j > 0; j--)
			atomic_load(&started);
		add_callback(pong, NULL);
		sem_wait(&pinged);
	}
	gyre_loop_stop(the_loop);
	return NULL;
}

static void
L49_no_add_is_slept_through(void **state)
{
	struct gyre_loop_stats stats;
	pthread_t thread;

	(void)state;
	sem_init(&pinged, 0, 0);
	CHECK(pthread_create(&thread, NULL, ping_at_any_moment, NULL) == 0);
	run();
	pthread_join(thread, NULL);
	sem_destroy(&pinged);
	gyre_loop_get_stats(the_loop, &stats);
	/* The wake task of the stop may be left. */
	assert_in_range(stats.run, PINGS, PINGS + 1);
	assert_true(stats.rings > 0);
	assert_int_equal(fake_counts().writes, stats.rings);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(L51_adding_while_it_closes_loses_nothing),
		REAL_TEST(
			L51_a_kept_inbox_outlives_a_loop_that_is_freed_meanwhile),
		REAL_TEST(L38_each_sender_s_posts_run_in_its_order),
		REAL_TEST(L49_no_add_is_slept_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
