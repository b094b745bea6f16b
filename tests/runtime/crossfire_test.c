/*
 * Four loops and four foreign threads send to all loops at once: callbacks,
 * tasks and calls, a million in all, while loops stop in random order.
 *
 * Each message is checked: run or dropped exactly once if it was accepted,
 * not touched if it was refused, on its loop's thread, and in the order in
 * which its sender sent to that loop, whatever its kind. Fields that travel
 * with a message are plain, for ThreadSanitizer to watch; counters that all
 * share are relaxed, so that they order nothing and hide no race.
 */
#include <gyre/runtime.h>

#include "tests/pool/harness.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define LOOPS   4
#define FOREIGN 4
#define SENDERS (LOOPS + FOREIGN)
#define TOTAL   1000000u
#define ROUNDS  16
#define BURST   48 /* what a loop sends before it lets others run */

enum kind {
	CALLBACK,
	TASK,
	CALL
};

struct sender;

struct message {
	struct gyre_task task;
	struct sender *sender;
	unsigned dest;
	enum kind kind;
	uint32_t number; /* of those from this sender to this loop, from 0 */
	uint64_t payload;
	uint64_t answer; /* the receiver's */
	bool accepted;
	int result;                 /* of a call that was waited for */
	struct gyre_future *future; /* of a call of a loop */
	bool answered;              /* its callback came, at home */
	atomic_uint runs;
	atomic_uint drops;
};

struct sender {
	struct field *field;
	unsigned index; /* a shard, or LOOPS + a foreign thread */
	uint64_t random;
	uint32_t sent[LOOPS];
	struct message *messages;
	unsigned used;
	pthread_t thread;
};

struct field {
	struct gyre_runtime *runtime;
	struct gyre_bus *bus;
	unsigned quota; /* messages a sender */
	/* loop i stops itself or is stopped when so many were sent */
	unsigned stops[LOOPS];
	unsigned stop_all; /* likewise, by gyre_runtime_stop; or never */
	atomic_uint sent;
	atomic_uint pumps; /* loops that still send */
	struct sender senders[SENDERS];
	/* each its shard's: the number of the next message by sender */
	uint32_t expected[LOOPS][SENDERS];
	unsigned planted; /* every shard's, in the build that must fail */
};

struct totals {
	unsigned long accepted;
	unsigned long refused;
	unsigned long run;
	unsigned long dropped;
	unsigned long by_kind[3];
	unsigned long answers;
};

static void
count(atomic_uint *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static uint64_t
payload_of(const struct message *message)
{
	return (uint64_t)message->number * 0x9e3779b97f4a7c15u ^
	       message->sender->index;
}

/* -- receiving ----------------------------------------------------------- */

static void
receive(struct message *message)
{
	struct field *field = message->sender->field;
	const struct gyre_shard *shard =
		gyre_runtime_shard(field->runtime, message->dest);
	uint32_t *expected =
		&field->expected[message->dest][message->sender->index];

	CHECK(gyre_loop_in_owner_thread(shard->loop));
	CHECK(message->payload == payload_of(message));
	CHECK(message->number == *expected);
	(*expected)++;
#ifdef GYRE_PLANTED_RACE
	field->planted++;
#endif
	message->answer = ~message->payload;
	count(&message->runs);
}

static void
on_callback(void *arg)
{
	receive(arg);
}

static void
on_callback_drop(void *arg, enum gyre_drop_reason reason)
{
	struct message *message = arg;

	CHECK(reason == GYRE_DROP_STOPPED);
	count(&message->drops);
}

static void
on_task(struct gyre_task *task)
{
	receive((struct message *)task);
}

static void
on_task_drop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	on_callback_drop(task, reason);
}

static void *
on_call(void *arg)
{
	receive(arg);
	return arg;
}

static void
on_answer(struct gyre_future *future, void *arg)
{
	struct message *message = arg;
	void *value = NULL;
	int result = gyre_future_result(future, &value);

	CHECK(!message->answered);
	message->answered = true;
	CHECK(result == 0 || result == -ESHUTDOWN);
	if (result < 0)
		return;
	CHECK(value == message);
	CHECK(message->answer == ~message->payload);
}

/* -- sending ------------------------------------------------------------- */

static struct gyre_loop *
loop_of(const struct field *field, unsigned shard)
{
	return gyre_runtime_shard(field->runtime, shard)->loop;
}

static bool
is_foreign(const struct sender *sender)
{
	return sender->index >= LOOPS;
}

static bool
was_accepted(int result)
{
	CHECK(result == 0 || result == -ESHUTDOWN);
	return result == 0;
}

