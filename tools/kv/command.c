/*
 * The table, and the errors that are found by looking at it.
 */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>

#include "connection.h"
#include "server.h"
#include "types.h"

#define W COMMAND_WRITE
#define R COMMAND_READONLY
#define F COMMAND_FAST
#define P COMMAND_PUBSUB
#define A COMMAND_ANYTIME
#define N COMMAND_NESTED
#define S COMMAND_STRANGER
#define G COMMAND_GROWS
#define O COMMAND_AT_ONCE
#define E COMMAND_ALONE
#define T COMMAND_TELLS

/* The longest name there is, to copy one for a search. */
#define NAME_MAX_LENGTH 16

/*
 * How much of what was discarded an argument of a command that takes memory
 * has freed: what becomes garbage was an argument once, and goes faster than
 * it came.
 */
#define FREED_AN_ARGUMENT 2

/* What an error message repeats of a name and of all arguments, as Redis. */
#define QUOTED_MAX 128

/* One key; several keys, or keys and values; none; all shards. */
#define KEY(name, arity, flags, run)                                         \
	{                                                                    \
		name, arity, flags, ROUTE_KEY, 1, 1, GATHER_NEVER, run, NULL \
	}
#define KEYS(name, arity, flags, step, gather, run, check)                   \
	{                                                                    \
		name, arity, flags, ROUTE_KEYS, -1, step, gather, run, check \
	}
/* Several keys, which share a shard. */
#define TOGETHER(name, arity, flags, last, step, run, check)                  \
	{                                                                     \
		name, arity, flags, ROUTE_TOGETHER, last, step, GATHER_NEVER, \
			run, check                                            \
	}
#define COUNTED(name, arity, flags, run)                                    \
	{                                                                   \
		name, arity, flags, ROUTE_COUNTED, 0, 0, GATHER_NEVER, run, \
			NULL                                                \
	}
#define SUBKEY(name, arity, flags, run, check)                             \
	{                                                                  \
		name, arity, flags, ROUTE_SUBKEY, 2, 1, GATHER_NEVER, run, \
			check                                              \
	}
#define HOME(name, arity, flags, run)                                         \
	{                                                                     \
		name, arity, flags, ROUTE_HOME, 0, 0, GATHER_NEVER, run, NULL \
	}
#define TURN(name, arity, flags, run)                                         \
	{                                                                     \
		name, arity, flags, ROUTE_TURN, 0, 0, GATHER_NEVER, run, NULL \
	}
#define PUBLISH(name, arity, flags, run)                                    \
	{                                                                   \
		name, arity, flags, ROUTE_PUBLISH, 0, 0, GATHER_NEVER, run, \
			NULL                                                \
	}
#define ALL(name, arity, flags, gather, run, check)                     \
	{                                                               \
		name, arity, flags, ROUTE_ALL, 0, 0, gather, run, check \
	}
#define CURSOR(name, arity, flags, run)                                    \
	{                                                                  \
		name, arity, flags, ROUTE_CURSOR, 0, 0, GATHER_NEVER, run, \
			NULL                                               \
	}

