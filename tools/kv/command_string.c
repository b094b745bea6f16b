/*
 * The commands that give a key a value and read it.
 */
#include <errno.h>

#include "command.h"
#include "expiry.h"
#include "server.h"
#include "typed.h"

/* What SET's options ask for. */
struct set_options {
	bool if_absent;
	bool if_present;
	bool get;
	bool keep_expiry;
	const struct arg *expiry; /* or NULL */
	struct expiry_unit unit;
};

static void
reply_value(struct reply *reply, const struct entry *entry)
{
	if (entry != NULL)
		reply_bulk(reply, entry->value, entry->value_length);
	else
		reply_null(reply);
}

/* Reply with the key's string; false: it has none, and the reply says so. */
static bool
get(struct call *call, struct entry **ret_entry)
{
	if (!typed_read(call, &call->argv[1], OBJECT_STRING, ret_entry))
		return false;
	reply_value(call->reply, *ret_entry);
	return true;
}

/* Take an option that stands for itself; false: it is none, or not here. */
static bool
take_flag(struct set_options *options, const struct arg *arg)
{
	if (ARG_IS(arg, "nx") && !options->if_present)
		options->if_absent = true;
	else if (ARG_IS(arg, "xx") && !options->if_absent)
		options->if_present = true;
	else if (ARG_IS(arg, "get"))
		options->get = true;
	else if (ARG_IS(arg, "keepttl") && options->expiry == NULL)
		options->keep_expiry = true;
	else
		return false;
	return true;
}

/* Take an option that a time follows. One given twice: the last counts. */
static bool
take_expiry(struct set_options *options, const struct arg *arg)
{
	struct expiry_unit unit;

	if (!expiry_unit_find(arg, &unit) || options->keep_expiry)
		return false;
	if (options->expiry != NULL && !expiry_unit_equals(unit, options->unit))
		return false;
	options->unit = unit;
	options->expiry = arg + 1;
	return true;
}

static bool
parse_set_options(const struct call *call, struct set_options *options)
{
	for (size_t i = 3; i < call->argc; i++) {
		if (take_flag(options, &call->argv[i]))
			continue;
		if (i + 1 >= call->argc ||
		    !take_expiry(options, &call->argv[i]))
			return false;
		i++;
	}
	return true;
}

/*
 * Store the value; the time to expire is Unix time or ENTRY_FOREVER. For want
 * of memory, reply so in place of what was replied since `before`.
 */
static bool
set_value(struct call *call, const struct arg *value, bool keep_expiry,
	  int64_t expires_ms, size_t before)
{
	struct store *store = &call->shard->store;
	struct entry *entry =
		store_set(store, &call->argv[1], value, keep_expiry);

	if (entry == NULL) {
		call->reply->bytes->length = before;
		reply_no_memory(call->reply);
		return false;
	}
	if (expires_ms != ENTRY_FOREVER)
		store_expire(store, entry, expires_ms);
	return true;
}

/* Tell whether NX or XX forbids to set the key. */
static bool
is_forbidden(struct call *call, const struct set_options *options)
{
	bool found;

	if (!options->if_absent && !options->if_present)
		return false;
	found = store_find(&call->shard->store, &call->argv[1]) != NULL;
	return found ? options->if_absent : options->if_present;
}

void
command_set(struct call *call)
{
	struct set_options options = { 0 };
	int64_t expires_ms = ENTRY_FOREVER;
	size_t before = call->reply->bytes->length;
	struct entry *entry;

	if (!parse_set_options(call, &options)) {
		reply_syntax_error(call->reply);
		return;
	}
	if (options.expiry != NULL &&
	    !expiry_parse(call, options.expiry, options.unit, &expires_ms))
		return;
	if (options.get && !get(call, &entry))
		return;
	if (is_forbidden(call, &options)) {
		call->unchanged = true;
		if (!options.get)
			reply_null(call->reply);
		return;
	}
	if (set_value(call, &call->argv[2], options.keep_expiry, expires_ms,
		      before) &&
	    !options.get)
		reply_ok(call->reply);
}

void
command_get(struct call *call)
{
	struct entry *entry;

	get(call, &entry);
}

