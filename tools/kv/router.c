/*
 * Order: a shard gets a connection's commands in the order they came, since
 * they all go through one lane, and the own shard runs them as they come. Two
 * commands that could tell their order share a key, hence a shard; a command
 * over several shards has its part in each shard's order. So one client sees
 * what it would see of a server that runs one command after the other.
 */
#include "router.h"

#include "batch.h"
#include "command.h"
#include "connection.h"
#include "gather.h"
#include "info.h"
#include "lane.h"
#include "number.h"
#include "server.h"
#include "slowlog.h"

/* A command on its way to several shards. */
struct fan {
	struct call *call;
	struct connection *connection;
	struct gather *gather;
	bool failed; /* memory ran out */
};

/* -- one shard ------------------------------------------------------------- */

static void
run_here(struct call *call, struct connection *connection)
{
	size_t before = call->reply->bytes->length;

	command_run(call);
	slowlog_add(connection, call->command, call->argv, call->argc,
		    call->took_ns);
	replies_add_local(&connection->replies,
			  call->reply->bytes->length - before);
}

static void
carry(struct connection *connection, struct batch *batch, const struct arg *arg)
{
	batch_add(batch, arg);
	connection->carried_bytes += arg->length;
}

static void
send_to(struct call *call, struct connection *connection, unsigned target)
{
	struct batch *batch = lane_batch(connection, target);

	if (batch == NULL) {
		connection_abort(connection);
		return;
	}
	batch_begin(batch, call->command, call->reply->resp3);
	for (size_t i = 0; i < call->argc; i++)
		carry(connection, batch, &call->argv[i]);
	replies_add_lane(&connection->replies, &connection->lanes[target]);
}

static void
route_to(struct call *call, struct connection *connection, unsigned target)
{
	if (target == connection->shard->index)
		run_here(call, connection);
	else
		send_to(call, connection, target);
}

/* -- several shards -------------------------------------------------------- */

/* Return the lane of the part that is the target's; begin it if it is new. */
static struct lane *
find_part(struct fan *fan, unsigned target)
{
	struct connection *connection = fan->connection;
	struct lane *lane = &connection->lanes[target];
	bool own = target == connection->shard->index;
	struct batch *batch;

	if (lane->serial == connection->serial)
		return lane;
	lane->serial = connection->serial;
	lane->part = gather_add_part(fan->gather, own ? NULL : lane);
	if (own)
		return lane;
	batch = lane_batch(connection, target);
	if (batch == NULL) {
		fan->failed = true;
		return lane;
	}
	batch_begin(batch, fan->call->command, false);
	carry(connection, batch, &fan->call->argv[0]);
	return lane;
}

/* Add arguments that follow one another; the own lane fills no batch. */
static void
add_to_part(struct fan *fan, const struct lane *lane, const struct arg *args,
	    size_t count)
{
	struct args *own = &fan->connection->shard->own_args;

	for (size_t i = 0; i < count && !fan->failed; i++) {
		struct arg *added;

		if (lane->filling != NULL) {
			carry(fan->connection, lane->filling, &args[i]);
			continue;
		}
		added = args_add(own);
		fan->failed |= added == NULL;
		if (added != NULL)
			*added = args[i];
	}
}

static void
run_own_part(struct fan *fan)
{
	struct call call = *fan->call;
	struct reply reply = { .bytes = call.reply->bytes };
	struct args *own = &call.shard->own_args;
	size_t before = reply.bytes->length;

	call.reply = &reply;
	call.argv = own->items;
	call.argc = own->count;
	command_run(&call);
	slowlog_add(fan->connection, call.command, call.argv, call.argc,
		    call.took_ns);
	fan->gather->own_length = reply.bytes->length - before;
}

/* Begin a fan; the own part's arguments begin with the name. */
static bool
begin_fan(struct fan *fan, size_t parts_max, size_t keys_max)
{
	struct args *own = &fan->connection->shard->own_args;
	struct arg *name;

	fan->gather = gather_new(fan->call->gather, parts_max, keys_max);
	args_reset(own, OWN_ARGS_KEEP_MAX);
	name = args_add(own);
	if (name != NULL)
		*name = fan->call->argv[0];
	if (fan->gather == NULL || name == NULL) {
		gather_free(fan->gather);
		connection_abort(fan->connection);
		return false;
	}
	fan->gather->limit = fan->call->limit;
	fan->gather->resp3 = fan->call->reply->resp3;
	fan->connection->serial++;
	return true;
}

