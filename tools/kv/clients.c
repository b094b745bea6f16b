/*
 * Addresses are asked of the socket when they are wanted: most clients are
 * never listed, and need not carry the text.
 */
#include "clients.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include "command.h"
#include "connection.h"
#include "number.h"
#include "server.h"

#define PIECE_MAX  256
#define QUOTED_MAX 128 /* of what is wrong, in an error */

/* -- addresses ------------------------------------------------------------- */

static void
format_address(const struct sockaddr_storage *address, const char *path,
	       char text[CLIENTS_ADDRESS_MAX])
{
	char host[INET6_ADDRSTRLEN] = "";
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	switch (address->ss_family) {
	case AF_INET:
		memcpy(&v4, address, sizeof(v4));
		inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
		snprintf(text, CLIENTS_ADDRESS_MAX, "%s:%u", host,
			 ntohs(v4.sin_port));
		break;
	case AF_INET6:
		memcpy(&v6, address, sizeof(v6));
		inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
		snprintf(text, CLIENTS_ADDRESS_MAX, "[%s]:%u", host,
			 ntohs(v6.sin6_port));
		break;
	case AF_UNIX:
		snprintf(text, CLIENTS_ADDRESS_MAX, "%s:0", path);
		break;
	default:
		break;
	}
}

void
clients_address(const struct connection *connection, bool local,
		char text[CLIENTS_ADDRESS_MAX])
{
	const struct options *options = connection->shard->server->options;
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int error;
	int fd;

	text[0] = '\0';
	if (connection->stream == NULL)
		return;
	fd = gyre_stream_fd(connection->stream);
	error = local ? getsockname(fd, (struct sockaddr *)&address, &length)
		      : getpeername(fd, (struct sockaddr *)&address, &length);
	if (error == 0)
		format_address(&address, options->unix_path, text);
}

/* -- which ----------------------------------------------------------------- */

static bool
refuse(struct call *call, const char *why, const struct arg *value)
{
	size_t length = value->length < QUOTED_MAX ? value->length : QUOTED_MAX;

	reply_errorf(call->reply, "%s '%.*s'", why,
		     (int)strnlen(value->data, length), value->data);
	return false;
}

static bool
read_type(struct call *call, const struct arg *name, enum client_type *type)
{
	if (ARG_IS(name, "normal"))
		*type = CLIENT_NORMAL;
	else if (ARG_IS(name, "pubsub"))
		*type = CLIENT_PUBSUB;
	else if (ARG_IS(name, "master") || ARG_IS(name, "slave") ||
		 ARG_IS(name, "replica"))
		*type = CLIENT_NOBODY;
	else
		return refuse(call, "Unknown client type", name);
	return true;
}

static bool
read_ids(struct call *call, struct client_filter *filter)
{
	filter->ids = call->argv + 3;
	filter->ids_count = call->argc - 3;
	for (size_t i = 0; i < filter->ids_count; i++) {
		const struct arg *id = &filter->ids[i];
		int64_t number;

		if (number_parse(id->data, id->length, &number))
			continue;
		reply_error(call->reply, "Invalid client ID");
		return false;
	}
	return true;
}

bool
clients_read_list(struct call *call, struct client_filter *filter)
{
	const struct arg *argv = call->argv;

	if (call->argc == 2)
		return true;
	if (call->argc == 4 && ARG_IS(&argv[2], "type"))
		return read_type(call, &argv[3], &filter->type);
	if (call->argc > 3 && ARG_IS(&argv[2], "id"))
		return read_ids(call, filter);
	reply_syntax_error(call->reply);
	return false;
}

/* Read one of CLIENT KILL's conditions. */
static bool
read_condition(struct call *call, const struct arg *name,
	       struct client_filter *filter)
{
	const struct arg *value = name + 1;

