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
	else if (connection_is_receiver(call->connection))
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

/* As if it had come anew; the name goes too, and what the password gave. */
void
command_reset(struct call *call)
{
	struct connection *connection = call->connection;

	pubsub_leave(call->shard, &connection->subscriber);
	connection_watch_idle(connection);
	connection_lock(connection);
	connection->resp3 = false;
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

bool
command_set_name(struct call *call, const struct arg *name)
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

/* -- CLIENT ---------------------------------------------------------------- */

static void
client_id(struct call *call)
{
	reply_integer(call->reply, (int64_t)call->connection->id);
}

static void
client_setname(struct call *call)
{
	if (command_set_name(call, &call->argv[2]))
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
