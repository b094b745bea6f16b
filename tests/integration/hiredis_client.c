/*
 * hiredis_client PORT: a client of somebody else's making, hiredis, talks to a
 * key-value server, waiting for each reply, in pipelines, and from callbacks on
 * a gyre loop. What is not as it should be is printed and ends it with 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <async.h>
#include <gyre/gyre.h>
#include <hiredis.h>

#define HOST    "127.0.0.1"
#define DEPTH   5000
#define PATIENT GYRE_SECONDS(60)

#define CHECK(x)                                                           \
	do {                                                               \
		if (!(x)) {                                                \
			fprintf(stderr, "hiredis_client:%d: not so: %s\n", \
				__LINE__, #x);                             \
			exit(EXIT_FAILURE);                                \
		}                                                          \
	} while (0)

/* -- one after the other --------------------------------------------------- */

static redisContext *
connect_to(int port)
{
	redisContext *context = redisConnect(HOST, port);

	CHECK(context != NULL && context->err == 0);
	return context;
}

/* A reply of a type; its text, if it has one, is this. */
static void
check_reply(redisReply *reply, int type, const char *text)
{
	CHECK(reply != NULL && reply->type == type);
	if (text != NULL)
		CHECK(strcmp(reply->str, text) == 0);
	freeReplyObject(reply);
}

static void
ask_and_wait(int port)
{
	static const char binary[] = "\0\r\n$1\r\n\xff";
	redisContext *context = connect_to(port);
	redisReply *reply;

	check_reply(redisCommand(context, "PING"), REDIS_REPLY_STATUS, "PONG");
	check_reply(redisCommand(context, "SET %b %b", binary, sizeof(binary),
				 binary, sizeof(binary)),
		    REDIS_REPLY_STATUS, "OK");
	reply = redisCommand(context, "GET %b", binary, sizeof(binary));
	CHECK(reply->type == REDIS_REPLY_STRING &&
	      (size_t)reply->len == sizeof(binary) &&
	      memcmp(reply->str, binary, sizeof(binary)) == 0);
	freeReplyObject(reply);
	check_reply(redisCommand(context, "GET nothing"), REDIS_REPLY_NIL,
		    NULL);
	check_reply(redisCommand(context, "NOSUCH"), REDIS_REPLY_ERROR, NULL);
	reply = redisCommand(context, "MGET a b %b", binary, sizeof(binary));
	CHECK(reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
	      reply->element[0]->type == REDIS_REPLY_NIL &&
	      reply->element[2]->type == REDIS_REPLY_STRING);
	freeReplyObject(reply);
	redisFree(context);
}

/* Each key is on some shard; replies come in the order of the commands. */
static void
ask_in_pipelines(int port)
{
	redisContext *context = connect_to(port);

	for (int i = 0; i < DEPTH; i++) {
		CHECK(redisAppendCommand(context, "SET key:%d %d", i, i) ==
		      REDIS_OK);
		CHECK(redisAppendCommand(context, "GET key:%d", i) == REDIS_OK);
	}
	for (int i = 0; i < DEPTH; i++) {
		void *reply = NULL;
		char expected[16];

		snprintf(expected, sizeof(expected), "%d", i);
		CHECK(redisGetReply(context, &reply) == REDIS_OK);
		check_reply(reply, REDIS_REPLY_STATUS, "OK");
		CHECK(redisGetReply(context, &reply) == REDIS_OK);
		check_reply(reply, REDIS_REPLY_STRING, expected);
	}
	redisFree(context);
}

static void
do_transactions(int port)
{
	redisContext *context = connect_to(port);
	redisContext *other = connect_to(port);
	redisReply *reply;

	check_reply(redisCommand(context, "WATCH {t}a"), REDIS_REPLY_STATUS,
		    "OK");
	check_reply(redisCommand(context, "MULTI"), REDIS_REPLY_STATUS, "OK");
	check_reply(redisCommand(context, "SET {t}a 1"), REDIS_REPLY_STATUS,
		    "QUEUED");
	check_reply(redisCommand(context, "INCR {t}b"), REDIS_REPLY_STATUS,
		    "QUEUED");
	reply = redisCommand(context, "EXEC");
	CHECK(reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
	      reply->element[0]->type == REDIS_REPLY_STATUS &&
	      reply->element[1]->type == REDIS_REPLY_INTEGER &&
	      reply->element[1]->integer == 1);
	freeReplyObject(reply);
	check_reply(redisCommand(context, "WATCH {t}a"), REDIS_REPLY_STATUS,
		    "OK");
	check_reply(redisCommand(other, "SET {t}a 2"), REDIS_REPLY_STATUS,
		    "OK");
	check_reply(redisCommand(context, "MULTI"), REDIS_REPLY_STATUS, "OK");
	check_reply(redisCommand(context, "EXEC"), REDIS_REPLY_NIL, NULL);
	redisFree(context);
	redisFree(other);
}

/* -- from callbacks -------------------------------------------------------- */

/* What hiredis wants to hear of one of its connections. */
struct attached {
	struct gyre_loop *loop;
	redisAsyncContext *context;
	unsigned wanted;
	bool handled;
};

static void
on_ready(int fd, unsigned events, void *arg)
{
	struct attached *attached = arg;
	redisAsyncContext *context = attached->context;

	(void)fd;
	/* Either may free it all: then nothing is wanted any more. */
	if ((events & GYRE_WRITE) != 0)
		redisAsyncHandleWrite(context);
	else
		redisAsyncHandleRead(context);
}

