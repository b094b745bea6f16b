#include "tests/bus/shards.h"

struct stand_in shards[SHARDS];
struct gyre_bus *bus;

int
shards_set_up(void **state)
{
	struct gyre_inbox *inboxes[SHARDS];

	bus_set_up(state);
	for (unsigned i = 0; i < SHARDS; i++) {
		stand_in_open(&shards[i]);
		inboxes[i] = shards[i].inbox;
	}
	bus = gyre__bus_new(harness_sys(), SHARDS);
	assert_non_null(bus);
	assert_int_equal(gyre__bus_connect(bus, inboxes), 0);
	return 0;
}

int
shards_tear_down(void **state)
{
	harness_fail(0, 0);
	for (unsigned i = 0; i < SHARDS; i++) {
		if (!gyre__inbox_is_closed(shards[i].inbox))
			stand_in_close(&shards[i]);
		stand_in_free(&shards[i]);
	}
	gyre__bus_free(bus);
	return bus_tear_down(state);
}

/* Answers its argument. */
void *
echo(void *word)
{
	say(word);
	return word;
}

struct gyre_future *
call_drop(unsigned shard, gyre_call_fn fn, const char *word)
{
	struct gyre_future *reply;

	enter(&shards[A]);
	reply = gyre_bus_call_drop(bus, shard, fn, argument(word), say_dropped);
	assert_non_null(reply);
	gyre__outbox_flush(&shards[A].outbox);
	leave(&shards[A]);
	return reply;
}

struct gyre_future *
call(unsigned shard, gyre_call_fn fn, const char *word)
{
	struct gyre_future *reply;

	enter(&shards[A]);
	reply = gyre_bus_call(bus, shard, fn, argument(word));
	assert_non_null(reply);
	gyre__outbox_flush(&shards[A].outbox);
	leave(&shards[A]);
	return reply;
}

static void
say_reply(struct gyre_future *reply, void *word)
{
	void *value = NULL;
	char text[64];

	if (gyre_future_result(reply, &value) == 0)
		snprintf(text, sizeof(text), "%s=%s", (char *)word,
			 (char *)value);
	else
		snprintf(text, sizeof(text), "%s:%s", (char *)word,
			 gyre_error_name(gyre_future_result(reply, NULL)));
	say(text);
}

void
expect(struct gyre_future *reply, const char *word)
{
	assert_int_equal(gyre__future_add_callback(reply, say_reply,
						   argument(word), NULL),
			 0);
	gyre_future_unref(reply);
}

void
assert_calls(uint64_t run, uint64_t canceled, uint64_t expired,
	     uint64_t stopped, uint64_t open)
{
	const struct gyre__call_counts *calls = &shards[A].outbox.calls;

	assert_int_equal(calls->run, run);
	assert_int_equal(calls->canceled, canceled);
	assert_int_equal(calls->expired, expired);
	assert_int_equal(calls->stopped, stopped);
	assert_int_equal(calls->made,
			 run + canceled + expired + stopped + open);
}
