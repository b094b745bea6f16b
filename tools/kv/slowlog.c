/*
 * A command is kept where its client is, which knows the client; how long it
 * took comes home with the reply.
 */
#include "slowlog.h"

#include <stdio.h>
#include <stdlib.h>

#include "clients.h"
#include "command.h"
#include "connection.h"
#include "server.h"

/* What Redis keeps of a command. */
#define ARGS_MAX 32
#define ARG_MAX  128

#define REMARK_MAX 64

static void
reply_arg(struct reply *reply, const struct arg *arg)
{
	struct bytes text = { 0 };
	char remark[REMARK_MAX];
	int length;

	if (arg->length <= ARG_MAX) {
		reply_bulk(reply, arg->data, arg->length);
		return;
	}
	length = snprintf(remark, sizeof(remark), "... (%zu more bytes)",
			  arg->length - ARG_MAX);
	bytes_append(&text, arg->data, ARG_MAX);
	bytes_append(&text, remark, (size_t)length);
	reply_bulk(reply, text.data, text.length);
	reply->bytes->failed |= text.failed;
	bytes_free(&text);
}

/* Tell whether an argument is a password, or the user's name before it. */
static bool
is_secret(const struct command *command, const struct arg *argv, size_t index)
{
	if (command->run == command_auth)
		return index > 0;
	if (command->run != command_hello || index < 3)
		return false;
	return ARG_IS(&argv[index - 1], "auth") ||
	       (index > 3 && ARG_IS(&argv[index - 2], "auth"));
}

static void
reply_args(struct reply *reply, const struct command *command,
	   const struct arg *argv, size_t argc)
{
	size_t shown = argc > ARGS_MAX ? ARGS_MAX - 1 : argc;
	char remark[REMARK_MAX];

	reply_array(reply, argc > ARGS_MAX ? ARGS_MAX : argc);
	for (size_t i = 0; i < shown; i++) {
		if (is_secret(command, argv, i))
			reply_text(reply, "(redacted)");
		else
			reply_arg(reply, &argv[i]);
	}
	if (shown == argc)
		return;
	snprintf(remark, sizeof(remark), "... (%zu more arguments)",
		 argc - shown);
	reply_text(reply, remark);
}

/* Return the place of the next one; NULL: there is none to be had. */
static struct bytes *
make_place(struct slowlog *slowlog, size_t max)
{
	struct bytes *place;

	if (slowlog->ring == NULL && max > 0) {
		slowlog->ring = calloc(max, sizeof(*slowlog->ring));
		slowlog->capacity = max;
	}
	if (slowlog->ring == NULL)
		return NULL;
	place = &slowlog->ring[slowlog->next];
	bytes_reset(place, 0);
	slowlog->next = (slowlog->next + 1) % slowlog->capacity;
	if (slowlog->count < slowlog->capacity)
		slowlog->count++;
	return place;
}

bool
slowlog_is_slow(const struct shard *shard, int64_t took_ns)
{
	int64_t slow_ns = shard->server->options->slow_ns;

	return slow_ns >= 0 && took_ns >= slow_ns;
}

void
slowlog_add(struct connection *connection, const struct command *command,
	    const struct arg *argv, size_t argc, int64_t took_ns)
{
	struct shard *shard = connection->shard;
	const struct options *options = shard->server->options;
	char address[CLIENTS_ADDRESS_MAX];
	struct reply reply = { 0 };

	if (!slowlog_is_slow(shard, took_ns))
		return;
	reply.bytes = make_place(&shard->slowlog, options->slow_max);
	if (reply.bytes == NULL)
		return;
	clients_address(connection, false, address);
	reply_array(&reply, 6);
	/* Relaxed: a number that nobody else has, and no order. */
	reply_integer(&reply, (int64_t)atomic_fetch_add_explicit(
				      &shard->server->last_slow, 1,
				      memory_order_relaxed));
	reply_integer(&reply, store_now_ms(&shard->store) / 1000);
	reply_integer(&reply, took_ns / 1000);
	reply_args(&reply, command, argv, argc);
	reply_text(&reply, address);
	reply_text(&reply, connection->name != NULL ? connection->name : "");
	/* What is not whole is left out. */
	if (reply.bytes->failed)
		bytes_reset(reply.bytes, 0);
}

void
slowlog_reply(const struct slowlog *slowlog, size_t max, struct call *call)
{
	size_t count = slowlog->count < max ? slowlog->count : max;
	size_t at = slowlog->next;

	reply_array(call->reply, count);
	while (count-- > 0) {
		at = (at > 0 ? at : slowlog->capacity) - 1;
		reply_bulk(call->reply, slowlog->ring[at].data,
			   slowlog->ring[at].length);
	}
}

void
slowlog_clear(struct slowlog *slowlog)
{
	for (size_t i = 0; i < slowlog->count; i++)
		bytes_free(&slowlog->ring[i]);
	free(slowlog->ring);
	*slowlog = (struct slowlog){ 0 };
}