/* A call to a closed shard uses up a number; nothing can follow it there. */
static void
call_from_loop(struct message *message)
{
	struct field *field = message->sender->field;

	message->future =
		gyre_bus_call(field->bus, message->dest, on_call, message);
	CHECK(message->future != NULL);
	CHECK(gyre_loop_add_future(loop_of(field, message->sender->index),
				   message->future, on_answer, message) == 0);
	message->accepted = true;
}

static void
call_and_wait(struct message *message)
{
	struct field *field = message->sender->field;
	void *value = NULL;

	message->result = gyre_bus_call_wait(field->bus, message->dest, on_call,
					     message, GYRE_FOREVER, &value);
	message->accepted = was_accepted(message->result);
	if (!message->accepted)
		return;
	CHECK(value == message);
	CHECK(message->answer == ~message->payload);
}

static void
send_as(struct message *message)
{
	struct field *field = message->sender->field;
	unsigned dest = message->dest;

	switch (message->kind) {
	case CALLBACK:
		message->accepted = was_accepted(gyre_loop_add_callback_drop(
			loop_of(field, dest), on_callback, message,
			on_callback_drop));
		break;
	case TASK:
		message->task.run = on_task;
		message->task.drop = on_task_drop;
		message->accepted = was_accepted(
			gyre_bus_post(field->bus, dest, &message->task));
		break;
	case CALL:
		if (is_foreign(message->sender))
			call_and_wait(message);
		else
			call_from_loop(message);
		break;
	}
}

static enum kind
pick_kind(struct sender *sender)
{
	uint64_t chance = harness_random(&sender->random) % 256;

	/* a call that is waited for takes its time */
	if (chance < (is_foreign(sender) ? 4 : 64))
		return CALL;
	return chance % 2 == 0 ? CALLBACK : TASK;
}

/* Whoever sends the message with that number stops that loop. */
static void
stop_by_turn(struct field *field)
{
	unsigned turn = atomic_fetch_add_explicit(&field->sent, 1,
						  memory_order_relaxed);

	for (unsigned i = 0; i < LOOPS; i++)
		if (field->stops[i] == turn)
			gyre_loop_stop(loop_of(field, i));
	if (field->stop_all == turn)
		gyre_runtime_stop(field->runtime);
}

static void
send_next(struct sender *sender)
{
	struct message *message = &sender->messages[sender->used++];

	message->sender = sender;
	message->dest = (unsigned)(harness_random(&sender->random) % LOOPS);
	message->kind = pick_kind(sender);
	message->number = sender->sent[message->dest];
	message->payload = payload_of(message);
	send_as(message);
	if (message->accepted || message->kind == CALL)
		sender->sent[message->dest]++;
	stop_by_turn(sender->field);
}

/* -- senders ------------------------------------------------------------- */

static void
on_pump_drop(void *arg, enum gyre_drop_reason reason)
{
	struct sender *sender = arg;

	(void)reason;
	atomic_fetch_sub(&sender->field->pumps, 1);
}

/* A loop sends a burst and lets others run. */
static void
pump(void *arg)
{
	struct sender *sender = arg;
	struct field *field = sender->field;

	for (unsigned i = 0; i < BURST && sender->used < field->quota; i++)
		send_next(sender);
	if (sender->used == field->quota ||
	    gyre_loop_add_callback_drop(loop_of(field, sender->index), pump,
					sender, on_pump_drop) < 0)
		on_pump_drop(sender, GYRE_DROP_STOPPED);
}

static void *
foreign_main(void *arg)
{
	struct sender *sender = arg;

	while (sender->used < sender->field->quota) {
		send_next(sender);
		if (harness_random(&sender->random) % 1024 == 0)
			sched_yield();
	}
	return NULL;
}

static int
start_pump(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	struct field *field = arg;

	(void)ret_state;
	return gyre_loop_add_callback_drop(
		shard->loop, pump, &field->senders[shard->index], on_pump_drop);
}

static const struct gyre_service_ops pump_service = {
	.name = "pump",
	.start = start_pump,
};

/* -- a round ------------------------------------------------------------- */

static void
prepare(struct field *field, unsigned quota, uint64_t *random)
{
	const struct gyre_runtime_options options = {
		.loops = LOOPS,
		.pin = GYRE_PIN_NONE,
		._sys = harness_sys(),
	};
	unsigned all = SENDERS * quota;

	field->quota = quota;
	for (unsigned i = 0; i < LOOPS; i++)
		field->stops[i] = all / 3 + (unsigned)(harness_random(random) %
						       (all * 3 / 4));
	field->stop_all =
		all / 2 + (unsigned)(harness_random(random) % (all * 2));
	atomic_store(&field->pumps, LOOPS);
	for (unsigned i = 0; i < SENDERS; i++) {
		field->senders[i].field = field;
		field->senders[i].index = i;
		field->senders[i].random = harness_random(random);
		field->senders[i].messages =
			calloc(quota, sizeof(struct message));
		CHECK(field->senders[i].messages != NULL);
	}
	CHECK(gyre_runtime_new(&options, &field->runtime) == 0);
	field->bus = gyre_runtime_bus(field->runtime);
	CHECK(gyre_runtime_add_service(field->runtime, &pump_service, field) ==
	      0);
}

