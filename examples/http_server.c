/*
 * An HTTP/1.1 server with a loop per CPU, which says hello. Connections are
 * kept alive, requests may be pipelined and have bodies, and a stop answers
 * what has come before it closes.
 *
 *     http_server [port [loops]]     8080 unless given, a loop per CPU
 *     curl http://127.0.0.1:8080/
 */
#define _POSIX_C_SOURCE 200809L

#include "http_server/request.h"

#include <gyre/gyre.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#define IDLE_NS        GYRE_SECONDS(60)
#define RESPONSE_BYTES 512

static const char hello[] = "Hello, world!\n";

struct shard {
	struct gyre_loop *loop;
	struct gyre_listener *listener;
	LIST_HEAD(, connection) connections;
	bool is_draining;
	/* The answer that is asked for most, as it is in this second. */
	time_t second;
	char date[32];
	char response[RESPONSE_BYTES];
	size_t response_length;
};

struct connection {
	LIST_ENTRY(connection) link;
	struct shard *shard;
	struct gyre_stream *stream;
	struct http_body body; /* of the request that is under way */
	bool has_request;
	bool is_over; /* its last answer is written */
	/* and what that request is answered with */
	int status;
	bool is_head;
	bool keep_alive;
};

/* -- answers ------------------------------------------------------------- */

static const char *
reason_of(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 413:
		return "Content Too Large";
	case 417:
		return "Expectation Failed";
	case 431:
		return "Request Header Fields Too Large";
	case 501:
		return "Not Implemented";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Bad Request";
	}
}

static size_t
format(const struct shard *shard, int status, bool keep_alive, bool is_head,
       char *ret_response)
{
	const char *text = status == 200 ? hello : reason_of(status);
	int length = snprintf(ret_response, RESPONSE_BYTES,
			      "HTTP/1.1 %d %s\r\n"
			      "Date: %s\r\n"
			      "%s%s"
			      "Content-Type: text/plain\r\n"
			      "Content-Length: %zu\r\n"
			      "\r\n"
			      "%s",
			      status, reason_of(status), shard->date,
			      keep_alive ? "" : "Connection: close\r\n",
			      status == 405 ? "Allow: GET, HEAD\r\n" : "",
			      strlen(text), is_head ? "" : text);

	return (size_t)length;
}

static void
look_at_the_clock(struct shard *shard)
{
	time_t now = time(NULL);
	struct tm utc;

	if (now == shard->second)
		return;
	shard->second = now;
	gmtime_r(&now, &utc);
	strftime(shard->date, sizeof(shard->date), "%a, %d %b %Y %H:%M:%S GMT",
		 &utc);
	shard->response_length =
		format(shard, 200, true, false, shard->response);
}

/* Out of memory, the stream is of no use any more. */
static void
answer(struct connection *connection, int status)
{
	struct shard *shard = connection->shard;
	bool keep_alive = connection->keep_alive && !shard->is_draining;
	char response[RESPONSE_BYTES];
	int result;

	look_at_the_clock(shard);
	if (status == 200 && keep_alive && !connection->is_head) {
		result = gyre_stream_write(connection->stream, shard->response,
					   shard->response_length);
	} else {
		size_t length = format(shard, status, keep_alive,
				       connection->is_head, response);

		result =
			gyre_stream_write(connection->stream, response, length);
	}
	connection->has_request = false;
	connection->is_over = !keep_alive;
	if (result < 0)
		gyre_stream_close(connection->stream, false);
	else if (connection->is_over)
		gyre_stream_shutdown(connection->stream);
}

/* Where the next request would begin is not known: it is the last one. */
static void
refuse(struct connection *connection, int status)
{
	connection->keep_alive = false;
	connection->is_head = false;
	answer(connection, status);
}

/* -- requests ------------------------------------------------------------ */

static int
status_of(const struct http_request *request)
{
	if (!http_text_is(request->method, "GET") &&
	    !http_text_is(request->method, "HEAD"))
		return 405;
	return http_text_is(request->target, "/") ? 200 : 404;
}

