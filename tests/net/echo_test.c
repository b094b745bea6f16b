/*
 * An echo server on a loop of its own thread, and clients that connect, send,
 * half-close and read back from another: many at once, then the same again
 * with a server whose every read and write is cut short.
 *
 * cmocka's asserts work on the test's thread alone: the server's side checks
 * with CHECK, which aborts.
 */
#include "tests/net/harness.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS      400
#define CLIENT_BYTES 20000u

#define CHECK(x)                                                           \
	do {                                                               \
		if (!(x)) {                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#x);                                       \
			abort();                                           \
		}                                                          \
	} while (0)

struct server {
	struct gyre_listener *listener;
	unsigned opened;
	unsigned closed;
};

static size_t
on_read(struct gyre_stream *stream, const void *data, size_t length, void *arg)
{
	(void)arg;
	CHECK(gyre_stream_write(stream, data, length) == 0);
	return length;
}

static void
on_close(struct gyre_stream *stream, int error, void *arg)
{
	struct server *server = arg;

	(void)stream;
	CHECK(error == 0);
	if (++server->closed == CLIENTS) {
		gyre_listener_close(server->listener);
		gyre_loop_stop(loop);
	}
}

static void
on_accept(struct gyre_listener *listener, int fd, void *arg)
{
	static const struct gyre_stream_ops ops = { .on_read = on_read,
						    .on_close = on_close };
	struct server *server = arg;
	struct gyre_stream *stream;

	(void)listener;
	CHECK(gyre_stream_open(loop, fd, NULL, &ops, server, &stream) == 0);
	server->opened++;
}

static void *
run_server(void *arg)
{
	(void)arg;
	CHECK(gyre_loop_start(loop) == 0);
	return NULL;
}

/* -- the clients' side ------------------------------------------------------
 */

struct client {
	int fd;
	size_t sent;
	size_t received;
	unsigned char key;
	bool done;
};

static unsigned char
byte_of(const struct client *client, size_t at)
{
	return (unsigned char)(client->key + at * 7 + at / 251);
}

static void
client_send(struct client *client)
{
	unsigned char bytes[1500];
	size_t length = CLIENT_BYTES - client->sent;
	ssize_t sent;

	if (length > sizeof(bytes))
		length = sizeof(bytes);
	for (size_t i = 0; i < length; i++)
		bytes[i] = byte_of(client, client->sent + i);
	sent = send(client->fd, bytes, length, MSG_NOSIGNAL);
	assert_true(sent > 0);
	client->sent += (size_t)sent;
	if (client->sent == CLIENT_BYTES)
		shutdown(client->fd, SHUT_WR);
}

static void
client_receive(struct client *client)
{
	unsigned char bytes[4096];
	ssize_t received = recv(client->fd, bytes, sizeof(bytes), 0);

	assert_true(received >= 0);
	for (ssize_t i = 0; i < received; i++)
		assert_int_equal(bytes[i],
				 byte_of(client, client->received + (size_t)i));
	client->received += (size_t)received;
	if (received > 0)
		return;
	assert_int_equal(client->received, CLIENT_BYTES);
	close(client->fd);
	client->fd = -1;
	client->done = true;
}

/* One turn for all clients; returns how many are not done. */
static unsigned
turn(struct client *clients)
{
	struct pollfd polls[CLIENTS];
	unsigned left = 0;

	for (unsigned i = 0; i < CLIENTS; i++) {
		bool sending = clients[i].sent < CLIENT_BYTES;

		polls[i] = (struct pollfd){
			.fd = clients[i].fd,
			.events = (short)(POLLIN | (sending ? POLLOUT : 0)),
		};
	}
	assert_true(poll(polls, CLIENTS, 10000) > 0);
	for (unsigned i = 0; i < CLIENTS; i++) {
		if ((polls[i].revents & POLLOUT) != 0)
			client_send(&clients[i]);
		if ((polls[i].revents & (POLLIN | POLLHUP)) != 0)
			client_receive(&clients[i]);
		left += !clients[i].done;
	}
	return left;
}

static void
check_many_clients(void)
{
	static struct client clients[CLIENTS];
	struct server server = { .opened = 0 };
	pthread_t thread;

	memset(clients, 0, sizeof(clients));
	assert_int_equal(gyre_listener_open(loop, NULL, on_accept, &server,
					    &server.listener),
			 0);
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i].key = (unsigned char)i;
		clients[i].fd = connect_to(gyre_listener_port(server.listener));
	}
	assert_int_equal(pthread_create(&thread, NULL, run_server, NULL), 0);
	while (turn(clients) > 0)
		continue;
	pthread_join(thread, NULL);
	assert_int_equal(server.opened, CLIENTS);
	assert_int_equal(server.closed, CLIENTS);
}

static void
many_clients_get_back_what_they_sent(void **state)
{
	(void)state;
	check_many_clients();
}

static void
many_clients_survive_short_calls(void **state)
{
	(void)state;
	faults.recv_max = 700;
	faults.send_max = 333;
	faults.again_every = 5;
	check_many_clients();
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, net_setup, net_teardown)
	const struct CMUnitTest tests[] = {
		TEST(many_clients_get_back_what_they_sent),
		TEST(many_clients_survive_short_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