static void
fight(struct field *field)
{
	const struct timespec moment = { .tv_nsec = 500000 };

	CHECK(gyre_runtime_start(field->runtime) == 0);
	for (unsigned i = LOOPS; i < SENDERS; i++)
		CHECK(pthread_create(&field->senders[i].thread, NULL,
				     foreign_main, &field->senders[i]) == 0);
	for (unsigned i = LOOPS; i < SENDERS; i++)
		CHECK(pthread_join(field->senders[i].thread, NULL) == 0);
	while (atomic_load(&field->pumps) > 0)
		nanosleep(&moment, NULL);
	gyre_runtime_stop(field->runtime);
	CHECK(gyre_runtime_wait(field->runtime) == 0);
}

/* -- the reckoning ------------------------------------------------------- */

/* What became of a call is in its future, and it is always complete. */
static bool
call_ran(struct message *message)
{
	int result = message->result;
	void *value = NULL;

	if (message->future != NULL) {
		result = gyre_future_result(message->future, &value);
		CHECK(result == -ESHUTDOWN || value == message);
		gyre_future_unref(message->future);
	}
	CHECK(result == 0 || result == -ESHUTDOWN);
	return result == 0;
}

static void
reckon(struct message *message, struct totals *totals)
{
	unsigned runs = atomic_load(&message->runs);
	unsigned drops = atomic_load(&message->drops);

	CHECK(runs + drops <= 1);
	if (runs > 0)
		CHECK(message->answer == ~message->payload);
	if (message->kind == CALL) {
		CHECK(call_ran(message) == (runs > 0));
		CHECK(drops == 0);
		message->accepted = runs > 0; /* else refused, or dropped */
	}
	CHECK(message->accepted == (runs + drops == 1));
	totals->accepted += message->accepted;
	totals->refused += !message->accepted;
	totals->run += runs;
	totals->dropped += drops;
	totals->by_kind[message->kind] += message->accepted;
	totals->answers += message->answered;
}

/* The loops' own books agree: all that came was run or dropped. */
static void
audit(struct field *field)
{
	for (unsigned i = 0; i < LOOPS; i++) {
		struct gyre_loop_stats stats;

		gyre_loop_get_stats(loop_of(field, i), &stats);
		CHECK(stats.posted == stats.run + stats.dropped);
		CHECK(stats.waiting == 0);
	}
}

static void
play_round(unsigned quota, uint64_t *random, struct totals *totals)
{
	struct field *field = calloc(1, sizeof(*field));

	CHECK(field != NULL);
	prepare(field, quota, random);
	fight(field);
	audit(field);
	for (unsigned i = 0; i < SENDERS; i++)
		for (unsigned j = 0; j < field->senders[i].used; j++)
			reckon(&field->senders[i].messages[j], totals);
	gyre_runtime_free(field->runtime);
	for (unsigned i = 0; i < SENDERS; i++)
		free(field->senders[i].messages);
	free(field);
}

static void
a_million_cross_while_loops_stop(void **state)
{
	uint64_t random = harness_seed();
	unsigned wanted = harness_scaled(TOTAL);
	unsigned quota = wanted / SENDERS / ROUNDS;
	struct harness_live before;
	struct totals totals = { 0 };
	unsigned rounds = 0;
	int64_t begun;

	(void)state;
	harness_live(&before);
	begun = gyre__now_ns(harness_sys());
	for (; totals.accepted < wanted; rounds++)
		play_round(quota, &random, &totals);
	assert_int_equal(totals.accepted, totals.run + totals.dropped);
	assert_true(harness_live_is(&before));
	printf("%u rounds in %lld ms: %lu accepted (%lu callbacks, %lu tasks, "
	       "%lu calls), %lu run, %lu dropped; %lu refused; %lu answers\n",
	       rounds,
	       (long long)(gyre__now_ns(harness_sys()) - begun) / 1000000,
	       totals.accepted, totals.by_kind[CALLBACK], totals.by_kind[TASK],
	       totals.by_kind[CALL], totals.run, totals.dropped, totals.refused,
	       totals.answers);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_million_cross_while_loops_stop),
	};

	alarm(280);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