static long
read_head(struct connection *connection, const char *data, size_t length)
{
	struct http_request request;
	int taken = http_request_read(data, length, &request);

	if (taken < 0)
		refuse(connection, -taken);
	if (taken <= 0)
		return 0;
	connection->has_request = true;
	connection->status = status_of(&request);
	connection->is_head = http_text_is(request.method, "HEAD");
	connection->keep_alive = request.keep_alive;
	http_body_begin(&connection->body, &request);
	if (connection->body.place == HTTP_BODY_OVER)
		answer(connection, connection->status);
	else if (request.expects_continue)
		(void)gyre_stream_write(connection->stream,
					"HTTP/1.1 100 Continue\r\n\r\n", 25);
	return taken;
}

/* Nobody wants to have it. */
static long
read_body(struct connection *connection, const char *data, size_t length)
{
	struct http_text part;
	long taken = http_body_read(&connection->body, data, length, &part);

	if (taken < 0)
		refuse(connection, (int)-taken);
	else if (connection->body.place == HTTP_BODY_OVER)
		answer(connection, connection->status);
	return taken > 0 ? taken : 0;
}

static size_t
on_read(struct gyre_stream *stream, const void *data, size_t length, void *arg)
{
	struct connection *connection = arg;
	const char *bytes = data;
	size_t used = 0;
	long taken = 1;

	while (taken > 0 && used < length && !connection->is_over &&
	       !gyre_stream_is_full(stream)) {
		taken = connection->has_request
				? read_body(connection, bytes + used,
					    length - used)
				: read_head(connection, bytes + used,
					    length - used);
		used += (size_t)taken;
	}
	return connection->is_over ? length : used;
}

/* -- connections --------------------------------------------------------- */

static void
on_close(struct gyre_stream *stream, int error, void *arg)
{
	struct connection *connection = arg;

	(void)stream;
	(void)error;
	LIST_REMOVE(connection, link);
	free(connection);
}

static void
on_accept(struct gyre_listener *listener, int fd, void *arg)
{
	static const struct gyre_stream_ops ops = { .on_read = on_read,
						    .on_close = on_close };
	const struct gyre_stream_options options = {
		.read_max_bytes = 2 * HTTP_HEAD_MAX,
		.write_high_bytes = 64 * 1024,
		.no_delay = true,
		.idle_ns = IDLE_NS,
	};
	struct shard *shard = arg;
	struct connection *connection = calloc(1, sizeof(*connection));

	(void)listener;
	if (connection == NULL ||
	    gyre_stream_open(shard->loop, fd, &options, &ops, connection,
			     &connection->stream) < 0) {
		free(connection);
		close(fd);
		return;
	}
	connection->shard = shard;
	LIST_INSERT_HEAD(&shard->connections, connection, link);
}

/* -- the service --------------------------------------------------------- */

static int
start(const struct gyre_shard *gyre, void *arg, void **ret_state)
{
	struct shard *shard = calloc(1, sizeof(*shard));
	int result;

	if (shard == NULL)
		return -ENOMEM;
	shard->loop = gyre->loop;
	LIST_INIT(&shard->connections);
	result = gyre_listener_open(gyre->loop, arg, on_accept, shard,
				    &shard->listener);
	if (result < 0)
		free(shard);
	else
		*ret_state = shard;
	return result;
}

/* Who is in the middle of a request gets an answer; the others wait for none.
 */
static void
drain(const struct gyre_shard *gyre, void *state)
{
	struct shard *shard = state;
	struct connection *connection;

	(void)gyre;
	shard->is_draining = true;
	LIST_FOREACH(connection, &shard->connections, link)
	if (!connection->has_request)
		gyre_stream_close(connection->stream, true);
}

int
main(int argc, char **argv)
{
	static const struct gyre_service_ops http = {
		.name = "http",
		.start = start,
		.drain = drain,
		.free = free,
	};
	struct gyre_listener_options at = { .reuse_port = true };
	struct gyre_runtime_options options = { .stop_signals = true };
	struct gyre_runtime *runtime = NULL;
	int result = -1;

	at.port = argc > 1 ? (uint16_t)atoi(argv[1]) : 8080;
	options.loops = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
	if (gyre_runtime_new(&options, &runtime) == 0 &&
	    gyre_runtime_add_service(runtime, &http, &at) == 0)
		result = gyre_runtime_run(runtime);
	gyre_runtime_free(runtime);
	return result < 0;
}