void
command_getdel(struct call *call)
{
	struct entry *entry;

	if (get(call, &entry) && entry != NULL)
		store_remove(&call->shard->store, entry);
}

void
command_getset(struct call *call)
{
	size_t before = call->reply->bytes->length;
	struct entry *entry;

	if (get(call, &entry))
		set_value(call, &call->argv[2], false, ENTRY_FOREVER, before);
}

void
command_setnx(struct call *call)
{
	bool found = store_find(&call->shard->store, &call->argv[1]) != NULL;

	if (found || set_value(call, &call->argv[2], false, ENTRY_FOREVER,
			       call->reply->bytes->length))
		reply_integer(call->reply, !found);
}

static void
set_with_expiry(struct call *call, struct expiry_unit unit)
{
	int64_t expires_ms;

	if (expiry_parse(call, &call->argv[2], unit, &expires_ms) &&
	    set_value(call, &call->argv[3], false, expires_ms,
		      call->reply->bytes->length))
		reply_ok(call->reply);
}

void
command_setex(struct call *call)
{
	set_with_expiry(call, EXPIRY_SECONDS);
}

void
command_psetex(struct call *call)
{
	set_with_expiry(call, EXPIRY_MILLISECONDS);
}

bool
command_mset_check(struct call *call)
{
	if (call->argc % 2 == 1)
		return true;
	reply_wrong_arity(call->reply, call->command->name);
	return false;
}

void
command_mset(struct call *call)
{
	for (size_t i = 1; i + 1 < call->argc; i += 2) {
		if (store_set(&call->shard->store, &call->argv[i],
			      &call->argv[i + 1], false) == NULL) {
			reply_no_memory(call->reply);
			return;
		}
	}
	reply_ok(call->reply);
}

/* All keys share a shard: nobody sees some of them without the others. */
void
command_msetnx(struct call *call)
{
	struct store *store = &call->shard->store;

	for (size_t i = 1; i + 1 < call->argc; i += 2) {
		if (store_find(store, &call->argv[i]) != NULL) {
			reply_integer(call->reply, 0);
			return;
		}
	}
	for (size_t i = 1; i + 1 < call->argc; i += 2) {
		if (store_set(store, &call->argv[i], &call->argv[i + 1],
			      false) == NULL) {
			reply_no_memory(call->reply);
			return;
		}
	}
	reply_integer(call->reply, 1);
}

void
command_mget(struct call *call)
{
	reply_array(call->reply, call->argc - 1);
	for (size_t i = 1; i < call->argc; i++) {
		const struct entry *entry =
			store_read(&call->shard->store, &call->argv[i]);

		if (entry != NULL && entry->type != OBJECT_STRING)
			entry = NULL;
		reply_value(call->reply, entry);
	}
}

/* Append to the key's string, or make it one. 0, -EFBIG or -ENOMEM. */
static int
append_value(struct call *call, struct entry **ret_entry)
{
	struct store *store = &call->shard->store;
	const struct arg *more = &call->argv[2];
	size_t max = call->shard->server->options->bulk_max;

	if (*ret_entry == NULL) {
		*ret_entry = store_set(store, &call->argv[1], more, false);
		return *ret_entry != NULL ? 0 : -ENOMEM;
	}
	if ((*ret_entry)->value_length + more->length > max)
		return -EFBIG;
	return entry_append(*ret_entry, more->data, more->length);
}

void
command_append(struct call *call)
{
	struct entry *entry;
	int error;

	if (!typed_find(call, &call->argv[1], OBJECT_STRING, &entry))
		return;
	error = append_value(call, &entry);
	if (error == -EFBIG)
		reply_error(call->reply, "string exceeds maximum allowed size "
					 "(proto-max-bulk-len)");
	else if (error < 0)
		reply_no_memory(call->reply);
	else
		reply_integer(call->reply, (int64_t)entry->value_length);
}

void
command_strlen(struct call *call)
{
	struct entry *entry;

	if (typed_read(call, &call->argv[1], OBJECT_STRING, &entry))
		reply_integer(call->reply,
			      entry != NULL ? (int64_t)entry->value_length : 0);
}