	if (ARG_IS(name, "id")) {
		if (number_parse(value->data, value->length, &filter->id) &&
		    filter->id > 0)
			return true;
		reply_error(call->reply, "client-id should be greater than 0");
		return false;
	}
	if (ARG_IS(name, "type"))
		return read_type(call, value, &filter->type);
	if (ARG_IS(name, "user"))
		return (value->length == strlen("default") &&
			memcmp(value->data, "default", value->length) == 0) ||
		       refuse(call, "No such user", value);
	if (ARG_IS(name, "addr"))
		filter->address = value;
	else if (ARG_IS(name, "laddr"))
		filter->local = value;
	else if (ARG_IS(name, "skipme") && ARG_IS(value, "yes"))
		filter->but = call->connection;
	else if (ARG_IS(name, "skipme") && ARG_IS(value, "no"))
		filter->but = NULL;
	else {
		reply_syntax_error(call->reply);
		return false;
	}
	return true;
}

/* The old form is an address alone, and may be one's own. */
bool
clients_read_kill(struct call *call, struct client_filter *filter)
{
	if (call->argc == 3) {
		filter->address = &call->argv[2];
		return true;
	}
	filter->but = call->connection;
	for (size_t i = 2; i < call->argc; i += 2) {
		if (i + 1 == call->argc) {
			reply_syntax_error(call->reply);
			return false;
		}
		if (!read_condition(call, &call->argv[i], filter))
			return false;
	}
	return true;
}

static bool
has_address(const struct connection *connection, bool local,
	    const struct arg *wanted)
{
	char text[CLIENTS_ADDRESS_MAX];

	if (wanted == NULL)
		return true;
	clients_address(connection, local, text);
	return wanted->length == strlen(text) &&
	       memcmp(wanted->data, text, wanted->length) == 0;
}

static bool
has_id(const struct connection *connection, const struct client_filter *filter)
{
	for (size_t i = 0; i < filter->ids_count; i++) {
		const struct arg *id = &filter->ids[i];
		int64_t number = 0;

		if (number_parse(id->data, id->length, &number) &&
		    (uint64_t)number == connection->id)
			return true;
	}
	return filter->ids == NULL;
}

static bool
lets_through(const struct client_filter *filter,
	     const struct connection *connection)
{
	enum client_type type = connection_subscribes(connection)
					? CLIENT_PUBSUB
					: CLIENT_NORMAL;

	return !connection->closed && connection != filter->but &&
	       (filter->type == CLIENT_ANY || filter->type == type) &&
	       (filter->id == 0 || (uint64_t)filter->id == connection->id) &&
	       has_id(connection, filter) &&
	       has_address(connection, false, filter->address) &&
	       has_address(connection, true, filter->local);
}

size_t
clients_kill(struct shard *shard, const struct client_filter *filter,
	     struct connection *caller)
{
	struct connection *connection = shard->connections;
	size_t killed = 0;

	for (; connection != NULL; connection = connection->next) {
		if (!lets_through(filter, connection))
			continue;
		killed++;
		if (connection == caller)
			connection->closing = true;
		else
			connection_abort(connection);
	}
	return killed;
}

/* -- what is said of them -------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void
add(struct bytes *text, const char *format, ...)
{
	char piece[PIECE_MAX];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(piece, sizeof(piece), format, arguments);
	va_end(arguments);
	bytes_append(text, piece,
		     length < PIECE_MAX ? (size_t)length : PIECE_MAX - 1);
}

static void
add_text(struct bytes *text, const char *field, const char *value)
{
	bytes_append(text, field, strlen(field));
	if (value != NULL)
		bytes_append(text, value, strlen(value));
}

static void
add_addresses(struct bytes *text, const struct connection *connection)
{
	char address[CLIENTS_ADDRESS_MAX];

	add(text, "id=%" PRIu64, connection->id);
	clients_address(connection, false, address);
	add(text, " addr=%s", address);
	clients_address(connection, true, address);
	add(text, " laddr=%s", address);
	add(text, " fd=%d", gyre_stream_fd(connection->stream));
}

static void
add_times(struct bytes *text, const struct connection *connection)
{
	int64_t now_ns = gyre_loop_time(connection->shard->loop);

	add(text, " age=%" PRId64,
	    (now_ns - connection->opened_ns) / GYRE_SECONDS(1));
	add(text, " idle=%" PRId64,
	    (now_ns - connection->active_ns) / GYRE_SECONDS(1));
}

static bool
came_by_path(const struct connection *connection)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(address);

	return getsockname(gyre_stream_fd(connection->stream),
			   (struct sockaddr *)&address, &length) == 0 &&
	       address.ss_family == AF_UNIX;
}

/* P: it subscribes, x: it is in MULTI, U: it came by a path, c: it is closed
 * after the reply. */