static void
end_fan(struct fan *fan)
{
	struct connection *connection = fan->connection;
	const struct lane *own = &connection->lanes[connection->shard->index];

	if (fan->failed) {
		gather_free(fan->gather);
		connection_abort(connection);
		return;
	}
	if (own->serial == connection->serial)
		run_own_part(fan);
	replies_add_gather(&connection->replies, fan->gather);
}

static void
fan_out_keys(struct call *call, struct connection *connection)
{
	struct fan fan = { .call = call, .connection = connection };
	unsigned shards = connection->shard->server->shards_count;
	size_t step = (size_t)call->command->key_step;
	size_t keys = (call->argc - 1) / step;

	if (!begin_fan(&fan, keys < shards ? keys : shards, keys))
		return;
	for (size_t i = 1; i < call->argc && !fan.failed; i += step) {
		const struct arg *key = &call->argv[i];
		struct gather *gather = fan.gather;
		const struct lane *lane =
			find_part(&fan, keyhash_shard(key->hash, shards));

		gather->key_parts[gather->keys_count++] = (uint16_t)lane->part;
		add_to_part(&fan, lane, key, step);
	}
	end_fan(&fan);
}

static void
fan_out_all(struct call *call, struct connection *connection)
{
	struct fan fan = { .call = call, .connection = connection };
	unsigned shards = connection->shard->server->shards_count;

	if (!begin_fan(&fan, shards, 0))
		return;
	fan.gather->sections = info_sections(call->argv, call->argc);
	for (unsigned i = 0; i < shards && !fan.failed; i++)
		add_to_part(&fan, find_part(&fan, i), call->argv + 1,
			    call->argc - 1);
	end_fan(&fan);
}

/* -- keys ------------------------------------------------------------------ */

static unsigned
hash_key(const struct server *server, struct arg *key)
{
	key->hash = keyhash_of_key(&server->keyhash, key->data, key->length);
	return keyhash_shard(key->hash, server->shards_count);
}

/*
 * Find a command's keys; false: it has none, or their number is none, which
 * gets its error from the command.
 */
static bool
find_keys(const struct call *call, struct arg *argv, struct arg **ret_keys,
	  size_t *ret_count)
{
	int last = call->command->key_last;
	int64_t count;

	switch (call->command->route) {
	case ROUTE_KEY:
	case ROUTE_KEYS:
	case ROUTE_TOGETHER:
	case ROUTE_WATCH:
		*ret_keys = argv + 1;
		*ret_count = last < 0 ? call->argc - 1 : (size_t)last;
		return true;
	case ROUTE_SUBKEY:
		*ret_keys = argv + 2;
		*ret_count = 1;
		return true;
	case ROUTE_COUNTED:
		*ret_keys = argv + 2;
		if (!number_parse(argv[1].data, argv[1].length, &count) ||
		    count < 1 || (uint64_t)count > call->argc - 2)
			return false;
		*ret_count = (size_t)count;
		return true;
	default:
		return false;
	}
}

/* Hash keys; tell whether they are on one shard, and on which. */
static bool
find_shard(const struct call *call, struct arg *keys, size_t count,
	   unsigned *ret_shard)
{
	const struct server *server = call->shard->server;
	size_t step = call->command->route == ROUTE_COUNTED
			      ? 1
			      : (size_t)call->command->key_step;
	bool same = true;

	*ret_shard = hash_key(server, &keys[0]);
	for (size_t i = step; i < count; i += step)
		same &= hash_key(server, &keys[i]) == *ret_shard;
	return same;
}

static void
refuse_shards(struct call *call)
{
	reply_error_code(call->reply, "CROSSSLOT Keys in request don't hash to "
				      "the same slot");
}