/* In the order of the names, which is how they are found. */
static const struct command table[] = {
	KEY("append", 3, W | G | F, command_append),
	HOME("auth", -2, F | S, command_auth),
	ALL("client", -2, N, GATHER_LINES, command_client,
	    command_client_check),
	HOME("command", -1, N, command_command),
	HOME("config", -2, N, command_config),
	ALL("dbsize", 1, R | F, GATHER_SUM, command_dbsize, NULL),
	KEY("decr", 2, W | G | F, command_decr),
	KEY("decrby", 3, W | G | F, command_decrby),
	KEYS("del", -2, W, 1, GATHER_SUM, command_del, NULL),
	HOME("discard", 1, F | O, command_discard),
	HOME("echo", 2, F | E, command_echo),
	{ "exec", 1, O, ROUTE_EXEC, 0, 0, GATHER_NEVER, command_exec,
	  command_exec_check },
	KEYS("exists", -2, R | F, 1, GATHER_SUM, command_exists, NULL),
	KEY("expire", -3, W | T | F, command_expire),
	KEY("expireat", -3, W | T | F, command_expireat),
	KEY("expiretime", 2, R | F, command_expiretime),
	ALL("flushall", -1, W, GATHER_STATUS, command_flush,
	    command_flush_check),
	ALL("flushdb", -1, W, GATHER_STATUS, command_flush,
	    command_flush_check),
	KEY("get", 2, R | F, command_get),
	KEY("getdel", 2, W | T | F, command_getdel),
	KEY("getex", -2, W | F, command_getex),
	KEY("getrange", 4, R, command_getrange),
	KEY("getset", 3, W | G | F, command_getset),
	KEY("hdel", -3, W | T | F, command_hdel),
	HOME("hello", -1, F | S, command_hello),
	KEY("hexists", 3, R | F, command_hexists),
	KEY("hget", 3, R | F, command_hget),
	KEY("hgetall", 2, R, command_hgetall),
	KEY("hincrby", 4, W | G | F, command_hincrby),
	KEY("hincrbyfloat", 4, W | G | F, command_hincrbyfloat),
	KEY("hkeys", 2, R, command_hkeys),
	KEY("hlen", 2, R | F, command_hlen),
	KEY("hmget", -3, R | F, command_hmget),
	KEY("hmset", -4, W | G | F, command_hmset),
	KEY("hrandfield", -2, R, command_hrandfield),
	KEY("hscan", -3, R, command_hscan),
	KEY("hset", -4, W | G | F, command_hset),
	KEY("hsetnx", 4, W | T | G | F, command_hsetnx),
	KEY("hstrlen", 3, R | F, command_hstrlen),
	KEY("hvals", 2, R, command_hvals),
	KEY("incr", 2, W | G | F, command_incr),
	KEY("incrby", 3, W | G | F, command_incrby),
	KEY("incrbyfloat", 3, W | G | F, command_incrbyfloat),
	ALL("info", -1, 0, GATHER_INFO, command_info, NULL),
	KEY("lindex", 3, R, command_lindex),
	KEY("linsert", 5, W | T | G, command_linsert),
	KEY("llen", 2, R | F, command_llen),
	TOGETHER("lmove", 5, W | T | G, 2, 1, command_lmove, NULL),
	KEY("lpop", -2, W | T | F, command_lpop),
	KEY("lpos", -3, R, command_lpos),
	KEY("lpush", -3, W | G | F, command_lpush),
	KEY("lpushx", -3, W | T | G | F, command_lpushx),
	KEY("lrange", 4, R, command_lrange),
	KEY("lrem", 4, W | T, command_lrem),
	KEY("lset", 4, W | G, command_lset),
	KEY("ltrim", 4, W, command_ltrim),
	SUBKEY("memory", -2, R | N, command_memory, command_memory_check),
	KEYS("mget", -2, R | F, 1, GATHER_BULKS, command_mget, NULL),
	KEYS("mset", -3, W | G, 2, GATHER_STATUS, command_mset,
	     command_mset_check),
	TOGETHER("msetnx", -3, W | T | G, -1, 2, command_msetnx,
		 command_mset_check),
	HOME("multi", 1, F | O, command_multi),
	KEY("persist", 2, W | T | F, command_persist),
	KEY("pexpire", -3, W | T | F, command_pexpire),
	KEY("pexpireat", -3, W | T | F, command_pexpireat),
	KEY("pexpiretime", 2, R | F, command_pexpiretime),
	HOME("ping", -1, F | A | E, command_ping),
	KEY("psetex", 4, W | G, command_psetex),
	TURN("psubscribe", -2, P | A, command_psubscribe),
	KEY("pttl", 2, R | F, command_pttl),
	PUBLISH("publish", 3, P | F, command_publish),
	ALL("pubsub", -2, N, GATHER_UNION, command_pubsub,
	    command_pubsub_check),
	TURN("punsubscribe", -1, P | A, command_punsubscribe),
	/* Redis looks at QUIT before it counts arguments. */
	HOME("quit", -1, F | A | S | O, command_quit),
	TOGETHER("rename", 3, W, 2, 1, command_rename, NULL),
	TOGETHER("renamenx", 3, W | T | F, 2, 1, command_renamenx, NULL),
	TURN("reset", 1, F | A | S | O, command_reset),
	KEY("rpop", -2, W | T | F, command_rpop),
	TOGETHER("rpoplpush", 3, W | T | G, 2, 1, command_rpoplpush, NULL),
	KEY("rpush", -3, W | G | F, command_rpush),
	KEY("rpushx", -3, W | T | G | F, command_rpushx),
	KEY("sadd", -3, W | T | G | F, command_sadd),
	CURSOR("scan", -2, R, command_scan),
	KEY("scard", 2, R | F, command_scard),
	TOGETHER("sdiff", -2, R, -1, 1, command_sdiff, NULL),
	TOGETHER("sdiffstore", -3, W | G, -1, 1, command_sdiffstore, NULL),
	HOME("select", 2, F | E, command_select),
	KEY("set", -3, W | G, command_set),
	KEY("setex", 4, W | G, command_setex),
	KEY("setnx", 3, W | T | G | F, command_setnx),
	KEY("setrange", 4, W | G, command_setrange),
	TOGETHER("sinter", -2, R, -1, 1, command_sinter, NULL),
	COUNTED("sintercard", -3, R, command_sintercard),
	TOGETHER("sinterstore", -3, W | G, -1, 1, command_sinterstore, NULL),
	KEY("sismember", 3, R | F, command_sismember),
	ALL("slowlog", -2, N, GATHER_SLOW, command_slowlog,
	    command_slowlog_check),
	KEY("smembers", 2, R, command_sinter),
	KEY("smismember", -3, R | F, command_smismember),
	TOGETHER("smove", 4, W | T | F, 2, 1, command_smove, NULL),
	KEY("spop", -2, W | T | F, command_spop),
	KEY("srandmember", -2, R, command_srandmember),
	KEY("srem", -3, W | T | F, command_srem),
	KEY("sscan", -3, R, command_sscan),
	KEY("strlen", 2, R | F, command_strlen),
	TURN("subscribe", -2, P | A, command_subscribe),
	KEY("substr", 4, R, command_getrange),
	TOGETHER("sunion", -2, R, -1, 1, command_sunion, NULL),
	TOGETHER("sunionstore", -3, W | G, -1, 1, command_sunionstore, NULL),
	HOME("time", 1, F | E, command_time),
	KEYS("touch", -2, R | F, 1, GATHER_SUM, command_exists, NULL),
	KEY("ttl", 2, R | F, command_ttl),
	KEY("type", 2, R | F, command_type),
	KEYS("unlink", -2, W | F, 1, GATHER_SUM, command_del, NULL),
	TURN("unsubscribe", -1, P | A, command_unsubscribe),
	HOME("unwatch", 1, F | E, command_unwatch),
	{ "watch", -2, F | O, ROUTE_WATCH, -1, 1, GATHER_NEVER, command_watch,
	  command_watch_check },
	KEY("zadd", -4, W | G | F, command_zadd),
	KEY("zcard", 2, R | F, command_zcard),
	KEY("zcount", 4, R | F, command_zcount),
	KEY("zincrby", 4, W | G | F, command_zincrby),
	KEY("zlexcount", 4, R | F, command_zlexcount),
	KEY("zmscore", -3, R | F, command_zmscore),
	KEY("zpopmax", -2, W | T | F, command_zpopmax),
	KEY("zpopmin", -2, W | T | F, command_zpopmin),
	KEY("zrandmember", -2, R, command_zrandmember),
	KEY("zrange", -4, R, command_zrange),
	KEY("zrangebylex", -4, R, command_zrangebylex),
	KEY("zrangebyscore", -4, R, command_zrangebyscore),
	KEY("zrank", 3, R | F, command_zrank),
	KEY("zrem", -3, W | T | F, command_zrem),
	KEY("zremrangebylex", 4, W | T, command_zremrangebylex),
	KEY("zremrangebyrank", 4, W | T, command_zremrangebyrank),
	KEY("zremrangebyscore", 4, W | T, command_zremrangebyscore),
	KEY("zrevrange", -4, R, command_zrevrange),
	KEY("zrevrangebylex", -4, R, command_zrevrangebylex),
	KEY("zrevrangebyscore", -4, R, command_zrevrangebyscore),
	KEY("zrevrank", 3, R | F, command_zrevrank),
	KEY("zscan", -3, R, command_zscan),
	KEY("zscore", 3, R | F, command_zscore),
};

