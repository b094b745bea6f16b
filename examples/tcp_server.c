/*
 * The simple server of Tornado's IOLoop page: accept until nobody waits, read
 * each connection until it is closed, print the message.
 *
 *     tcp_server [port]     8888 unless given; 0: any free one
 *     echo hello | nc -N 127.0.0.1 8888
 *
 * A server that must live on when descriptors run out, or that has a loop per
 * core, uses gyre_listener_open() instead of accepting by itself.
 */
#define _POSIX_C_SOURCE 200809L

#include <gyre/gyre.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct message {
	FILE *file; /* writes into text */
	char *text;
	size_t length;
};

static size_t
on_read(struct gyre_stream *stream, const void *data, size_t length, void *arg)
{
	(void)stream;
	return fwrite(data, 1, length, ((struct message *)arg)->file);
}

/* With no on_end, the stream closes when its client does. */
static void
on_close(struct gyre_stream *stream, int error, void *arg)
{
	struct message *message = arg;

	(void)stream;
	fclose(message->file);
	if (error == 0)
		printf("message from client: %s\n", message->text);
	free(message->text);
	free(message);
}

static void
handle_connection(struct gyre_loop *loop, int connection)
{
	static const struct gyre_stream_ops ops = { .on_read = on_read,
						    .on_close = on_close };
	struct message *message = calloc(1, sizeof(*message));
	struct gyre_stream *stream;

	fcntl(connection, F_SETFL, O_NONBLOCK);
	if (message != NULL)
		message->file =
			open_memstream(&message->text, &message->length);
	if (message == NULL || message->file == NULL ||
	    gyre_stream_open(loop, connection, NULL, &ops, message, &stream) <
		    0)
		abort(); /* no memory: the end of a simple server */
}

static void
connection_ready(int fd, unsigned events, void *arg)
{
	int connection;

	(void)events;
	while ((connection = accept(fd, NULL, NULL)) >= 0)
		handle_connection(arg, connection);
	if (errno != EWOULDBLOCK && errno != EAGAIN)
		gyre_raise(-errno, "accept");
}

static int
listen_on(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (bind(fd, (struct sockaddr *)&address, length) < 0 ||
	    listen(fd, 128) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
		perror("listen");
		exit(1);
	}
	printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
	return fd;
}

int
main(int argc, char **argv)
{
	struct gyre_loop *loop = gyre_loop_current(true);
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = listen_on(argc > 1 ? atoi(argv[1]) : 8888);
	if (gyre_loop_add_handler(loop, fd, GYRE_READ, connection_ready, loop) <
	    0)
		return 1;
	return gyre_loop_start(loop) < 0;
}
