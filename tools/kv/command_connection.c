/*
 * The commands that are about the connection they come on.
 */
#include <errno.h>
#include <stdlib.h>

#include "command.h"
#include "connection.h"
#include "number.h"
#include "server.h"

/* Among messages, a reply has their form. */
static void
reply_subscribed_pong(struct call *call)
{
	static const struct arg nothing = { .data = "" };
	const struct arg *text = call->argc == 2 ? &call->argv[1] : &nothing;

	reply_array(call->reply, 2);
	reply_text(call->reply, "pong");
	reply_bulk(call->reply, text->data, text->length);
}

void
command_ping(struct call *call)
{
	if (call->argc > 2)
		reply_wrong_arity(call->reply, call->command->name);
	else if (connection_subscribes(call->connection))
		reply_subscribed_pong(call);
	else if (call->argc == 2)
		reply_bulk(call->reply, call->argv[1].data,
			   call->argv[1].length);
	else
		reply_status(call->reply, "PONG");
}

void
command_echo(struct call *call)
{
	reply_bulk(call->reply, call->argv[1].data, call->argv[1].length);
}

void
command_quit(struct call *call)
{
	reply_ok(call->reply);
	call->connection->closing = true;
}

/* As if it had come anew; the name goes too. */
void
command_reset(struct call *call)
{
	struct connection *connection = call->connection;

	pubsub_leave(call->shard, &connection->subscriber);
	free(connection->name);
	connection->name = NULL;
	reply_status(call->reply, "RESET");
}

/* There is one database. */
void
command_select(struct call *call)
{
	const struct arg *index = &call->argv[1];
	int64_t number;

	if (!number_parse(index->data, index->length, &number))
		reply_not_integer(call->reply);
	else if (number < INT32_MIN || number > INT32_MAX)
		reply_error(call->reply,
			    "value is out of range, value must between "
			    "-2147483648 and 2147483647");
	else if (number != 0)
		reply_error(call->reply, "DB index is out of range");
	else
		reply_ok(call->reply);
}

/* -- the name -------------------------------------------------------------- */

static bool
is_name(const struct arg *name)
{
	for (size_t i = 0; i < name->length; i++) {
		if (name->data[i] < '!' || name->data[i] > '~')
			return false;
	}
	return true;
}

/* An empty name takes the name away. If it can't be, reply why. */
static bool
set_name(struct call *call, const struct arg *name)
{
	char *copy = NULL;

	if (!is_name(name)) {
		reply_error(call->reply, "Client names cannot contain spaces, "
					 "newlines or special characters.");
		return false;
	}
	if (name->length > 0) {
		copy = malloc(name->length + 1);
		if (copy == NULL) {
			reply_no_memory(call->reply);
			return false;
		}
		memcpy(copy, name->data, name->length);
		copy[name->length] = '\0';
	}
	free(call->connection->name);
	call->connection->name = copy;
	return true;
}

/* -- HELLO ----------------------------------------------------------------- */

static void
reply_hello(struct call *call)
{
	struct bytes *reply = call->reply;

	/* A map of seven, which RESP2 writes as an array of pairs. */
	reply_array(reply, 14);
	reply_text(reply, "server");
	reply_text(reply, "redis");
	reply_text(reply, "version");
	reply_text(reply, SERVER_REDIS_VERSION);
	reply_text(reply, "proto");
	reply_integer(reply, 2);
	reply_text(reply, "id");
	reply_integer(reply, (int64_t)call->connection->id);
	reply_text(reply, "mode");
	reply_text(reply, "standalone");
	reply_text(reply, "role");
	reply_text(reply, "master");
	reply_text(reply, "modules");
	reply_array(reply, 0);
}

/* There are no passwords: the default user may come in with any. */
static bool
check_user(struct call *call, const struct arg *user)
{
	if (ARG_IS(user, "default"))
		return true;
	reply_error_code(call->reply, "WRONGPASS invalid username-password "
				      "pair or user is disabled.");
	return false;
}

static bool
take_hello_options(struct call *call)
{
	for (size_t i = 2; i < call->argc; i++) {
		const struct arg *option = &call->argv[i];
		size_t more = call->argc - 1 - i;

		if (ARG_IS(option, "auth") && more >= 2) {
			if (!check_user(call, option + 1))
				return false;
			i += 2;
		} else if (ARG_IS(option, "setname") && more >= 1) {
			if (!set_name(call, option + 1))
				return false;
			i++;
		} else {
			reply_errorf(call->reply,
				     "Syntax error in HELLO option '%.*s'",
				     (int)strnlen(option->data,
						  option->length < 128
							  ? option->length
							  : 128),
				     option->data);
			return false;
		}
	}
	return true;
}

void
command_hello(struct call *call)
{
	const struct arg *version = &call->argv[1];
	int64_t number = 2;

	if (call->argc > 1 &&
	    !number_parse(version->data, version->length, &number)) {
		reply_error(call->reply, "Protocol version is not an integer "
					 "or out of range");
	} else if (number != 2) {
		reply_error_code(call->reply,
				 "NOPROTO unsupported protocol version");
	} else if (take_hello_options(call)) {
		reply_hello(call);
	}
}

/* -- CLIENT ---------------------------------------------------------------- */

static void
client_id(struct call *call)
{
	reply_integer(call->reply, (int64_t)call->connection->id);
}

static void
client_setname(struct call *call)
{
	if (set_name(call, &call->argv[2]))
		reply_ok(call->reply);
}

static void
client_getname(struct call *call)
{
	if (call->connection->name != NULL)
		reply_text(call->reply, call->connection->name);
	else
		reply_null(call->reply);
}

/* What newer client libraries say of themselves; nobody asks for it. */
static void
client_setinfo(struct call *call)
{
	reply_ok(call->reply);
}

void
command_client(struct call *call)
{
	static const struct subcommand list[] = {
		{ "GETNAME", 2, client_getname,
		  "Return the name of the current connection." },
		{ "ID", 2, client_id,
		  "Return the ID of the current connection." },
		{ "SETINFO", 4, client_setinfo,
		  "Accept what a client library says of itself." },
		{ "SETNAME", 3, client_setname,
		  "Assign a name to the current connection." },
		{ NULL, 0, NULL, NULL },
	};

	subcommand_run(call, list);
}
