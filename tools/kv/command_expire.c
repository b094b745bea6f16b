/*
 * EXPIRE and what tells of it.
 */
#include <stdio.h>

#include "command.h"
#include "expiry.h"
#include "number.h"
#include "server.h"
#include "typed.h"

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

/* Unlike SET's, this time may be in the past; it counts from a base. */
static bool
parse_when(struct call *call, int64_t milliseconds, int64_t base_ms,
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
	    when * milliseconds > INT64_MAX - base_ms) {
		expiry_reply_invalid(call);
		return false;
	}
	*ret_when_ms = when * milliseconds + base_ms;
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
expire(struct call *call, int64_t milliseconds, bool absolute)
{
	struct store *store = &call->shard->store;
	struct conditions conditions = { 0 };
	int64_t now_ms = store_now_ms(store);
	int64_t when_ms;
	struct entry *entry;

	if (!parse_conditions(call, &conditions) ||
	    !parse_when(call, milliseconds, absolute ? 0 : now_ms, &when_ms))
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
	expire(call, 1000, false);
}

void
command_pexpire(struct call *call)
{
	expire(call, 1, false);
}

void
command_expireat(struct call *call)
{
	expire(call, 1000, true);
}

void
command_pexpireat(struct call *call)
{
	expire(call, 1, true);
}

/* -- how long ----------------------------------------------------------------
 */

/* When the key expires, -1: never, -2: there is none. */
static int64_t
expiry_of(struct call *call)
{
	const struct entry *entry =
		store_read(&call->shard->store, &call->argv[1]);

	if (entry == NULL)
		return -2;
	return entry->expires_ms == ENTRY_FOREVER ? -1 : entry->expires_ms;
}

static int64_t
time_left_ms(struct call *call)
{
	int64_t when_ms = expiry_of(call);
	int64_t left_ms = when_ms - store_now_ms(&call->shard->store);

	if (when_ms < 0)
		return when_ms;
	return left_ms > 0 ? left_ms : 0;
}

/* To the nearest second, without overflow near the end of time. */
static void
reply_seconds(struct call *call, int64_t ms)
{
	reply_integer(call->reply,
		      ms < 0 ? ms : ms / 1000 + (ms % 1000 >= 500));
}

void
command_ttl(struct call *call)
{
	reply_seconds(call, time_left_ms(call));
}

void
command_pttl(struct call *call)
{
	reply_integer(call->reply, time_left_ms(call));
}

void
command_expiretime(struct call *call)
{
	reply_seconds(call, expiry_of(call));
}

void
command_pexpiretime(struct call *call)
{
	reply_integer(call->reply, expiry_of(call));
}

/* -- GETEX ----------------------------------------------------------------- */

struct getex_options {
	bool persist;
	const struct arg *expiry; /* or NULL */
	struct expiry_unit unit;
};

/* One unit given twice: the last counts. Nothing goes with PERSIST. */
static bool
parse_getex(const struct call *call, struct getex_options *options)
{
	for (size_t i = 2; i < call->argc; i++) {
		const struct arg *arg = &call->argv[i];
		struct expiry_unit unit;

		if (ARG_IS(arg, "persist") && options->expiry == NULL) {
			options->persist = true;
			continue;
		}
		if (!expiry_unit_find(arg, &unit) || options->persist ||
		    i + 1 == call->argc ||
		    (options->expiry != NULL &&
		     !expiry_unit_equals(unit, options->unit)))
			return false;
		options->unit = unit;
		options->expiry = &call->argv[++i];
	}
	return true;
}

void
command_getex(struct call *call)
{
	struct store *store = &call->shard->store;
	struct getex_options options = { 0 };
	struct entry *entry;
	int64_t when_ms = 0;

	if (!parse_getex(call, &options)) {
		reply_syntax_error(call->reply);
		return;
	}
	if (!typed_read(call, &call->argv[1], OBJECT_STRING, &entry))
		return;
	call->unchanged = entry == NULL;
	if (entry == NULL) {
		reply_null(call->reply);
		return;
	}
	if (options.expiry != NULL &&
	    !expiry_parse(call, options.expiry, options.unit, &when_ms))
		return;
	reply_bulk(call->reply, entry->value, entry->value_length);
	if (options.expiry != NULL && when_ms <= store_now_ms(store))
		store_remove(store, entry);
	else if (options.expiry != NULL)
		store_expire(store, entry, when_ms);
	else
		call->unchanged =
			!options.persist || !store_persist(store, entry);
}
