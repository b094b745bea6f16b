/*
 * The table, and the errors that are found by looking at it.
 */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>

#define W COMMAND_WRITE
#define R COMMAND_READONLY
#define F COMMAND_FAST

/* The longest name there is, to copy one for a search. */
#define NAME_MAX_LENGTH 16

/* What an error message repeats of a name and of all arguments, as Redis. */
#define QUOTED_MAX 128

/* clang-format off */
static const struct command table[] = {
	/* in the order of the names, which is how they are found */
	{ "append", 3, W|F, ROUTE_KEY, 1, 1, GATHER_NEVER, command_append, NULL },
	{ "client", -2, 0, ROUTE_HOME, 0, 0, GATHER_NEVER, command_client, NULL },
	{ "command", -1, 0, ROUTE_HOME, 0, 0, GATHER_NEVER, command_command, NULL },
	{ "config", -2, 0, ROUTE_HOME, 0, 0, GATHER_NEVER, command_config, NULL },
	{ "dbsize", 1, R|F, ROUTE_ALL, 0, 0, GATHER_SUM, command_dbsize, NULL },
	{ "decr", 2, W|F, ROUTE_KEY, 1, 1, GATHER_NEVER, command_decr, NULL },
	{ "decrby", 3, W|F, ROUTE_KEY, 1, 1, GATHER_NEVER, command_decrby, NULL },
	{ "del", -2, W, ROUTE_KEYS, -1, 1, GATHER_SUM, command_del, NULL },
	{ "echo", 2, F, ROUTE_HOME, 0, 0, GATHER_NEVER, command_echo, NULL },
	{ "exists", -2, R|F, ROUTE_KEYS, -1, 1, GATHER_SUM, command_exists, NULL },
	{ "expire", -3, W|F, ROUTE_KEY, 1, 1, GATHER_NEVER, command_expire, NULL },
	{ "flushall", -1, W, ROUTE_ALL, 0, 0, GATHER_STATUS, command_flush, command_flush_check },
	{ "flushdb", -1, W, ROUTE_ALL, 0, 0, GATHER_STATUS, command_flush, command_flush_check },
	{ "get", 2, R|F, ROUTE_KEY, 1, 1, GATHER_NEVER, command_get, NULL },
	{ "getdel", 2, W|F, ROUTE_KEY, 1, 1, GATHER_NEVER, command_getdel, NULL },
	{ "getset", 3, W|F, ROUTE_KEY, 1, 1, GATHER_NEVER, command_getset, NULL },
	{ "hello", -1, F, ROUTE_HOME, 0, 0, GATHER_NEVER, command_hello, NULL },
	{ "incr", 2, W|F, ROUTE_KEY, 1, 1, GATHER_NEVER, command_incr, NULL },
	{ "incrby", 3, W|F, ROUTE_KEY, 1, 1, GATHER_NEVER, command_incrby, NULL },
	{ "info", -1, 0, ROUTE_ALL, 0, 0, GATHER_INFO, command_info, NULL },
	{ "mget", -2, R|F, ROUTE_KEYS, -1, 1, GATHER_BULKS, command_mget, NULL },
	{ "mset", -3, W, ROUTE_KEYS, -1, 2, GATHER_STATUS, command_mset, command_mset_check },
	{ "persist", 2, W|F, ROUTE_KEY, 1, 1, GATHER_NEVER, command_persist, NULL },
	{ "pexpire", -3, W|F, ROUTE_KEY, 1, 1, GATHER_NEVER, command_pexpire, NULL },
	{ "ping", -1, F, ROUTE_HOME, 0, 0, GATHER_NEVER, command_ping, NULL },
	{ "psetex", 4, W, ROUTE_KEY, 1, 1, GATHER_NEVER, command_psetex, NULL },
	{ "pttl", 2, R|F, ROUTE_KEY, 1, 1, GATHER_NEVER, command_pttl, NULL },
	/* Redis looks at QUIT before it counts arguments. */
	{ "quit", -1, F, ROUTE_HOME, 0, 0, GATHER_NEVER, command_quit, NULL },
	{ "scan", -2, R, ROUTE_CURSOR, 0, 0, GATHER_NEVER, command_scan, NULL },
	{ "select", 2, F, ROUTE_HOME, 0, 0, GATHER_NEVER, command_select, NULL },
	{ "set", -3, W, ROUTE_KEY, 1, 1, GATHER_NEVER, command_set, NULL },
	{ "setex", 4, W, ROUTE_KEY, 1, 1, GATHER_NEVER, command_setex, NULL },
	{ "setnx", 3, W|F, ROUTE_KEY, 1, 1, GATHER_NEVER, command_setnx, NULL },
	{ "strlen", 2, R|F, ROUTE_KEY, 1, 1, GATHER_NEVER, command_strlen, NULL },
	{ "ttl", 2, R|F, ROUTE_KEY, 1, 1, GATHER_NEVER, command_ttl, NULL },
	{ "type", 2, R|F, ROUTE_KEY, 1, 1, GATHER_NEVER, command_type, NULL },
	{ "unlink", -2, W|F, ROUTE_KEYS, -1, 1, GATHER_SUM, command_del, NULL },
};
/* clang-format on */

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

/* How much of an argument a message may show; it ends at a NUL. */
static int
shown(const struct arg *arg, size_t max)
{
	return (int)strnlen(arg->data, arg->length < max ? arg->length : max);
}

void
command_reply_unknown(struct bytes *reply, const struct arg *argv, size_t argc)
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

void
subcommand_run(struct call *call, const struct subcommand *list)
{
	const struct arg *name = &call->argv[1];
	const struct subcommand *at = list;
	char full_name[2 * NAME_MAX_LENGTH + 2];

	while (at->name != NULL && !arg_is(name, at->name, strlen(at->name)))
		at++;
	if (at->name != NULL && command_takes(at->arity, call->argc)) {
		at->run(call);
	} else if (at->name != NULL) {
		snprintf(full_name, sizeof(full_name), "%s|%s",
			 call->command->name, at->name);
		for (char *c = full_name; *c != '\0'; c++)
			*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a')
						    : *c;
		reply_wrong_arity(call->reply, full_name);
	} else if (ARG_IS(name, "help") && call->argc == 2) {
		reply_help(call, list);
	} else {
		reply_unknown_subcommand(call);
	}
}
