/*
 * The commands by which clients find out what they talk to.
 */
#include <inttypes.h>
#include <stdio.h>

#include "command.h"
#include "glob.h"
#include "number.h"
#include "server.h"

#define VALUE_MAX 128

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_US 1000

/* -- COMMAND --------------------------------------------------------------- */

static void
reply_flags(struct reply *reply, unsigned flags)
{
	static const struct {
		unsigned flag;
		const char *name;
	} names[] = {
		{ COMMAND_WRITE, "write" },   { COMMAND_READONLY, "readonly" },
		{ COMMAND_GROWS, "denyoom" }, { COMMAND_PUBSUB, "pubsub" },
		{ COMMAND_FAST, "fast" },
	};
	enum {
		NAMES = sizeof(names) / sizeof(names[0])
	};
	size_t count = 0;

	for (size_t i = 0; i < NAMES; i++)
		count += (flags & names[i].flag) != 0;
	reply_set_begin(reply, count);
	for (size_t i = 0; i < NAMES; i++) {
		if ((flags & names[i].flag) != 0)
			reply_status(reply, names[i].name);
	}
}

/* One command as Redis 7 describes it, without what it adds in prose. */
static void
reply_command(struct reply *reply, const struct command *command)
{
	reply_array(reply, 10);
	reply_text(reply, command->name);
	reply_integer(reply, command->arity);
	reply_flags(reply, command->flags);
	reply_integer(reply, command->key_step > 0); /* the first key */
	reply_integer(reply, command->key_last);
	reply_integer(reply, command->key_step);
	/* Categories, tips, key specifications, subcommands. */
	for (int i = 0; i < 4; i++)
		reply_set_begin(reply, 0);
}

static void
reply_all_commands(struct call *call)
{
	size_t count;
	const struct command *table = command_table(&count);

	reply_array(call->reply, count);
	for (size_t i = 0; i < count; i++)
		reply_command(call->reply, &table[i]);
}

static void
command_count(struct call *call)
{
	size_t count;

	command_table(&count);
	reply_integer(call->reply, (int64_t)count);
}

static void
command_list(struct call *call)
{
	size_t count;
	const struct command *table = command_table(&count);

	reply_array(call->reply, count);
	for (size_t i = 0; i < count; i++)
		reply_text(call->reply, table[i].name);
}

static void
command_info_of(struct call *call)
{
	if (call->argc == 2) {
		reply_all_commands(call);
		return;
	}
	reply_array(call->reply, call->argc - 2);
	for (size_t i = 2; i < call->argc; i++) {
		const struct command *command = command_find(&call->argv[i]);

		if (command != NULL)
			reply_command(call->reply, command);
		else
			reply_null(call->reply);
	}
}

/* No prose: redis-cli goes without hints then. */
static void
command_docs(struct call *call)
{
	reply_map_begin(call->reply, 0);
}

void
command_command(struct call *call)
{
	static const struct subcommand list[] = {
		{ "COUNT", 2, command_count, "Return the number of commands." },
		{ "DOCS", -2, command_docs, "Return no documentation." },
		{ "INFO", -2, command_info_of,
		  "Return details about commands." },
		{ "LIST", 2, command_list,
		  "Return the names of the commands." },
		{ NULL, 0, NULL, NULL },
	};

	if (call->argc == 1)
		reply_all_commands(call);
	else
		subcommand_run(call, list);
}

/* -- CONFIG ---------------------------------------------------------------- */

enum parameter_kind {
	PARAMETER_TEXT,
	PARAMETER_BIND,
	PARAMETER_PORT,
	PARAMETER_CLIENTS_MAX,
	PARAMETER_BULK_MAX,
	PARAMETER_MEMORY_MAX,
	PARAMETER_IDLE,
	PARAMETER_KEEPALIVE,
	PARAMETER_UNIX_PATH,
	PARAMETER_UNIX_MODE,
	PARAMETER_PROTECTED,
	PARAMETER_UNREAD,
	PARAMETER_SLOW,
	PARAMETER_SLOW_MAX,
};

struct parameter {
	const char *name;
	enum parameter_kind kind;
	const char *text;
};

/* What clients ask for, under Redis's names. */
static const struct parameter parameters[] = {
	{ "appendonly", PARAMETER_TEXT, "no" },
	{ "bind", PARAMETER_BIND, NULL },
	{ "databases", PARAMETER_TEXT, "1" },
	{ "maxclients", PARAMETER_CLIENTS_MAX, NULL },
	{ "maxmemory", PARAMETER_MEMORY_MAX, NULL },
	{ "maxmemory-policy", PARAMETER_TEXT, "noeviction" },
	{ "port", PARAMETER_PORT, NULL },
	{ "client-output-buffer-limit", PARAMETER_UNREAD, NULL },
	{ "proto-max-bulk-len", PARAMETER_BULK_MAX, NULL },
	{ "protected-mode", PARAMETER_PROTECTED, NULL },
	{ "save", PARAMETER_TEXT, "" },
	{ "slowlog-log-slower-than", PARAMETER_SLOW, NULL },
	{ "slowlog-max-len", PARAMETER_SLOW_MAX, NULL },
	{ "tcp-keepalive", PARAMETER_KEEPALIVE, NULL },
	{ "timeout", PARAMETER_IDLE, NULL },
	{ "unixsocket", PARAMETER_UNIX_PATH, NULL },
	{ "unixsocketperm", PARAMETER_UNIX_MODE, NULL },
};

