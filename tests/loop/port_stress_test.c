/*
 * Ports on real threads: loops and threads without one send to a port of few
 * slots, which may close or go with its loop at any moment. Nothing is lost,
 * delivered or released twice, or out of its sender's order, and each who
 * waits gets a turn. GYRE_TEST_SEED chooses what happens when.
 */
#include "tests/support/loop_fixture.h"
#include "tests/support/watchdog.h"

#include <gyre/port.h>

#include <sched.h>
#include <stdatomic.h>

#define LOOPS   3
#define THREADS 2
#define SENDERS (LOOPS + THREADS)
#define ROUNDS  30
#define EACH    400

struct load {
	unsigned sender;
	unsigned index;
	atomic_uint releases;
	unsigned delivered; /* the port's thread */
	unsigned dropped;
};

struct party {
	unsigned number;
	struct gyre_loop *loop; /* NULL: a thread without one */
	pthread_t thread;
	uint64_t seed;
	unsigned next;     /* to send */
	unsigned accepted; /* and whether one was is known by its index */
	unsigned turned_away;
	struct load loads[EACH];
	bool was_accepted[EACH];
};

static struct party parties[SENDERS];
static struct gyre_loop *home;
static struct gyre_port *port;
static uint64_t port_seed;
static unsigned next_index[SENDERS];
static unsigned total;    /* the port's thread: messages it had */
static unsigned close_at; /* of the messages; 0: never */

static void
release(void *data)
{
	atomic_fetch_add(&((struct load *)data)->releases, 1);
}

static void
on_message(struct gyre_port *from, struct gyre_message *message, void *arg)
{
	struct load *load = message->data;

	(void)arg;
	CHECK(load->index >= next_index[load->sender]);
	next_index[load->sender] = load->index + 1;
	CHECK(atomic_load(&load->releases) == 0);
	load->delivered++;
	if (next_random(&port_seed) % 16 == 0)
		sched_yield();
	if (++total == close_at)
		gyre_port_close(from);
}

static void
on_drop(struct gyre_port *from, struct gyre_message *message,
	enum gyre_drop_reason reason, void *arg)
{
	struct load *load = message->data;

	(void)from;
	(void)arg;
	CHECK(reason == GYRE_DROP_STOPPED);
	CHECK(atomic_load(&load->releases) == 0);
	load->dropped++;
}

static struct gyre_message
next_message(struct party *party)
{
	return (struct gyre_message){
		.data = &party->loads[party->next],
		.size = sizeof(struct load),
		.release = release,
	};
}

static void
sent(struct party *party)
{
	party->was_accepted[party->next] = true;
	party->accepted++;
	party->next++;
}

/* -- loops that send ------------------------------------------------------- */

static void send_some(void *arg);

static void
on_room(struct gyre_port *to, void *arg)
{
	struct party *party = arg;
	int result;

	if (next_random(&party->seed) % 8 != 0) { /* else in vain */
		result = gyre_port_send(to, next_message(party));
		CHECK(result == 0 || result == -ESHUTDOWN);
		if (result == 0)
			sent(party);
	}
	send_some(party);
}

static void
on_no_room(void *arg, enum gyre_drop_reason reason)
{
	struct party *party = arg;

	CHECK(reason == GYRE_DROP_STOPPED);
	party->turned_away++;
	gyre_loop_stop(party->loop);
}

static void
send_some(void *arg)
{
	struct party *party = arg;
	int result = 0;

	while (party->next < EACH && result == 0) {
		result = gyre_port_send(port, next_message(party));
		if (result == 0)
			sent(party);
	}
	if (result == -EAGAIN)
		result = gyre_port_notify(port, on_room, party, on_no_room);
	CHECK(result == 0 || result == -ESHUTDOWN);
	if (result < 0 || party->next == EACH)
		gyre_loop_stop(party->loop);
}

static void *
run_party(void *arg)
{
	struct party *party = arg;

	CHECK(gyre_loop_start(party->loop) == 0);
	CHECK(gyre_loop_close(party->loop, false) == 0);
	return NULL;
}

/* -- threads that send ----------------------------------------------------- */

static void *
send_waiting(void *arg)
{
	struct party *party = arg;

	while (party->next < EACH) {
		int64_t delay_ns =
			(int64_t)(next_random(&party->seed) % 200000);
		int result = gyre_port_send_wait(
			port, next_message(party),
			gyre__now_ns(&gyre__sys_default) + delay_ns);

		CHECK(result == 0 || result == -ESHUTDOWN ||
		      result == -ETIMEDOUT);
		if (result == 0)
			sent(party);
		else if (result == -ESHUTDOWN)
			break;
	}
	return NULL;
}

/* -- the rounds ------------------------------------------------------------ */

static void *
run_home(void *arg)
{
	(void)arg;
	CHECK(gyre_loop_start(home) == 0);
	CHECK(gyre_loop_close(home, false) == 0);
	return NULL;
}

static void
begin_party(struct party *party, unsigned number, uint64_t *seed)
{
	memset(party, 0, sizeof(*party));
	party->number = number;
	party->seed = next_random(seed);
	for (unsigned i = 0; i < EACH; i++) {
		party->loads[i].sender = number;
		party->loads[i].index = i;
	}
	if (number < LOOPS) {
		party->loop = real_loop();
		CHECK(gyre_loop_add_callback(party->loop, send_some, party) ==
		      0);
	}
	CHECK(pthread_create(&party->thread, NULL,
			     number < LOOPS ? run_party : send_waiting,
			     party) == 0);
}

static void
check_loads(const struct party *party)
{
	for (unsigned i = 0; i < EACH; i++) {
		const struct load *load = &party->loads[i];
		unsigned ends = load->delivered + load->dropped;

		CHECK(ends == party->was_accepted[i]);
		CHECK(atomic_load(&load->releases) == ends);
	}
}

