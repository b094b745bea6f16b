/*
 * Commands that care whether a key is there, not what its value is.
 */
#include "command.h"
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
		store_remove(store, entry);
		removed++;
	}
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
	bool found = store_find(&call->shard->store, &call->argv[1]) != NULL;

	reply_status(call->reply, found ? "string" : "none");
}

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

void
command_flush(struct call *call)
{
	store_clear(&call->shard->store);
	reply_ok(call->reply);
}
