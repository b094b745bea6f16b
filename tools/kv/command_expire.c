/*
 * EXPIRE and what tells of it.
 */
#include <stdio.h>

#include "command.h"
#include "expiry.h"
#include "number.h"
#include "server.h"

/* What EXPIRE's options ask of the expiry that a key has. */
struct conditions {
	bool none;    /* NX: it has none */
	bool some;    /* XX: it has one */
	bool later;   /* GT: the new one is later */
	bool earlier; /* LT: the new one is earlier */
};

/* A message shows an option that is none, up to a NUL. */
#define OPTION_SHOWN_MAX 256

static bool
take_condition(struct conditions *conditions, const struct arg *arg)
{
	if (ARG_IS(arg, "nx"))
		conditions->none = true;
	else if (ARG_IS(arg, "xx"))
		conditions->some = true;
	else if (ARG_IS(arg, "gt"))
		conditions->later = true;
	else if (ARG_IS(arg, "lt"))
		conditions->earlier = true;
	else
		return false;
	return true;
}

static bool
parse_conditions(struct call *call, struct conditions *conditions)
{
	for (size_t i = 3; i < call->argc; i++) {
		const struct arg *arg = &call->argv[i];
		size_t shown = arg->length < OPTION_SHOWN_MAX
				       ? arg->length
				       : OPTION_SHOWN_MAX;

		if (take_condition(conditions, arg))
			continue;
		reply_errorf(call->reply, "Unsupported option %.*s", (int)shown,
			     arg->data);
		return false;
	}
	if (conditions->none &&
	    (conditions->some || conditions->later || conditions->earlier)) {
		reply_error(call->reply, "NX and XX, GT or LT options at the "
					 "same time are not compatible");
		return false;
	}
	if (conditions->later && conditions->earlier) {
		reply_error(call->reply, "GT and LT options at the same time "
					 "are not compatible");
		return false;
	}
	return true;
}

/* Unlike SET's, this time may be in the past. */
static bool
parse_when(struct call *call, int64_t milliseconds, int64_t now_ms,
	   int64_t *ret_when_ms)
{
	const struct arg *text = &call->argv[2];
	int64_t when;

	if (!number_parse(text->data, text->length, &when)) {
		reply_not_integer(call->reply);
		return false;
	}
	if (when > INT64_MAX / milliseconds ||
	    when < INT64_MIN / milliseconds ||
	    when * milliseconds > INT64_MAX - now_ms) {
		expiry_reply_invalid(call);
		return false;
	}
	*ret_when_ms = when * milliseconds + now_ms;
	return true;
}

/* A key that never expires is later than any. */
static bool
conditions_hold(const struct conditions *conditions, const struct entry *entry,
		int64_t when_ms)
{
	bool forever = entry->expires_ms == ENTRY_FOREVER;

	if (conditions->none && !forever)
		return false;
	if (conditions->some && forever)
		return false;
	if (conditions->later && (forever || when_ms <= entry->expires_ms))
		return false;
	if (conditions->earlier && !forever && when_ms >= entry->expires_ms)
		return false;
	return true;
}

static void
expire(struct call *call, int64_t milliseconds)
{
	struct store *store = &call->shard->store;
	struct conditions conditions = { 0 };
	int64_t now_ms = store_now_ms(store);
	int64_t when_ms;
	struct entry *entry;

	if (!parse_conditions(call, &conditions) ||
	    !parse_when(call, milliseconds, now_ms, &when_ms))
		return;
	entry = store_find(store, &call->argv[1]);
	if (entry == NULL || !conditions_hold(&conditions, entry, when_ms)) {
		reply_integer(call->reply, 0);
		return;
	}
	if (when_ms <= now_ms)
		store_remove(store, entry);
	else
		store_expire(store, entry, when_ms);
	reply_integer(call->reply, 1);
}

void
command_expire(struct call *call)
{
	expire(call, 1000);
}

void
command_pexpire(struct call *call)
{
	expire(call, 1);
}

/* Milliseconds until the key expires, -1: never, -2: there is none. */
static int64_t
time_left_ms(struct call *call)
{
	struct store *store = &call->shard->store;
	struct entry *entry = store_read(store, &call->argv[1]);
	int64_t left_ms;

	if (entry == NULL)
		return -2;
	if (entry->expires_ms == ENTRY_FOREVER)
		return -1;
	left_ms = entry->expires_ms - store_now_ms(store);
	return left_ms > 0 ? left_ms : 0;
}

void
command_ttl(struct call *call)
{
	int64_t left_ms = time_left_ms(call);

	/* To the nearest second, without overflow near the end of time. */
	reply_integer(call->reply,
		      left_ms < 0 ? left_ms
				  : left_ms / 1000 + (left_ms % 1000 >= 500));
}

void
command_pttl(struct call *call)
{
	reply_integer(call->reply, time_left_ms(call));
}