#define TABLE_COUNT (sizeof(table) / sizeof(table[0]))

static int
compare_name(const void *name, const void *command)
{
	return strcmp(name, ((const struct command *)command)->name);
}

const struct command *
command_find(const struct arg *name)
{
	char lower[NAME_MAX_LENGTH + 1];

	if (name->length > NAME_MAX_LENGTH)
		return NULL;
	for (size_t i = 0; i < name->length; i++) {
		char c = name->data[i];

		lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
		if (c == '\0')
			return NULL;
	}
	lower[name->length] = '\0';
	return bsearch(lower, table, TABLE_COUNT, sizeof(table[0]),
		       compare_name);
}

const struct command *
command_table(size_t *ret_count)
{
	*ret_count = TABLE_COUNT;
	return table;
}

bool
command_takes(int arity, size_t argc)
{
	return arity >= 0 ? argc == (size_t)arity : argc >= (size_t)-arity;
}

/*
 * Tell whether a reply says that nothing was done. Where memory ran out, some
 * of it may have been.
 */
static bool
says_nothing(const struct call *call, size_t before)
{
	static const char *const nothing[] = { ":0\r",  ":-1\r", "$-1\r",
					       "*-1\r", "*0\r",  "~0\r",
					       "_\r" };
	const struct bytes *bytes = call->reply->bytes;
	const char *reply = bytes->data + before;
	size_t length = bytes->length - before;

	if (length == 0)
		return false;
	if (reply[0] == '-')
		return length < 4 || memcmp(reply, "-OOM", 4) != 0;
	if ((call->command->flags & COMMAND_TELLS) == 0)
		return false;
	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		if (length > strlen(nothing[i]) &&
		    memcmp(reply, nothing[i], strlen(nothing[i])) == 0)
			return true;
	return false;
}

