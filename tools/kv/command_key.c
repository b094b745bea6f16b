/*
 * Commands that care whether a key is there, not what its value is.
 */
#include "command.h"
#include "number.h"
#include "server.h"

void
command_del(struct call *call)
{
	struct store *store = &call->shard->store;
	int64_t removed = 0;

	for (size_t i = 1; i < call->argc; i++) {
		struct entry *entry = store_find(store, &call->argv[i]);

		if (entry == NULL)
			continue;
		watches_touch(&store->watches, &call->argv[i]);
		store_remove(store, entry);
		removed++;
	}
	/* Those that were there have been told of. */
	call->unchanged = true;
	reply_integer(call->reply, removed);
}

void
command_exists(struct call *call)
{
	int64_t found = 0;

	for (size_t i = 1; i < call->argc; i++)
		found +=
			store_read(&call->shard->store, &call->argv[i]) != NULL;
	reply_integer(call->reply, found);
}

void
command_type(struct call *call)
{
	const struct entry *entry =
		store_find(&call->shard->store, &call->argv[1]);

	reply_status(call->reply,
		     entry != NULL ? object_type_name(entry->type) : "none");
}

/* -- RENAME ---------------------------------------------------------------- */

static bool
is_same(const struct arg *one, const struct arg *other)
{
	return one->length == other->length &&
	       memcmp(one->data, other->data, one->length) == 0;
}

static void
rename_key(struct call *call, bool if_absent)
{
	struct store *store = &call->shard->store;
	struct entry *entry = store_find(store, &call->argv[1]);
	bool done = true;

	if (entry == NULL) {
		reply_error(call->reply, "no such key");
		return;
	}
	call->unchanged = is_same(&call->argv[1], &call->argv[2]);
	if (if_absent && store_find(store, &call->argv[2]) != NULL)
		done = false;
	else if (!call->unchanged &&
		 !store_rename(store, entry, &call->argv[2])) {
		reply_no_memory(call->reply);
		return;
	}
	if (if_absent)
		reply_integer(call->reply, done);
	else
		reply_ok(call->reply);
}

void
command_rename(struct call *call)
{
	rename_key(call, false);
}

void
command_renamenx(struct call *call)
{
	rename_key(call, true);
}

/* -- expiry and number ----------------------------------------------------- */

void
command_persist(struct call *call)
{
	struct store *store = &call->shard->store;
	struct entry *entry = store_find(store, &call->argv[1]);

	reply_integer(call->reply,
		      entry != NULL && store_persist(store, entry));
}

void
command_dbsize(struct call *call)
{
	reply_integer(call->reply, (int64_t)store_count(&call->shard->store));
}

/* SYNC and ASYNC are taken and mean the same. */
bool
command_flush_check(struct call *call)
{
	if (call->argc == 1 ||
	    (call->argc == 2 && (ARG_IS(&call->argv[1], "sync") ||
				 ARG_IS(&call->argv[1], "async"))))
		return true;
	reply_syntax_error(call->reply);
	return false;
}

static void
touch_if_there(void *arg, const struct arg *key)
{
	struct store *store = arg;

	if (store_find(store, key) != NULL)
		watches_touch(&store->watches, key);
}

void
command_flush(struct call *call)
{
	struct store *store = &call->shard->store;

	watches_visit(&store->watches, 0, touch_if_there, store);
	store_clear(store);
	reply_ok(call->reply);
}

/* -- MEMORY ---------------------------------------------------------------- */

/* SAMPLES is for what Redis would estimate; here all is counted. */
bool
command_memory_check(struct call *call)
{
	static const struct subcommand list[] = {
		{ "USAGE", -3, command_memory,
		  "Return how many bytes a key and its value take." },
		{ NULL, 0, NULL, NULL },
	};
	int64_t samples = 0;

	if (!subcommand_check(call, list))
		return false;
	if (call->argc == 3)
		return true;
	if (call->argc != 5 || !ARG_IS(&call->argv[3], "samples")) {
		reply_syntax_error(call->reply);
		return false;
	}
	if (!number_parse(call->argv[4].data, call->argv[4].length, &samples)) {
		reply_not_integer(call->reply);
		return false;
	}
	if (samples < 0) {
		reply_syntax_error(call->reply);
		return false;
	}
	return true;
}

void
command_memory(struct call *call)
{
	const struct entry *entry =
		store_find(&call->shard->store, &call->argv[2]);

	if (entry != NULL)
		reply_integer(call->reply, (int64_t)entry_memory(entry));
	else
		reply_null(call->reply);
}