static void
check_counts(void)
{
	struct gyre_port_stats stats;
	unsigned accepted = 0;

	for (unsigned i = 0; i < SENDERS; i++) {
		check_loads(&parties[i]);
		accepted += parties[i].accepted;
	}
	gyre_port_get_stats(port, &stats);
	CHECK(stats.waiting == 0);
	CHECK(stats.accepted == accepted);
	CHECK(stats.delivered == total);
	if (close_at == 0)
		CHECK(accepted == SENDERS * EACH);
}

static void
play_round(uint64_t *seed)
{
	const struct gyre_port_options options = {
		.capacity = 1 + (uint32_t)(next_random(seed) % 4),
		.on_message = on_message,
		.on_drop = on_drop,
	};
	pthread_t thread;

	fake_reset();
	home = real_loop();
	total = 0;
	memset(next_index, 0, sizeof(next_index));
	port_seed = next_random(seed);
	close_at = 0;
	if (next_random(seed) % 2 == 0)
		close_at = 1 + (unsigned)next_random(seed) % (EACH * SENDERS);
	CHECK(gyre_port_new(home, &options, &port) == 0);
	for (unsigned i = 0; i < SENDERS; i++)
		begin_party(&parties[i], i, seed);
	CHECK(pthread_create(&thread, NULL, run_home, NULL) == 0);
	/* The home may go while they still send. */
	if (close_at != 0 && next_random(seed) % 2 == 0)
		gyre_loop_stop(home);
	for (unsigned i = 0; i < SENDERS; i++)
		CHECK(pthread_join(parties[i].thread, NULL) == 0);
	gyre_loop_stop(home);
	CHECK(pthread_join(thread, NULL) == 0);
	check_counts();
	gyre_port_unref(port);
	for (unsigned i = 0; i < LOOPS; i++)
		gyre_loop_free(parties[i].loop);
	gyre_loop_free(home);
	CHECK(fake_counts().allocations == 0);
}

static void
nothing_is_lost_whoever_closes(void **state)
{
	uint64_t seed = first_seed(20261122);

	(void)state;
	printf("GYRE_TEST_SEED=%llu\n", (unsigned long long)seed);
	for (unsigned i = 0; i < ROUNDS; i++) {
		watchdog(60);
		play_round(&seed);
	}
	watchdog(0);
}

/* -- turns ----------------------------------------------------------------- */

#define TURNS 2000

struct taker {
	struct gyre_loop *loop;
	pthread_t thread;
	unsigned turns;
};

static struct taker takers[LOOPS];
static unsigned turns_taken;

static void
on_turn_room(struct gyre_port *to, void *arg)
{
	struct taker *taker = arg;

	CHECK(gyre_port_send_copy(to, &taker, sizeof(taker)) == 0);
	if (++taker->turns < TURNS)
		CHECK(gyre_port_notify(to, on_turn_room, taker, NULL) == 0);
	else
		gyre_loop_stop(taker->loop);
}

static void
ask_for_turn(void *arg)
{
	CHECK(gyre_port_notify(port, on_turn_room, arg, NULL) == 0);
}

static void
on_turn(struct gyre_port *from, struct gyre_message *message, void *arg)
{
	(void)from;
	(void)message;
	(void)arg;
	turns_taken++;
}

static void *
run_taker(void *arg)
{
	struct taker *taker = arg;

	CHECK(gyre_loop_start(taker->loop) == 0);
	return NULL;
}

static atomic_bool greedy_ends;

/* It sends whenever it can, and so takes what is not handed over. */
static void *
send_greedily(void *arg)
{
	struct taker *nobody = NULL;
	unsigned *got = arg;

	while (!atomic_load(&greedy_ends)) {
		if (gyre_port_send_copy(port, &nobody, sizeof(nobody)) == 0)
			++*got;
		else
			sched_yield();
	}
	return NULL;
}

static void
each_who_waits_gets_its_turn(void **state)
{
	const struct gyre_port_options options = {
		.capacity = 1,
		.on_message = on_turn,
	};
	unsigned greedy_got = 0;
	pthread_t thread, greedy;

	(void)state;
	watchdog(60);
	fake_reset();
	home = real_loop();
	CHECK(gyre_port_new(home, &options, &port) == 0);
	CHECK(pthread_create(&thread, NULL, run_home, NULL) == 0);
	CHECK(pthread_create(&greedy, NULL, send_greedily, &greedy_got) == 0);
	memset(takers, 0, sizeof(takers));
	for (unsigned i = 0; i < LOOPS; i++) {
		takers[i].loop = real_loop();
		CHECK(gyre_loop_add_callback(takers[i].loop, ask_for_turn,
					     &takers[i]) == 0);
		CHECK(pthread_create(&takers[i].thread, NULL, run_taker,
				     &takers[i]) == 0);
	}
	for (unsigned i = 0; i < LOOPS; i++)
		CHECK(pthread_join(takers[i].thread, NULL) == 0);
	atomic_store(&greedy_ends, true);
	CHECK(pthread_join(greedy, NULL) == 0);
	gyre_loop_stop(home);
	CHECK(pthread_join(thread, NULL) == 0);
	printf("%u turns, %u of them greedy\n", turns_taken, greedy_got);
	assert_int_equal(turns_taken, LOOPS * TURNS + greedy_got);
	for (unsigned i = 0; i < LOOPS; i++) {
		assert_int_equal(takers[i].turns, TURNS);
		close_and_free(takers[i].loop);
	}
	gyre_port_unref(port);
	gyre_loop_free(home);
	assert_int_equal(fake_counts().allocations, 0);
	watchdog(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_whoever_closes),
		cmocka_unit_test(each_who_waits_gets_its_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
