/*
 * CLIENT. What is about the caller's own connection is done at once, where
 * the arguments are checked; the rest asks every shard for its clients.
 */
#include <stdlib.h>

#include "clients.h"
#include "command.h"
#include "connection.h"
#include "server.h"

/* -- what a client says of itself ------------------------------------------ */

static bool
is_plain(const struct arg *text)
{
	for (size_t i = 0; i < text->length; i++) {
		if (text->data[i] < '!' || text->data[i] > '~')
			return false;
	}
	return true;
}

/* Keep a text, or nothing if it is empty; reply and answer false if it can't
 * be. */
static bool
keep(struct call *call, const struct arg *text, char **kept)
{
	char *copy = NULL;

	if (text->length > 0) {
		copy = malloc(text->length + 1);
		if (copy == NULL) {
			reply_no_memory(call->reply);
			return false;
		}
		memcpy(copy, text->data, text->length);
		copy[text->length] = '\0';
	}
	free(*kept);
	*kept = copy;
	return true;
}

bool
command_set_name(struct call *call, const struct arg *name)
{
	if (is_plain(name))
		return keep(call, name, &call->connection->name);
	reply_error(call->reply, "Client names cannot contain spaces, "
				 "newlines or special characters.");
	return false;
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

static void
client_setinfo(struct call *call)
{
	const struct arg *option = &call->argv[2];
	char **kept;

	if (ARG_IS(option, "lib-name")) {
		kept = &call->connection->library_name;
	} else if (ARG_IS(option, "lib-ver")) {
		kept = &call->connection->library_version;
	} else {
		reply_errorf(call->reply, "Unrecognized option '%.*s'",
			     (int)option->length, option->data);
		return;
	}
	if (!is_plain(&call->argv[3]))
		reply_errorf(call->reply,
			     "%.*s cannot contain spaces, newlines or special "
			     "characters.",
			     (int)option->length, option->data);
	else if (keep(call, &call->argv[3], kept))
		reply_ok(call->reply);
}

/* -- the caller ------------------------------------------------------------ */

static void
client_id(struct call *call)
{
	reply_integer(call->reply, (int64_t)call->connection->id);
}

static void
client_info(struct call *call)
{
	struct bytes text = { 0 };

	clients_describe(call->connection, &text);
	reply_verbatim(call->reply, text.data, text.length);
	call->reply->bytes->failed |= text.failed;
	bytes_free(&text);
}

/* Nobody is closed to save memory. */
static void
client_no_evict(struct call *call)
{
	if (ARG_IS(&call->argv[2], "on") || ARG_IS(&call->argv[2], "off"))
		reply_ok(call->reply);
	else
		reply_syntax_error(call->reply);
}

/* -- all clients ----------------------------------------------------------- */

static void
check_list(struct call *call)
{
	struct client_filter filter = { 0 };

	call->gather = GATHER_LINES;
	(void)clients_read_list(call, &filter);
}

static void
check_kill(struct call *call)
{
	struct client_filter filter = { 0 };

	call->gather = call->argc == 3 ? GATHER_ANY : GATHER_SUM;
	(void)clients_read_kill(call, &filter);
}

/* A shard's part of CLIENT LIST and CLIENT KILL. */
void
command_client(struct call *call)
{
	struct client_filter filter = { 0 };

	if (ARG_IS(&call->argv[1], "list") &&
	    clients_read_list(call, &filter)) {
		struct bytes text = { 0 };

		clients_list(call->shard, &filter, &text);
		reply_bulk(call->reply, text.data, text.length);
		call->reply->bytes->failed |= text.failed;
		bytes_free(&text);
	} else if (ARG_IS(&call->argv[1], "kill") &&
		   clients_read_kill(call, &filter)) {
		reply_integer(call->reply,
			      (int64_t)clients_kill(call->shard, &filter,
						    call->connection));
	}
}

bool
command_client_check(struct call *call)
{
	static const struct subcommand list[] = {
		{ "GETNAME", 2, client_getname,
		  "Return the name of the current connection." },
		{ "ID", 2, client_id,
		  "Return the ID of the current connection." },
		{ "INFO", 2, client_info,
		  "Return information about the current connection." },
		{ "KILL", -3, check_kill,
		  "Close connections: ADDR, or ID, ADDR, LADDR, TYPE, USER and "
		  "SKIPME." },
		{ "LIST", -2, check_list,
		  "Return information about connections, also by TYPE or ID." },
		{ "NO-EVICT", 3, client_no_evict,
		  "Accept it; nobody is closed to save memory." },
		{ "SETINFO", 4, client_setinfo,
		  "Keep what a client library says of itself." },
		{ "SETNAME", 3, client_setname,
		  "Assign a name to the current connection." },
		{ NULL, 0, NULL, NULL },
	};
	size_t before = call->reply->bytes->length;

	subcommand_run(call, list);
	/* What was said is all there is to say. */
	return call->reply->bytes->length == before &&
	       !call->reply->bytes->failed;
}