static void
add_flags(struct bytes *text, const struct connection *connection)
{
	size_t before;

	add_text(text, " flags=", NULL);
	before = text->length;
	if (connection_subscribes(connection))
		add_text(text, "P", NULL);
	if (connection->transaction.open)
		add_text(text, "x", NULL);
	if (connection->closing)
		add_text(text, "c", NULL);
	if (came_by_path(connection))
		add_text(text, "U", NULL);
	if (text->length == before)
		add_text(text, "N", NULL);
}

static void
add_subscriptions(struct bytes *text, const struct connection *connection)
{
	const struct subscriber *subscriber = &connection->subscriber;

	add(text, " db=0 sub=%u psub=%u ssub=0",
	    HASH_COUNT(subscriber->subscriptions[CHANNEL_NAME]),
	    HASH_COUNT(subscriber->subscriptions[CHANNEL_PATTERN]));
}

/* What a connection takes, but for what its stream holds. */
static size_t
memory_of(const struct connection *connection)
{
	const struct transaction *transaction = &connection->transaction;
	const struct replies *replies = &connection->replies;
	size_t lanes = connection->shard->server->shards_count;

	return sizeof(*connection) + lanes * sizeof(connection->lanes[0]) +
	       connection->partial.capacity + replies->local.capacity +
	       replies->capacity * sizeof(replies->slots[0]) +
	       transaction->text.capacity +
	       transaction->args.capacity * sizeof(struct arg) +
	       connection->carried_bytes;
}

static void
add_transaction(struct bytes *text, const struct connection *connection)
{
	if (connection->transaction.open)
		add(text, " multi=%zu", connection->transaction.count);
	else
		add(text, " multi=-1");
}

static void
add_buffers(struct bytes *text, const struct connection *connection)
{
	const struct bytes *partial = &connection->partial;
	struct gyre_stream_stats stats;

	gyre_stream_get_stats(connection->stream, &stats);
	add(text, " qbuf=%zu qbuf-free=%zu argv-mem=%zu multi-mem=%zu",
	    partial->length, partial->capacity - partial->length,
	    connection->carried_bytes, connection->transaction.text.length);
	add(text, " obl=%zu oll=%zu omem=%zu tot-mem=%zu",
	    replies_local_waiting(&connection->replies),
	    connection->replies.count, stats.pending_bytes,
	    memory_of(connection) + stats.pending_bytes);
}

static void
add_command(struct bytes *text, const struct connection *connection)
{
	add_text(text, " cmd=",
		 connection->command != NULL ? connection->command->name
					     : "NULL");
	if (connection->subcommand == NULL)
		return;
	add_text(text, "|", NULL);
	for (const char *at = connection->subcommand; *at != '\0'; at++) {
		char c = *at;

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		bytes_append(text, &c, 1);
	}
}

void
clients_describe(const struct connection *connection, struct bytes *text)
{
	add_addresses(text, connection);
	add_text(text, " name=", connection->name);
	add_times(text, connection);
	add_flags(text, connection);
	add_subscriptions(text, connection);
	add_transaction(text, connection);
	add_buffers(text, connection);
	add_command(text, connection);
	add(text, " user=default redir=-1 resp=%d", connection->resp3 ? 3 : 2);
	add_text(text, " lib-name=", connection->library_name);
	add_text(text, " lib-ver=", connection->library_version);
	add(text, " shard=%u\n", connection->shard->index);
}

void
clients_list(struct shard *shard, const struct client_filter *filter,
	     struct bytes *text)
{
	struct connection *connection = shard->connections;

	for (; connection != NULL; connection = connection->next) {
		if (lets_through(filter, connection))
			clients_describe(connection, text);
	}
}
