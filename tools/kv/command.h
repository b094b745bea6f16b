/*
 * What the commands are: the table, and what one of them gets to run with.
 *
 * A command runs where its key lives, on a shard that need not be the one the
 * client is connected to, so it sees a store and a reply and no connection.
 * Only those that ROUTE_HOME, ROUTE_TURN and ROUTE_PUBLISH mark belong to a
 * connection and run on its loop.
 */
#ifndef KV_COMMAND_H
#define KV_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "arg.h"
#include "bytes.h"
#include "reply.h"

struct connection;
struct shard;

/* Where a command runs. */
enum route {
	ROUTE_HOME, /* on the connection's loop; it has no key */
	ROUTE_TURN, /* there too, once all before it has been done */
	/* There too, once all before it but the like has been done. */
	ROUTE_PUBLISH,
	ROUTE_KEY,    /* on the shard of its one key, argv[1] */
	ROUTE_SUBKEY, /* on the shard of its subcommand's one key, argv[2] */
	ROUTE_KEYS,   /* on the shards of its keys, argv[1] and so on */
	/* On the one shard of its keys, argv[1] and so on. */
	ROUTE_TOGETHER,
	/* On the one shard of its keys, argv[2] and so on: argv[1] of them. */
	ROUTE_COUNTED,
	ROUTE_ALL,    /* on every shard */
	ROUTE_CURSOR, /* on the shard that its cursor, argv[1], is at */
	ROUTE_WATCH,  /* on the shard of its keys, which are a transaction's */
	ROUTE_EXEC,   /* on the shard of the transaction */
};

/* How the replies of several shards become one. */
enum gather_kind {
	GATHER_NEVER,       /* there is only ever one */
	GATHER_SUM,         /* integers */
	GATHER_STATUS,      /* one for all */
	GATHER_BULKS,       /* an array of bulk strings in the keys' order */
	GATHER_INFO,        /* counters, to be written as INFO does */
	GATHER_UNION,       /* an array of what is in any of the arrays, once */
	GATHER_UNION_COUNT, /* how many that are */
	GATHER_LINES,       /* texts of lines about clients, by their ids */
	GATHER_ANY,         /* integers: is any of them not 0? */
	GATHER_SLOW,        /* slow commands, the newest first */
	GATHER_COUNTS, /* arrays of bulk strings and integers, to be added */
};

enum command_flags {
	COMMAND_WRITE = 1,
	COMMAND_READONLY = 2,
	COMMAND_FAST = 4,
	COMMAND_PUBSUB = 8,
	COMMAND_ANYTIME = 16,  /* also of a connection that subscribes */
	COMMAND_NESTED = 32,   /* it has subcommands */
	COMMAND_STRANGER = 64, /* also before the password was given */
	COMMAND_GROWS = 128,   /* it takes memory, and is refused without */
	COMMAND_AT_ONCE = 256, /* in a transaction it does not wait for EXEC */
	COMMAND_ALONE = 512,   /* it needs no key and no connection */
	/* It replies 0, nothing or -1 if it has changed nothing. */
	COMMAND_TELLS = 1024,
};

struct call;

struct command {
	const char *name;
	int arity; /* with the name; -n: at least n */
	unsigned flags;
	enum route route;
	int key_last; /* as COMMAND tells it; -1: the last argument */
	int key_step; /* arguments from one key to the next */
	enum gather_kind gather;
	void (*run)(struct call *call);
	/*
	 * Look at the arguments on the connection's loop, before any shard
	 * has begun: reply and answer false if they are wrong. NULL: run
	 * does it.
	 */
	bool (*check)(struct call *call);
};

struct call {
	const struct command *command;
	const struct arg *argv;
	size_t argc;
	struct reply *reply;
	struct shard *shard;           /* whose thread this is */
	struct connection *connection; /* NULL: it may be another shard's */
	enum gather_kind gather;       /* the command's, or what check says */
	size_t limit;                  /* of what is gathered; 0: none */
	int64_t took_ns; /* once it has run; 0 if nobody measures */
	bool unchanged;  /* what it writes is as it was, or has been told */
};

/* Find a command by its name, in either case; NULL: there is none. */
const struct command *command_find(const struct arg *name);

/* The whole table, in the order of the names. */
const struct command *command_table(size_t *ret_count);