static void
want(struct attached *attached, unsigned add, unsigned remove)
{
	int fd = attached->context->c.fd;
	int error;

	attached->wanted = (attached->wanted | add) & ~remove;
	if (attached->handled) {
		error = gyre_loop_update_handler(attached->loop, fd,
						 attached->wanted);
	} else {
		error = gyre_loop_add_handler(attached->loop, fd,
					      attached->wanted, on_ready,
					      attached);
		attached->handled = true;
	}
	CHECK(error == 0);
}

static void
add_read(void *data)
{
	want(data, GYRE_READ, 0);
}

static void
delete_read(void *data)
{
	want(data, 0, GYRE_READ);
}

static void
add_write(void *data)
{
	want(data, GYRE_WRITE, 0);
}

static void
delete_write(void *data)
{
	want(data, 0, GYRE_WRITE);
}

static void
cleanup(void *data)
{
	struct attached *attached = data;

	if (attached->handled)
		gyre_loop_remove_handler(attached->loop,
					 attached->context->c.fd);
	attached->handled = false;
}

static void
attach(struct attached *attached, struct gyre_loop *loop, int port)
{
	redisAsyncContext *context = redisAsyncConnect(HOST, port);

	CHECK(context != NULL && context->err == 0);
	*attached = (struct attached){ .loop = loop, .context = context };
	context->ev.addRead = add_read;
	context->ev.delRead = delete_read;
	context->ev.addWrite = add_write;
	context->ev.delWrite = delete_write;
	context->ev.cleanup = cleanup;
	context->ev.data = attached;
	want(attached, GYRE_WRITE, 0);
}

/* A subscriber, and one that counts and then publishes what it counted. */
struct talk {
	struct gyre_loop *loop;
	struct attached subscriber;
	struct attached publisher;
	int counted;
	int messages;
	bool published;
};

static void
finish_if_done(struct talk *talk)
{
	if (talk->messages < DEPTH || !talk->published)
		return;
	redisAsyncDisconnect(talk->publisher.context);
	redisAsyncFree(talk->subscriber.context);
	gyre_loop_stop(talk->loop);
}

static void
on_published(redisAsyncContext *context, void *data, void *arg)
{
	struct talk *talk = arg;
	const redisReply *reply = data;

	(void)context;
	CHECK(reply != NULL && reply->type == REDIS_REPLY_INTEGER &&
	      reply->integer == 1);
	talk->published = true;
	finish_if_done(talk);
}

static void
on_counted(redisAsyncContext *context, void *data, void *arg)
{
	struct talk *talk = arg;
	const redisReply *reply = data;

	CHECK(reply != NULL && reply->type == REDIS_REPLY_INTEGER &&
	      reply->integer == ++talk->counted);
	if (talk->counted < DEPTH)
		return;
	for (int i = 0; i < DEPTH; i++)
		CHECK(redisAsyncCommand(
			      context, i + 1 < DEPTH ? NULL : on_published,
			      talk, "PUBLISH news %d", i) == REDIS_OK);
}

static void
on_message(redisAsyncContext *context, void *data, void *arg)
{
	struct talk *talk = arg;
	const redisReply *reply = data;
	char expected[16];

	(void)context;
	if (reply == NULL) /* it is over */
		return;
	CHECK(reply->type == REDIS_REPLY_ARRAY && reply->elements == 3);
	if (strcmp(reply->element[0]->str, "subscribe") == 0) {
		for (int i = 0; i < DEPTH; i++)
			CHECK(redisAsyncCommand(talk->publisher.context,
						on_counted, talk,
						"INCR counter") == REDIS_OK);
		return;
	}
	snprintf(expected, sizeof(expected), "%d", talk->messages++);
	CHECK(strcmp(reply->element[2]->str, expected) == 0);
	finish_if_done(talk);
}

static void
give_up(void *arg)
{
	(void)arg;
	CHECK(!"it takes too long");
}

static void
talk_from_callbacks(int port)
{
	struct talk talk = { 0 };

	CHECK(gyre_loop_new(NULL, &talk.loop) == 0);
	attach(&talk.subscriber, talk.loop, port);
	attach(&talk.publisher, talk.loop, port);
	CHECK(redisAsyncCommand(talk.subscriber.context, on_message, &talk,
				"SUBSCRIBE news") == REDIS_OK);
	CHECK(gyre_loop_call_later(talk.loop, PATIENT, give_up, NULL, NULL) ==
	      0);
	CHECK(gyre_loop_start(talk.loop) == 0);
	CHECK(talk.counted == DEPTH && talk.messages == DEPTH);
	CHECK(!talk.publisher.handled && !talk.subscriber.handled);
	CHECK(gyre_loop_close(talk.loop, false) == 0);
	gyre_loop_free(talk.loop);
}

int
main(int argc, char **argv)
{
	int port;

	if (argc != 2 || (port = atoi(argv[1])) <= 0) {
		fprintf(stderr, "Usage: hiredis_client PORT\n");
		return 2;
	}
	ask_and_wait(port);
	ask_in_pipelines(port);
	do_transactions(port);
	talk_from_callbacks(port);
	return EXIT_SUCCESS;
}