#define PARAMETERS (sizeof(parameters) / sizeof(parameters[0]))

static void
format_unread(const struct options *options, char *value)
{
	snprintf(value, VALUE_MAX,
		 "normal 0 0 0 slave 0 0 0 pubsub %zu %zu %lld",
		 options->unread_max, options->unread_long_max,
		 (long long)(options->unread_long_ns / GYRE_SECONDS(1)));
}

static void
format_parameter(const struct call *call, const struct parameter *parameter,
		 char *value)
{
	const struct server *server = call->shard->server;
	const struct options *options = server->options;

	switch (parameter->kind) {
	case PARAMETER_TEXT:
		snprintf(value, VALUE_MAX, "%s", parameter->text);
		break;
	case PARAMETER_BIND:
		snprintf(value, VALUE_MAX, "%s", options->bind);
		break;
	case PARAMETER_PORT:
		snprintf(value, VALUE_MAX, "%u", server->port);
		break;
	case PARAMETER_CLIENTS_MAX:
		snprintf(value, VALUE_MAX, "%u", options->clients_max);
		break;
	case PARAMETER_BULK_MAX:
		snprintf(value, VALUE_MAX, "%zu", options->bulk_max);
		break;
	case PARAMETER_MEMORY_MAX:
		snprintf(value, VALUE_MAX, "%zu", options->memory_max);
		break;
	case PARAMETER_UNIX_PATH:
		snprintf(value, VALUE_MAX, "%s",
			 options->unix_path != NULL ? options->unix_path : "");
		break;
	case PARAMETER_UNIX_MODE:
		snprintf(value, VALUE_MAX, "%o", options->unix_mode);
		break;
	case PARAMETER_IDLE:
		snprintf(value, VALUE_MAX, "%lld",
			 (long long)(options->idle_ns / GYRE_SECONDS(1)));
		break;
	case PARAMETER_KEEPALIVE:
		snprintf(value, VALUE_MAX, "%lld",
			 (long long)(options->keepalive_ns / GYRE_SECONDS(1)));
		break;
	case PARAMETER_PROTECTED:
		snprintf(value, VALUE_MAX, "%s",
			 options->protected_mode ? "yes" : "no");
		break;
	case PARAMETER_SLOW:
		snprintf(value, VALUE_MAX, "%lld",
			 options->slow_ns < 0
				 ? -1
				 : (long long)(options->slow_ns / 1000));
		break;
	case PARAMETER_SLOW_MAX:
		snprintf(value, VALUE_MAX, "%zu", options->slow_max);
		break;
	case PARAMETER_UNREAD:
		format_unread(options, value);
		break;
	}
}

static void
reply_parameter(struct call *call, const struct parameter *parameter)
{
	char value[VALUE_MAX];

	format_parameter(call, parameter, value);
	reply_text(call->reply, parameter->name);
	reply_text(call->reply, value);
}

static bool
is_asked_for(const struct call *call, const struct parameter *parameter)
{
	for (size_t i = 2; i < call->argc; i++) {
		if (glob_match(call->argv[i].data, call->argv[i].length,
			       parameter->name, strlen(parameter->name)))
			return true;
	}
	return false;
}

static void
config_get(struct call *call)
{
	bool asked[PARAMETERS];
	size_t count = 0;

	for (size_t i = 0; i < PARAMETERS; i++) {
		asked[i] = is_asked_for(call, &parameters[i]);
		count += asked[i];
	}
	reply_map_begin(call->reply, count);
	for (size_t i = 0; i < PARAMETERS; i++) {
		if (asked[i])
			reply_parameter(call, &parameters[i]);
	}
}

void
command_config(struct call *call)
{
	static const struct subcommand list[] = {
		{ "GET", -3, config_get,
		  "Return parameters matching glob-like patterns." },
		{ NULL, 0, NULL, NULL },
	};

	subcommand_run(call, list);
}

/* -- TIME ------------------------------------------------------------------ */

static void
reply_decimal(struct reply *reply, int64_t number)
{
	char text[NUMBER_TEXT_MAX];

	reply_bulk(reply, text, number_format(number, text));
}

/* By the clock that keys expire by. */
void
command_time(struct call *call)
{
	int64_t now_ns = store_now_ns(&call->shard->store);

	reply_array(call->reply, 2);
	reply_decimal(call->reply, now_ns / NS_PER_S);
	reply_decimal(call->reply, now_ns % NS_PER_S / NS_PER_US);
}