/* Most commands with several keys have one, or one shard. */
static void
route_keys(struct call *call, struct connection *connection, struct arg *argv)
{
	size_t before = call->reply->bytes->length;
	struct arg *keys;
	size_t count;
	unsigned shard;

	if (!find_keys(call, argv, &keys, &count)) {
		run_here(call, connection);
	} else if (find_shard(call, keys, count, &shard)) {
		route_to(call, connection, shard);
	} else if (call->command->route == ROUTE_KEYS) {
		fan_out_keys(call, connection);
	} else {
		refuse_shards(call);
		replies_add_local(&connection->replies,
				  call->reply->bytes->length - before);
	}
}

static void
route_cursor(struct call *call, struct connection *connection)
{
	unsigned shards = connection->shard->server->shards_count;
	unsigned target = connection->shard->index;
	uint64_t cursor;

	/* One that is none gets its error from the command. */
	if (command_scan_cursor(&call->argv[1], &cursor))
		target = (unsigned)(cursor % shards);
	route_to(call, connection, target);
}

/* -- transactions ---------------------------------------------------------- */

/* Tell whether a command may wait for EXEC; else reply so. */
static bool
may_be_queued(struct call *call)
{
	const struct command *command = call->command;

	switch (command->route) {
	case ROUTE_KEY:
	case ROUTE_KEYS:
	case ROUTE_TOGETHER:
	case ROUTE_COUNTED:
		return true;
	case ROUTE_SUBKEY:
		return command->check == NULL || command->check(call);
	default:
		if ((command->flags & COMMAND_ALONE) != 0)
			return true;
		reply_error(call->reply,
			    "Command not allowed inside a transaction");
		return false;
	}
}

static bool
is_placed(struct call *call, struct connection *connection, struct arg *argv)
{
	struct arg *keys;
	size_t count;
	unsigned shard;

	if (!find_keys(call, argv, &keys, &count))
		return true;
	if (find_shard(call, keys, count, &shard) &&
	    transaction_place(&connection->transaction, shard))
		return true;
	refuse_shards(call);
	return false;
}

/* Let a command wait for EXEC, or reply why it can't. */
static void
queue_up(struct call *call, struct connection *connection, struct arg *argv)
{
	struct transaction *transaction = &connection->transaction;

	if (may_be_queued(call) && is_placed(call, connection, argv) &&
	    (transaction->refused || transaction_add(transaction, call)))
		reply_status(call->reply, "QUEUED");
	else
		transaction_refuse(transaction);
}

static void
route_watch(struct call *call, struct connection *connection, struct arg *argv)
{
	struct transaction *transaction = &connection->transaction;
	size_t before = call->reply->bytes->length;
	unsigned shard;

	if (!find_shard(call, argv + 1, call->argc - 1, &shard) ||
	    !transaction_place(transaction, shard)) {
		refuse_shards(call);
	} else if (transaction_watch(transaction, call)) {
		argv[0].hash = connection->id;
		route_to(call, connection, shard);
		return;
	}
	replies_add_local(&connection->replies,
			  call->reply->bytes->length - before);
}

/* One without keys runs here. */
static void
route_exec(struct call *call, struct connection *connection, struct arg *argv)
{
	struct transaction *transaction = &connection->transaction;
	struct arg *packed = transaction_pack(transaction, argv, &call->argc);

	packed[0].hash = transaction->watched > 0 ? connection->id : 0;
	call->argv = packed;
	route_to(call, connection,
		 transaction->placed ? transaction->shard
				     : connection->shard->index);
	transaction_end(transaction);
}

/* Have the shard forget what is watched there. */
static void
unwatch(struct connection *connection, unsigned target)
{
	static const char name[] = "UNWATCH";
	const struct arg arg = {
		.data = name,
		.length = sizeof(name) - 1,
		.hash = connection->id,
	};
	struct batch *batch;

	if (target == connection->shard->index) {
		watches_end(&connection->shard->store.watches, connection->id);
		return;
	}
	batch = lane_batch(connection, target);
	if (batch == NULL) {
		connection_abort(connection);
		return;
	}
	batch_begin(batch, &command_forget_watches, false);
	carry(connection, batch, &arg);
	if (!connection->closed)
		replies_add_unseen(&connection->replies,
				   &connection->lanes[target]);
}

void
router_end_transaction(struct connection *connection)
{
	struct transaction *transaction = &connection->transaction;

	if (transaction->watched > 0)
		unwatch(connection, transaction->shard);
	transaction_end(transaction);
}

