/*
 * Four loops and four foreign threads publish at once, while subscriptions
 * come, pause and go on every loop.
 *
 * Every subscription checks, sender by sender, that what it gets is without a
 * gap and without a repetition from its first message on: an exact set. Who
 * is given a last value gets the very next one then. Of a group one member gets
 * each. Each message is released once. Fields that travel with a message are
 * plain, for ThreadSanitizer to watch.
 */
#include <gyre/runtime.h>
#include <gyre/topic.h>

#include "tests/pool/harness.h"
#include "tests/support/watchdog.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define LOOPS         4
#define SENDERS       8
#define SLOTS         12
#define SUBJECT_BYTES 16
#define LIMIT         50 /* of those who get all, for some to be dropped */
#ifndef CHURN
#define CHURN 1 /* changes of subscriptions for each burst */
#endif
#define AHEAD 20000 /* how far a sender may be before the slowest loop */

/* "s.<sender>", "r.<sender>" with a last value, or "g" for the group. */
enum kind {
	PLAIN,
	KEPT,
	GROUP,
	KINDS
};

struct message {
	unsigned sender;
	enum kind kind;
	uint32_t number;         /* of the sender's */
	uint32_t number_of_kind; /* of the sender's of this kind */
	uint64_t check;
};

struct slot {
	struct gyre_subscription *subscription; /* NULL: it is free */
	struct shard *shard;
	bool all;        /* ">" */
	enum kind kind;  /* else */
	unsigned sender; /* else, but for the group */
	bool is_paused;
	bool is_first;     /* nothing has come yet */
	uint64_t received; /* but for the last values */
	uint64_t missing;
	int64_t next[SENDERS]; /* the number that must follow; -1: any */
};

struct shard {
	struct gyre_loop *loop;
	unsigned index;
	uint64_t random;
	struct slot slots[SLOTS];
	struct slot witness;  /* ">", from the beginning to the end */
	struct slot sluggard; /* likewise, but paused half of the time */
	struct slot member;   /* of the group, likewise */
	atomic_uint seen;     /* by the witness */
};

struct sender {
	unsigned index;
	uint64_t random;
	uint32_t sent;
	uint32_t sent_of_kind[KINDS];
	pthread_t thread;
};

static struct gyre_runtime *runtime;
static struct gyre_bus *bus;
static struct shard shards[LOOPS];
static struct sender senders[SENDERS];
static unsigned quota;
static bool must_arrive; /* no loop stops before all is there */
static atomic_bool is_over;
static atomic_uint published;
static atomic_uint released;
static atomic_uint group_published;
static atomic_uint group_delivered;

