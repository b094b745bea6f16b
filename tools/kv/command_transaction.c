/*
 * MULTI, EXEC, DISCARD, WATCH and UNWATCH. All but the running is on the
 * connection's loop; EXEC and WATCH run on the shard of the keys.
 */
#include "command.h"
#include "connection.h"
#include "router.h"
#include "server.h"

/* -- at home --------------------------------------------------------------- */

void
command_multi(struct call *call)
{
	struct transaction *transaction = &call->connection->transaction;

	if (transaction->open) {
		reply_error(call->reply, "MULTI calls can not be nested");
		return;
	}
	transaction_begin(transaction);
	reply_ok(call->reply);
}

bool
command_exec_check(struct call *call)
{
	const struct transaction *transaction = &call->connection->transaction;

	if (!transaction->open) {
		reply_error(call->reply, "EXEC without MULTI");
		return false;
	}
	if (transaction->refused) {
		router_end_transaction(call->connection);
		reply_error_code(call->reply,
				 "EXECABORT Transaction discarded because of "
				 "previous errors.");
		return false;
	}
	return true;
}

void
command_discard(struct call *call)
{
	if (!call->connection->transaction.open) {
		reply_error(call->reply, "DISCARD without MULTI");
		return;
	}
	router_end_transaction(call->connection);
	reply_ok(call->reply);
}

bool
command_watch_check(struct call *call)
{
	if (!call->connection->transaction.open)
		return true;
	reply_error(call->reply, "WATCH inside MULTI is not allowed");
	return false;
}

/* In a transaction nothing is watched any more. */
void
command_unwatch(struct call *call)
{
	if (call->connection != NULL && !call->connection->transaction.open)
		router_end_transaction(call->connection);
	reply_ok(call->reply);
}

/* -- on the shard of the keys ---------------------------------------------- */

/* The name carries who watches. */
void
command_watch(struct call *call)
{
	struct store *store = &call->shard->store;

	for (size_t i = 1; i < call->argc; i++) {
		/* One that has expired is not there from the first. */
		store_find(store, &call->argv[i]);
		if (watches_add(&store->watches, call->argv[0].hash,
				&call->argv[i]) < 0) {
			reply_no_memory(call->reply);
			return;
		}
	}
	reply_ok(call->reply);
}

static void
forget(struct call *call)
{
	watches_end(&call->shard->store.watches, call->argv[0].hash);
	reply_ok(call->reply);
}

const struct command command_forget_watches = {
	.name = "unwatch",
	.arity = 1,
	.route = ROUTE_WATCH,
	.run = forget,
};

/* A key whose time has come has changed, even if nobody has looked yet. */
static void
look_at(void *arg, const struct arg *key)
{
	store_find(arg, key);
}

static bool
has_changed(struct store *store, uint64_t watcher)
{
	if (watcher == 0)
		return false;
	watches_visit(&store->watches, watcher, look_at, store);
	return watches_end(&store->watches, watcher);
}

static size_t
count_commands(const struct call *call)
{
	size_t count = 0;
	size_t step;

	for (size_t at = 1; at < call->argc; at += step) {
		transaction_unpack(&call->argv[at], &step);
		count++;
	}
	return count;
}

void
command_exec(struct call *call)
{
	size_t step;

	if (has_changed(&call->shard->store, call->argv[0].hash)) {
		reply_null_array(call->reply);
		return;
	}
	reply_array(call->reply, count_commands(call));
	for (size_t at = 1; at < call->argc; at += step) {
		struct call one = *call;

		one.argv = &call->argv[at];
		one.command = transaction_unpack(one.argv, &one.argc);
		step = one.argc;
		if (one.command->check == NULL || one.command->check(&one))
			command_run(&one);
	}
}