/* Tell transactions of what a command has written, or may have. */
static void
touch_keys(struct call *call, size_t before)
{
	const struct command *command = call->command;
	struct watches *watches = &call->shard->store.watches;
	size_t step = (size_t)command->key_step;
	size_t end = command->key_last < 0 ? call->argc
					   : (size_t)command->key_last + 1;

	if (call->unchanged || step == 0 || says_nothing(call, before))
		return;
	for (size_t i = 1; i < end; i += step)
		watches_touch(watches, &call->argv[i]);
}

/* Run a command; nobody has looked yet whether there is room. */
static void
run_if_room(struct call *call)
{
	const struct command *command = call->command;
	struct store *store = &call->shard->store;
	size_t before = call->reply->bytes->length;

	if ((command->flags & COMMAND_GROWS) != 0)
		discards_free_some(&call->shard->store.discards,
				   FREED_AN_ARGUMENT * call->argc);
	if ((command->flags & COMMAND_GROWS) != 0 &&
	    !store_has_room(store, call->argv + 1, call->argc - 1)) {
		reply_no_memory(call->reply);
		return;
	}
	command->run(call);
	if ((command->flags & COMMAND_WRITE) != 0 &&
	    watches_any(&store->watches))
		touch_keys(call, before);
}

void
command_run(struct call *call)
{
	const struct shard *shard = call->shard;
	int64_t began_ns;

	if (shard->server->options->slow_ns < 0) {
		run_if_room(call);
		return;
	}
	began_ns = gyre_loop_time(shard->loop);
	run_if_room(call);
	call->took_ns = gyre_loop_time(shard->loop) - began_ns;
}

/* How much of an argument a message may show; it ends at a NUL. */
static int
shown(const struct arg *arg, size_t max)
{
	return (int)strnlen(arg->data, arg->length < max ? arg->length : max);
}

void
command_reply_unknown(struct reply *reply, const struct arg *argv, size_t argc)
{
	char args[2 * QUOTED_MAX] = "";
	size_t length = 0;

	for (size_t i = 1; i < argc && length < QUOTED_MAX; i++)
		length += (size_t)snprintf(
			args + length, sizeof(args) - length, "'%.*s' ",
			shown(&argv[i], QUOTED_MAX - length), argv[i].data);
	reply_errorf(reply,
		     "unknown command '%.*s', with args beginning with: %s",
		     shown(&argv[0], QUOTED_MAX), argv[0].data, args);
}