static void
count(atomic_uint *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static unsigned
read_count(atomic_uint *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint64_t
check_of(const struct message *message)
{
	return ((uint64_t)message->number << 8 | message->sender) *
	       0x9e3779b97f4a7c15u;
}

static void
name_subject(char *subject, enum kind kind, unsigned sender)
{
	if (kind == GROUP)
		strcpy(subject, "g");
	else
		snprintf(subject, SUBJECT_BYTES, "%c.%u",
			 kind == PLAIN ? 's' : 'r', sender);
}

/* -- receiving ------------------------------------------------------------ */

/* Nothing is missing but what was too much to wait while it was paused. */
static void
check_next(struct slot *slot, unsigned sender, uint32_t number)
{
	int64_t *next = &slot->next[sender];

	if (*next >= 0 && *next != number) {
		struct gyre_subscription_stats stats;

		gyre_subscription_get_stats(slot->subscription, &stats);
		CHECK(*next < number);
		slot->missing += (uint64_t)(number - *next);
		CHECK(slot->missing <= stats.dropped);
	}
	*next = (int64_t)number + 1;
}

static void
check_all(struct slot *slot, const struct message *message, bool is_retained)
{
	if (is_retained)
		return;
	check_next(slot, message->sender, message->number);
	slot->received++;
}

/* What it got, dropped and has to get. */
static uint64_t
due(const struct slot *slot)
{
	struct gyre_subscription_stats stats;

	gyre_subscription_get_stats(slot->subscription, &stats);
	return slot->received + stats.dropped + stats.waiting;
}

/* Both were there from the beginning, and the same parcels came to both. */
static void
check_against_witness(struct shard *shard)
{
	struct gyre_subscription_stats stats;

	gyre_subscription_get_stats(shard->witness.subscription, &stats);
	CHECK(stats.dropped == 0);
	CHECK(due(&shard->sluggard) == due(&shard->witness));
}

static void
check_one(struct slot *slot, const struct message *message, bool is_retained)
{
	CHECK(message->sender == slot->sender);
	CHECK(!is_retained || (slot->kind == KEPT && slot->is_first));
	/* The own loop publishes nothing while it subscribes: there is a last
	 * value, or there was nothing before. Another's next may overtake. */
	if (slot->kind == KEPT && slot->is_first && !is_retained &&
	    slot->sender == slot->shard->index)
		CHECK(message->number_of_kind == 0);
	check_next(slot, message->sender, message->number_of_kind);
	slot->is_first = false;
}

static void
on_delivery(const struct gyre_delivery *delivery, void *arg)
{
	struct slot *slot = arg;
	const struct message *message = delivery->message->data;

	CHECK(slot->subscription == delivery->subscription);
	CHECK(!slot->is_paused);
	CHECK(gyre_loop_in_owner_thread(slot->shard->loop));
	CHECK(message->check == check_of(message));
	CHECK(delivery->message->size == sizeof(*message));
	if (slot->all)
		check_all(slot, message, delivery->is_retained);
	else if (slot->kind == GROUP)
		count(&group_delivered);
	else
		check_one(slot, message, delivery->is_retained);
	if (slot == &slot->shard->witness && !delivery->is_retained)
		count(&slot->shard->seen);
}

static void
on_drop(void *arg, enum gyre_drop_reason reason)
{
	struct slot *slot = arg;

	CHECK(reason == GYRE_DROP_STOPPED);
	CHECK(slot->subscription != NULL);
	slot->subscription = NULL;
}

/* -- subscribing ---------------------------------------------------------- */

static void
subscribe(struct slot *slot)
{
	char pattern[SUBJECT_BYTES] = ">";
	const struct gyre_subscribe_options options = {
		.pattern = pattern,
		.fn = on_delivery,
		.arg = slot,
		.drop = on_drop,
		.group = !slot->all && slot->kind == GROUP ? "group" : NULL,
		.limit = slot->all && slot != &slot->shard->witness ? LIMIT : 0,
	};

	if (!slot->all)
		name_subject(pattern, slot->kind, slot->sender);
	slot->is_first = true;
	slot->is_paused = false;
	slot->received = 0;
	slot->missing = 0;
	for (unsigned i = 0; i < SENDERS; i++)
		slot->next[i] = -1;
	CHECK(gyre_bus_subscribe(bus, &options, &slot->subscription) == 0);
}

static void
unsubscribe(struct slot *slot)
{
	struct gyre_subscription_stats stats;

	gyre_subscription_get_stats(slot->subscription, &stats);
	/* A member may not leave with what is the group's. */
	if (!slot->all && slot->kind == GROUP && stats.waiting > 0)
		return;
	gyre_bus_unsubscribe(slot->subscription);
	slot->subscription = NULL;
}

static void
toggle(struct slot *slot)
{
	slot->is_paused = !slot->is_paused;
	if (slot->is_paused)
		gyre_subscription_pause(slot->subscription);
	else
		gyre_subscription_resume(slot->subscription);
}

static void
change(struct slot *slot)
{
	uint64_t random = harness_random(&slot->shard->random);

	if (slot->subscription == NULL) {
		slot->all = random % 8 == 0;
		slot->kind = random / 8 % KINDS;
		slot->sender = random / 64 % SENDERS;
		subscribe(slot);
	} else if (slot->is_paused || random % 4 == 0) {
		toggle(slot);
	} else {
		unsubscribe(slot);
	}
}

/* -- publishing ----------------------------------------------------------- */

static void
release(void *data)
{
	struct message *message = data;

	CHECK(message->check == check_of(message));
	message->check = 0;
	count(&released);
	free(message);
}

static void
publish(struct sender *sender)
{
	uint64_t random = harness_random(&sender->random);
	struct message *message = malloc(sizeof(*message));
	enum kind kind = random % KINDS;
	const struct gyre_message sent = { message, sizeof(*message), release };
	char subject[SUBJECT_BYTES];
	int result;

	CHECK(message != NULL);
	*message = (struct message){
		.sender = sender->index,
		.kind = kind,
		.number = sender->sent++,
		.number_of_kind = sender->sent_of_kind[kind]++,
	};
	message->check = check_of(message);
	name_subject(subject, kind, sender->index);
	if (kind == KEPT)
		result = gyre_bus_publish_retained(bus, subject, sent);
	else
		result = gyre_bus_publish(bus, subject, sent);
	CHECK(result == 0);
	count(&published);
	if (kind == GROUP)
		count(&group_published);
}

static bool
is_too_far_ahead(void)
{
	unsigned all = read_count(&published);

	for (unsigned i = 0; must_arrive && i < LOOPS; i++)
		if (all - read_count(&shards[i].seen) > AHEAD &&
		    all > read_count(&shards[i].seen))
			return true;
	return false;
}

static void *
publish_from_outside(void *arg)
{
	struct sender *sender = arg;

	while (sender->sent < quota) {
		if (is_too_far_ahead())
			sched_yield();
		else
			publish(sender);
	}
	return NULL;
}

static void
pump(void *arg)
{
	struct shard *shard = arg;
	struct sender *sender = &senders[shard->index];

	for (unsigned i = 0; i < 20 && sender->sent < quota; i++)
		if (!is_too_far_ahead())
			publish(sender);
	check_against_witness(shard);
	toggle(&shard->sluggard);
	for (unsigned i = 0; i < CHURN; i++)
		change(&shard->slots[harness_random(&shard->random) % SLOTS]);
	if (atomic_load(&is_over))
		return;
	CHECK(gyre_loop_add_callback(shard->loop, pump, shard) == 0);
}

/* -- the runtime ---------------------------------------------------------- */

static int
start_service(const struct gyre_shard *gyre_shard, void *arg, void **ret_state)
{
	struct shard *shard = &shards[gyre_shard->index];

	(void)arg;
	shard->loop = gyre_shard->loop;
	shard->index = gyre_shard->index;
	for (unsigned i = 0; i < SLOTS; i++)
		shard->slots[i].shard = shard;
	shard->witness = (struct slot){ .shard = shard, .all = true };
	subscribe(&shard->witness);
	shard->sluggard = (struct slot){ .shard = shard, .all = true };
	subscribe(&shard->sluggard);
	shard->member = (struct slot){ .shard = shard, .kind = GROUP };
	subscribe(&shard->member);
	CHECK(gyre_loop_add_callback(shard->loop, pump, shard) == 0);
	*ret_state = shard;
	return 0;
}

static const struct gyre_service_ops service = { .name = "topics",
						 .start = start_service };

static void
begin(uint64_t seed)
{
	const struct gyre_runtime_options options = { .loops = LOOPS,
						      .pin = GYRE_PIN_NONE,
						      ._sys = harness_sys() };

	memset(shards, 0, sizeof(shards));
	memset(senders, 0, sizeof(senders));
	atomic_store(&is_over, false);
	atomic_store(&published, 0);
	atomic_store(&released, 0);
	atomic_store(&group_published, 0);
	atomic_store(&group_delivered, 0);
	for (unsigned i = 0; i < LOOPS; i++)
		shards[i].random = harness_random(&seed);
	for (unsigned i = 0; i < SENDERS; i++)
		senders[i] = (struct sender){ .index = i,
					      .random = harness_random(&seed) };
	CHECK(gyre_runtime_new(&options, &runtime) == 0);
	bus = gyre_runtime_bus(runtime);
	CHECK(gyre_runtime_add_service(runtime, &service, NULL) == 0);
	CHECK(gyre_runtime_start(runtime) == 0);
	for (unsigned i = LOOPS; i < SENDERS; i++)
		CHECK(pthread_create(&senders[i].thread, NULL,
				     publish_from_outside, &senders[i]) == 0);
}

static void
join_senders(void)
{
	for (unsigned i = LOOPS; i < SENDERS; i++)
		CHECK(pthread_join(senders[i].thread, NULL) == 0);
}

static void
end(void)
{
	gyre_runtime_stop(runtime);
	CHECK(gyre_runtime_wait(runtime) == 0);
}

static void
free_and_check(void)
{
	gyre_runtime_free(runtime);
	CHECK(read_count(&released) == read_count(&published));
	for (unsigned i = 0; i < LOOPS; i++)
		for (unsigned j = 0; j < SLOTS; j++)
			CHECK(shards[i].slots[j].subscription == NULL);
}

static bool
all_is_there(void)
{
	for (unsigned i = 0; i < LOOPS; i++)
		if (read_count(&shards[i].seen) < SENDERS * quota)
			return false;
	return read_count(&group_delivered) >= read_count(&group_published);
}

/* -- the tests ------------------------------------------------------------ */

static void
every_set_is_exact(void **state)
{
	struct harness_live before;
	struct gyre_topics_stats stats;

	(void)state;
	watchdog(120);
	harness_live(&before);
	quota = harness_scaled(20000);
	must_arrive = true;
	begin(harness_seed());
	join_senders();
	while (!all_is_there())
		sched_yield();
	atomic_store(&is_over, true);
	gyre_bus_get_topics_stats(bus, &stats);
	assert_int_equal(stats.refused, 0);
	assert_int_equal(stats.closed, 0);
	assert_int_equal(stats.strayed, 0);
	assert_int_equal(read_count(&published), SENDERS * quota);
	assert_int_equal(read_count(&group_delivered),
			 read_count(&group_published));
	end();
	free_and_check();
	assert_true(harness_live_is(&before));
	watchdog(0);
}

/* Loops go in the middle of it; foreign threads publish past the end. */
static void
everything_is_released_when_loops_go(void **state)
{
	uint64_t seed = harness_seed();

	(void)state;
	must_arrive = false;
	quota = harness_scaled(1000);
	for (unsigned round = 0; round < 8; round++) {
		struct harness_live before;
		unsigned target;

		watchdog(60);
		harness_live(&before);
		begin(harness_random(&seed));
		target = (unsigned)(harness_random(&seed) % (SENDERS * quota));
		while (read_count(&published) < target / 2)
			sched_yield();
		gyre_loop_stop(shards[harness_random(&seed) % LOOPS].loop);
		atomic_store(&is_over, true);
		end();
		join_senders();
		free_and_check();
		assert_true(harness_live_is(&before));
		watchdog(0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_set_is_exact),
		cmocka_unit_test(everything_is_released_when_loops_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