/* Tell whether so many arguments suit the arity. */
bool command_takes(int arity, size_t argc);

/* Run a command whose arguments are right, if there is room for it. */
void command_run(struct call *call);

/* Reply as Redis does to a name that is no command's. */
void command_reply_unknown(struct reply *reply, const struct arg *argv,
			   size_t argc);

/* Make of an error, which begins at an offset, that of an EXEC. */
void command_reply_aborted(struct reply *reply, size_t before);

/* Reply that a connection that subscribes may not do this. */
void command_reply_subscribed(struct reply *reply, const char *full_name);

/* A command of a command, such as CLIENT ID. */
struct subcommand {
	const char *name;
	int arity; /* with both names */
	void (*run)(struct call *call);
	const char *help;
};

/* Tell whether argv[1] names a subcommand and its arguments suit; else reply.
 */
bool subcommand_check(struct call *call, const struct subcommand *list);

/* Run the subcommand that argv[1] names; the list ends with a NULL name. */
void subcommand_run(struct call *call, const struct subcommand *list);

/* -- what the table names, by file ----------------------------------------- */

/* command_string.c */
void command_set(struct call *call);
void command_get(struct call *call);
void command_getdel(struct call *call);
void command_getset(struct call *call);
void command_setnx(struct call *call);
void command_setex(struct call *call);
void command_psetex(struct call *call);
void command_mset(struct call *call);
bool command_mset_check(struct call *call);
void command_mget(struct call *call);
void command_append(struct call *call);
void command_strlen(struct call *call);
void command_msetnx(struct call *call);

/* command_range.c */
void command_getrange(struct call *call);
void command_setrange(struct call *call);

/* command_number.c */
void command_incr(struct call *call);
void command_decr(struct call *call);
void command_incrby(struct call *call);
void command_decrby(struct call *call);
void command_incrbyfloat(struct call *call);

/* command_key.c */
void command_del(struct call *call);
void command_exists(struct call *call);
void command_type(struct call *call);
void command_rename(struct call *call);
void command_renamenx(struct call *call);
void command_persist(struct call *call);
void command_dbsize(struct call *call);
void command_flush(struct call *call);
bool command_flush_check(struct call *call);

void command_memory(struct call *call);
bool command_memory_check(struct call *call);

/* command_expire.c */
void command_expire(struct call *call);
void command_pexpire(struct call *call);
void command_expireat(struct call *call);
void command_pexpireat(struct call *call);
void command_getex(struct call *call);
void command_ttl(struct call *call);
void command_pttl(struct call *call);
void command_expiretime(struct call *call);
void command_pexpiretime(struct call *call);

/* command_scan.c */
void command_scan(struct call *call);
/* Read SCAN's cursor; false: it is none. */
bool command_scan_cursor(const struct arg *text, uint64_t *ret_cursor);

/* command_connection.c */
void command_ping(struct call *call);
void command_echo(struct call *call);
void command_quit(struct call *call);
void command_select(struct call *call);
void command_reset(struct call *call);

/* command_client.c */
void command_client(struct call *call);
bool command_client_check(struct call *call);

/*
 * Give the connection a name, or take it away if it is empty. If that can't
 * be, reply why and answer false.
 */
bool command_set_name(struct call *call, const struct arg *name);

/* command_auth.c */
void command_auth(struct call *call);
void command_hello(struct call *call);

/* command_pubsub.c */
void command_subscribe(struct call *call);
void command_unsubscribe(struct call *call);
void command_psubscribe(struct call *call);
void command_punsubscribe(struct call *call);
void command_publish(struct call *call);
void command_pubsub(struct call *call);
bool command_pubsub_check(struct call *call);

/* command_slowlog.c */
void command_slowlog(struct call *call);
bool command_slowlog_check(struct call *call);

/* command_transaction.c */
void command_multi(struct call *call);
void command_exec(struct call *call);
bool command_exec_check(struct call *call);
void command_discard(struct call *call);
void command_watch(struct call *call);
bool command_watch_check(struct call *call);
void command_unwatch(struct call *call);
/* What a connection that watches no more sends to the shard of its keys. */
extern const struct command command_forget_watches;

/* command_server.c */
void command_time(struct call *call);
void command_command(struct call *call);
void command_config(struct call *call);
/* info.c */
void command_info(struct call *call);

#endif