/* -- which ----------------------------------------------------------------- */

static void
route(struct call *call, struct connection *connection, struct arg *argv)
{
	switch (call->command->route) {
	case ROUTE_HOME:
	case ROUTE_TURN:
	case ROUTE_PUBLISH:
		run_here(call, connection);
		break;
	case ROUTE_KEY:
	case ROUTE_SUBKEY:
	case ROUTE_KEYS:
	case ROUTE_TOGETHER:
	case ROUTE_COUNTED:
		route_keys(call, connection, argv);
		break;
	case ROUTE_ALL:
		fan_out_all(call, connection);
		break;
	case ROUTE_CURSOR:
		route_cursor(call, connection);
		break;
	case ROUTE_WATCH:
		route_watch(call, connection, argv);
		break;
	case ROUTE_EXEC:
		route_exec(call, connection, argv);
		break;
	}
}

/* Find what is wrong without a look at any key, and reply so. */
static bool
is_refused(struct call *call)
{
	const struct command *command = call->command;

	if (command == NULL) {
		command_reply_unknown(call->reply, call->argv, call->argc);
		return true;
	}
	if (!command_takes(command->arity, call->argc)) {
		reply_wrong_arity(call->reply, command->name);
		return true;
	}
	if (call->connection->locked &&
	    (command->flags & COMMAND_STRANGER) == 0) {
		reply_error_code(call->reply,
				 "NOAUTH Authentication required.");
		return true;
	}
	if (connection_is_receiver(call->connection) &&
	    (command->flags & COMMAND_ANYTIME) == 0 &&
	    ((command->flags & COMMAND_NESTED) == 0 || call->argc == 1)) {
		command_reply_subscribed(call->reply, command->name);
		return true;
	}
	return false;
}

/* In a transaction a command waits, or ends it, if it is refused. */
static bool
is_for_transaction(struct call *call, bool refused, size_t before,
		   struct arg *argv)
{
	struct connection *connection = call->connection;
	const struct command *command = call->command;

	if (refused && command != NULL && command->route == ROUTE_EXEC) {
		router_end_transaction(connection);
		command_reply_aborted(call->reply, before);
	} else if (!connection->transaction.open) {
		return false;
	} else if (refused) {
		transaction_refuse(&connection->transaction);
	} else if ((command->flags & COMMAND_AT_ONCE) == 0) {
		queue_up(call, connection, argv);
		return true;
	}
	return false;
}

bool
router_must_wait(const struct connection *connection,
		 const struct command *command)
{
	switch (command->route) {
	case ROUTE_HOME:
		return false;
	case ROUTE_TURN:
		return connection->lanes_busy > 0 ||
		       connection->publications > 0;
	case ROUTE_PUBLISH:
		return connection->lanes_busy > 0 ||
		       connection->shard->publications_full;
	default:
		return connection->publications > 0;
	}
}

const struct command *
router_dispatch(struct connection *connection, struct arg *argv, size_t argc)
{
	struct replies *replies = &connection->replies;
	size_t before = replies->local.length;
	struct reply reply = {
		.bytes = &replies->local,
		.resp3 = connection->resp3,
	};
	struct call call = {
		.command = command_find(&argv[0]),
		.argv = argv,
		.argc = argc,
		.reply = &reply,
		.shard = connection->shard,
		.connection = connection,
	};
	bool refused;

	if (call.command != NULL) {
		call.gather = call.command->gather;
		connection->command = call.command;
	}
	if (replies_reserve(replies) < 0) {
		connection_abort(connection);
		return NULL;
	}
	connection->subcommand = NULL;
	refused = is_refused(&call);
	if (is_for_transaction(&call, refused, before, argv))
		refused = true;
	else if (!refused)
		refused = call.command->check != NULL &&
			  !call.command->check(&call);
	if (!refused && router_must_wait(connection, call.command))
		return call.command;
	connection->shard->stats.commands++;
	if (refused)
		replies_add_local(replies, replies->local.length - before);
	else
		route(&call, connection, argv);
	if (replies->local.failed)
		connection_abort(connection);
	return NULL;
}
