/* The shard is made by hand: no runtime, no listener. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "batch.h"
#include "check.h"
#include "gather.h"
#include "router.h"

static int64_t
read_clock(void *arg)
{
	const struct fixture *fixture = arg;

	return fixture->now_ns;
}

static void
make_connection(struct fixture *fixture)
{
	struct connection *connection =
		calloc(1, sizeof(*connection) + sizeof(struct lane));

	KV_INSIST(connection != NULL);
	connection->shard = &fixture->shard;
	connection->id = 7;
	connection->subscriber.connection = connection;
	/* There is no stream that giving up could close. */
	connection->closed = true;
	resp_init(&connection->parser, fixture->options.bulk_max);
	fixture->connection = connection;
}

int
fixture_setup(void **state)
{
	char *argv[] = { (char[]){ "gyre-kv" }, NULL };
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const struct gyre_loop_options options = {
		.clock = { .now_ns = read_clock, .arg = fixture },
	};
	struct gyre_loop *loop;

	KV_INSIST(fixture != NULL);
	KV_INSIST(options_parse(&fixture->options, 1, argv) == OPTIONS_RUN);
	fixture->server = calloc(1, sizeof(*fixture->server));
	KV_INSIST(fixture->server != NULL);
	KV_INSIST(gyre_loop_new(&options, &loop) == 0);
	KV_INSIST(keyhash_init(&fixture->server->keyhash) == 0);
	fixture->server->options = &fixture->options;
	fixture->server->shards_count = 1;
	fixture->shard.server = fixture->server;
	fixture->shard.loop = loop;
	store_init(&fixture->shard.store, loop, FIXTURE_EPOCH_MS * 1000 * 1000,
		   NULL);
	KV_INSIST(pubsub_init(&fixture->shard.pubsub, 1) == 0);
	make_connection(fixture);
	*state = fixture;
	return 0;
}

int
fixture_teardown(void **state)
{
	struct fixture *fixture = *state;
	struct connection *connection = fixture->connection;

	transaction_end(&connection->transaction);
	replies_free(&connection->replies);
	resp_free(&connection->parser);
	free(connection->name);
	free(connection->library_name);
	free(connection->library_version);
	free(connection);
	KV_INSIST(gyre_loop_close(fixture->shard.loop, false) == 0);
	gyre_loop_free(fixture->shard.loop);
	store_free(&fixture->shard.store);
	KV_INSIST(fixture->shard.store.budget.used == 0);
	slowlog_clear(&fixture->shard.slowlog);
	bytes_free(&fixture->shard.scratch);
	args_free(&fixture->shard.own_args);
	pubsub_fini(&fixture->shard.pubsub);
	bytes_free(&fixture->reply);
	free(fixture->server);
	free(fixture);
	return 0;
}

static void
collect_gathered(struct fixture *fixture, struct gather *gather)
{
	struct reply reply = {
		.bytes = &fixture->reply,
		.resp3 = gather->resp3,
	};

	gather_finish(gather,
		      replies_take_local(&fixture->connection->replies,
					 gather->own_length),
		      fixture->server, &reply);
}

static void
collect_reply(struct fixture *fixture)
{
	struct replies *replies = &fixture->connection->replies;
	struct slot *slot = replies_first(replies);

	bytes_reset(&fixture->reply, SIZE_MAX);
	/* A connection whose replies found no memory is given up. */
	if (replies->local.failed) {
		replies_free(replies);
		slot = NULL;
	}
	if (slot != NULL && slot->kind == SLOT_LOCAL)
		bytes_append(&fixture->reply,
			     replies_take_local(replies, slot->length),
			     slot->length);
	else if (slot != NULL)
		collect_gathered(fixture, slot->gather);
	if (slot != NULL)
		replies_remove_first(replies);
	KV_INSIST(replies->count == 0);
	bytes_append(&fixture->reply, "", 1);
}

const char *
fixture_ask(struct fixture *fixture, const char *line)
{
	struct args args = { 0 };
	struct bytes text = { 0 };

	if (args_split(line, strlen(line), &args, &text) == 0)
		router_dispatch(fixture->connection, args.items, args.count);
	collect_reply(fixture);
	args_free(&args);
	bytes_free(&text);
	return fixture->reply.failed ? "" : fixture->reply.data;
}

size_t
fixture_reply_length(const struct fixture *fixture)
{
	return fixture->reply.length - 1;
}

static void
stop_loop(void *arg)
{
	gyre_loop_stop(arg);
}

void
fixture_pass_ms(struct fixture *fixture, int64_t milliseconds)
{
	struct gyre_loop *loop = fixture->shard.loop;

	fixture->now_ns += milliseconds * 1000 * 1000;
	KV_INSIST(gyre_loop_add_callback(loop, stop_loop, loop) == 0);
	KV_INSIST(gyre_loop_start(loop) == 0);
}

struct arg
fixture_arg(const struct fixture *fixture, const char *text)
{
	struct arg arg = { .data = text, .length = strlen(text) };

	arg.hash = keyhash_of_key(&fixture->server->keyhash, text, arg.length);
	return arg;
}
