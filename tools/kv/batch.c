/*
 * The filling and the taking run at home, run_requests() at the target, and
 * the inbox orders the one before the other. That the same task comes back is
 * what makes replying safe: it needs no memory and no second queue.
 */
#include "batch.h"

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "command.h"
#include "connection.h"
#include "server.h"
#include "slowlog.h"

#define SPARE_MAX      64
#define SPARE_TEXT_MAX ((size_t)32 * 1024)
#define SPARE_REQUESTS 1024
#define SPARE_ARGS     4096
#define REQUESTS_MIN   16

static void come_home(struct gyre_task *task);

static void
free_batch(struct batch *batch)
{
	args_free(&batch->args);
	bytes_free(&batch->text);
	bytes_free(&batch->replies);
	free(batch->requests);
	free(batch);
}

/* -- at the target --------------------------------------------------------- */

/* The arguments' bytes lie one behind the other, from text_done on. */
static void
place_args(struct batch *batch, struct arg *argv, size_t argc)
{
	for (size_t i = 0; i < argc; i++) {
		argv[i].data = batch->text.data + batch->text_done;
		batch->text_done += argv[i].length;
	}
	batch->args_done += argc;
}

static void
run_request(struct batch *batch, struct shard *shard)
{
	struct request *request = &batch->requests[batch->done++];
	struct reply reply = {
		.bytes = &batch->replies,
		.resp3 = request->resp3,
	};
	struct call call = {
		.command = request->command,
		.argv = batch->args.items + batch->args_done,
		.argc = request->argc,
		.reply = &reply,
		.shard = shard,
	};

	place_args(batch, batch->args.items + batch->args_done, request->argc);
	command_run(&call);
	request->took_ns = call.took_ns;
	batch->has_slow |= slowlog_is_slow(shard, call.took_ns);
	if (batch->unwanted)
		bytes_reset(&batch->replies, SPARE_TEXT_MAX);
	request->reply_end = batch->replies.length;
}

/* Whoever drops it need not be at home: the home's state is left alone. */
static void
drop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	free_batch((struct batch *)task);
}

static void
run_requests(struct gyre_task *task)
{
	struct batch *batch = (struct batch *)task;
	struct server *server = batch->server;
	struct shard *shard = server->shards[batch->target];

	KV_INSIST(shard != NULL && shard->index == batch->target);
	while (batch->done < batch->count &&
	       batch->replies.length < BATCH_REPLY_MAX)
		run_request(batch, shard);
	task->run = come_home;
	if (gyre_bus_post(server->bus, batch->home, task) < 0)
		free_batch(batch);
}

/* -- at home --------------------------------------------------------------- */

static void
come_home(struct gyre_task *task)
{
	struct batch *batch = (struct batch *)task;

	connection_on_batch(batch->connection, batch);
}

static struct batch *
get_memory(struct shard *home)
{
	struct batch *batch = home->spare;

	if (batch == NULL)
		return calloc(1, sizeof(*batch));
	home->spare = batch->next_spare;
	home->spare_count--;
	return batch;
}

struct batch *
batch_get(struct shard *home, unsigned target, struct connection *connection)
{
	struct batch *batch = get_memory(home);

	if (batch == NULL)
		return NULL;
	batch->task = (struct gyre_task){ .run = run_requests, .drop = drop };
	batch->server = home->server;
	batch->home = home->index;
	batch->target = target;
	batch->connection = connection;
	/* Every argument has a place to point to, even an empty one. */
	if (bytes_reserve(&batch->text, 1) < 0) {
		free_batch(batch);
		return NULL;
	}
	return batch;
}

/* Empty the batch; what has grown beyond the usual is given back. */
static void
clear(struct batch *batch)
{
	struct batch kept;

	args_reset(&batch->args, SPARE_ARGS);
	bytes_reset(&batch->text, SPARE_TEXT_MAX);
	bytes_reset(&batch->replies, SPARE_TEXT_MAX);
	if (batch->capacity > SPARE_REQUESTS) {
		free(batch->requests);
		batch->requests = NULL;
		batch->capacity = 0;
	}
	kept = (struct batch){
		.args = batch->args,
		.text = batch->text,
		.replies = batch->replies,
		.requests = batch->requests,
		.capacity = batch->capacity,
	};
	*batch = kept;
}

void
batch_put(struct shard *home, struct batch *batch)
{
	if (home->spare_count == SPARE_MAX) {
		free_batch(batch);
		return;
	}
	clear(batch);
	batch->next_spare = home->spare;
	home->spare = batch;
	home->spare_count++;
}

void
batch_free_spare(struct shard *home)
{
	while (home->spare != NULL) {
		struct batch *batch = home->spare;

		home->spare = batch->next_spare;
		free_batch(batch);
	}
	home->spare_count = 0;
}

static int
grow_requests(struct batch *batch)
{
	size_t capacity =
		batch->capacity > 0 ? batch->capacity * 2 : REQUESTS_MIN;
	struct request *requests =
		realloc(batch->requests, capacity * sizeof(*requests));

	if (requests == NULL)
		return -ENOMEM;
	batch->requests = requests;
	batch->capacity = capacity;
	return 0;
}

void
batch_begin(struct batch *batch, const struct command *command, bool resp3)
{
	if (batch->failed ||
	    (batch->count == batch->capacity && grow_requests(batch) < 0)) {
		batch->failed = true;
		return;
	}
	batch->requests[batch->count++] =
		(struct request){ .command = command, .resp3 = resp3 };
}

void
batch_add(struct batch *batch, const struct arg *arg)
{
	struct arg *added = batch->failed ? NULL : args_add(&batch->args);

	if (added == NULL) {
		batch->failed = true;
		return;
	}
	added->length = arg->length;
	added->hash = arg->hash;
	batch->requests[batch->count - 1].argc++;
	bytes_append(&batch->text, arg->data, arg->length);
	batch->failed |= batch->text.failed;
}

int
batch_post(struct batch *batch)
{
	KV_INSIST(!batch->failed && batch_is_taken(batch));
	KV_INSIST(batch->done < batch->count);
	bytes_reset(&batch->replies, batch->replies.capacity);
	batch->replies_taken = 0;
	batch->has_slow = false;
	batch->task.run = run_requests;
	return gyre_bus_post(batch->server->bus, batch->target, &batch->task);
}

void
batch_log_slow(const struct batch *batch)
{
	const struct arg *argv = batch->args.items;

	for (size_t i = 0; i < batch->done && batch->has_slow; i++) {
		const struct request *request = &batch->requests[i];

		if (i >= batch->taken &&
		    request->command != &command_forget_watches)
			slowlog_add(batch->connection, request->command, argv,
				    request->argc, request->took_ns);
		argv += request->argc;
	}
}

bool
batch_has_reply(const struct batch *batch)
{
	return batch->taken < batch->done;
}

struct arg
batch_take(struct batch *batch)
{
	size_t end = batch->requests[batch->taken].reply_end;
	struct arg reply = {
		.data = batch->replies.data + batch->replies_taken,
		.length = end - batch->replies_taken,
	};

	KV_INSIST(batch_has_reply(batch) && end >= batch->replies_taken);
	batch->replies_taken = end;
	batch->taken++;
	return reply;
}

void
batch_discard(struct batch *batch)
{
	batch->taken = batch->done;
}

bool
batch_is_taken(const struct batch *batch)
{
	return batch->taken == batch->done;
}