void
command_reply_aborted(struct reply *reply, size_t before)
{
	char text[2 * QUOTED_MAX];
	size_t length = reply->bytes->length - before;
	size_t skipped;

	if (reply->bytes->failed)
		return;
	/* The usual code is left out, as Redis does. */
	skipped = memcmp(reply->bytes->data + before, "-ERR ", 5) == 0 ? 5 : 1;
	snprintf(text, sizeof(text),
		 "EXECABORT Transaction discarded because of: %.*s",
		 (int)(length - skipped - strlen("\r\n")),
		 reply->bytes->data + before + skipped);
	reply->bytes->length = before;
	reply_error_code(reply, text);
}

void
command_reply_subscribed(struct reply *reply, const char *full_name)
{
	reply_errorf(reply,
		     "Can't execute '%s': only (P|S)SUBSCRIBE / "
		     "(P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
		     "this context",
		     full_name);
}

static void
reply_help(struct call *call, const struct subcommand *list)
{
	char line[96];
	size_t count = 0;

	while (list[count].name != NULL)
		count++;
	reply_array(call->reply, 2 * count + 3);
	snprintf(line, sizeof(line),
		 "%s <subcommand> [<arg> [value] [opt] ...]. "
		 "Subcommands are:",
		 call->command->name);
	for (char *c = line; *c != ' '; c++)
		*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
	reply_status(call->reply, line);
	for (size_t i = 0; i < count; i++) {
		reply_status(call->reply, list[i].name);
		snprintf(line, sizeof(line), "    %s", list[i].help);
		reply_status(call->reply, line);
	}
	reply_status(call->reply, "HELP");
	reply_status(call->reply, "    Prints this help.");
}

static void
reply_unknown_subcommand(struct call *call)
{
	char upper[NAME_MAX_LENGTH + 1] = "";

	for (size_t i = 0; call->command->name[i] != '\0'; i++)
		upper[i] = (char)(call->command->name[i] - 'a' + 'A');
	reply_errorf(call->reply, "unknown subcommand '%.*s'. Try %s HELP.",
		     shown(&call->argv[1], QUOTED_MAX), call->argv[1].data,
		     upper);
}

/* Find what is wrong without a look at what it would do, and reply so. */
static bool
is_subcommand_refused(struct call *call, const struct subcommand *subcommand)
{
	char full_name[2 * NAME_MAX_LENGTH + 2];

	snprintf(full_name, sizeof(full_name), "%s|%s", call->command->name,
		 subcommand->name);
	for (char *c = full_name; *c != '\0'; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	if (!command_takes(subcommand->arity, call->argc))
		reply_wrong_arity(call->reply, full_name);
	else if (connection_is_receiver(call->connection))
		command_reply_subscribed(call->reply, full_name);
	else
		return false;
	return true;
}

/* Find the subcommand; NULL: there is none to run, and the reply says why. */
static const struct subcommand *
find_subcommand(struct call *call, const struct subcommand *list)
{
	static const struct subcommand help = { "HELP", 2, NULL, NULL };
	const struct arg *name = &call->argv[1];
	const struct subcommand *at = list;

	while (at->name != NULL && !arg_is(name, at->name, strlen(at->name)))
		at++;
	if (at->name == NULL && ARG_IS(name, "help"))
		at = &help;
	if (at->name == NULL) {
		reply_unknown_subcommand(call);
		return NULL;
	}
	if (is_subcommand_refused(call, at))
		return NULL;
	if (call->connection != NULL)
		call->connection->subcommand = at->name;
	if (at != &help)
		return at;
	reply_help(call, list);
	return NULL;
}

bool
subcommand_check(struct call *call, const struct subcommand *list)
{
	return find_subcommand(call, list) != NULL;
}

void
subcommand_run(struct call *call, const struct subcommand *list)
{
	const struct subcommand *subcommand = find_subcommand(call, list);

	if (subcommand != NULL)
		subcommand->run(call);
}
