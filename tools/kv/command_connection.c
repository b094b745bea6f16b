/*
 * The commands that are about the connection they come on.
 */
#include <stdlib.h>

#include "command.h"
#include "connection.h"
#include "number.h"
#include "router.h"
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

	router_end_transaction(connection);
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
