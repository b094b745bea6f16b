/*
 * Connections that wander from shard to shard while their clients talk to them,
 * and a stop in the middle of it.
 *
 * Each answers what it gets in pieces of a random length, and goes to the next
 * shard after some of them, with the rest of what it was given. Not a byte may
 * be lost, come twice or out of order, and nothing may be left at the end.
 */
#include "tests/support/loop_fixture.h"

#include <gyre/gyre.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define SHARDS  3u
#define CLIENTS 8u
#define ROUNDS  150u
#define BYTES   1000u

static struct gyre_runtime *runtime;
static struct gyre_limit limit;
static _Atomic uint16_t port;
static atomic_uint moves;
static atomic_uint living; /* connections */

struct connection {
	struct gyre_task task; /* while it is under way */
	struct gyre_detached *detached;
	uint64_t seed;
};

/* -- the shards ----------------------------------------------------------- */

static void
end(struct connection *connection)
{
	atomic_fetch_sub(&living, 1);
	free(connection);
}

static void
drop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct connection *connection = (struct connection *)task;

	(void)reason;
	gyre_detached_free(connection->detached);
	end(connection);
}

static void
go_on(struct gyre_stream *stream, struct connection *connection, size_t used)
{
	unsigned next = (gyre_shard_current()->index + 1) % SHARDS;

	CHECK(gyre_stream_detach(stream, used, &connection->detached) == 0);
	atomic_fetch_add(&moves, 1);
	if (gyre_bus_post(gyre_runtime_bus(runtime), next, &connection->task) <
	    0)
		drop(&connection->task, GYRE_DROP_STOPPED);
}

static size_t
on_read(struct gyre_stream *stream, const void *data, size_t length, void *arg)
{
	struct connection *connection = arg;
	uint64_t number = next_random(&connection->seed);
	size_t used = 1 + number % length;

	CHECK(gyre_stream_write(stream, data, used) == 0);
	if (number >> 32 & 1)
		go_on(stream, connection, used);
	return used;
}

static void
on_close(struct gyre_stream *stream, int error, void *arg)
{
	(void)stream;
	CHECK(error == 0 || error == -ESHUTDOWN || error == -ECONNRESET ||
	      error == -EPIPE);
	end(arg);
}

static const struct gyre_stream_ops ops = { .on_read = on_read,
					    .on_close = on_close };

static void
arrive(struct gyre_task *task)
{
	struct connection *connection = (struct connection *)task;
	struct gyre_stream *stream;

	CHECK(gyre_stream_attach(gyre_loop_current(false), connection->detached,
				 &ops, connection, &stream) == 0);
}

static void
on_accept(struct gyre_listener *listener, int fd, void *arg)
{
	const struct gyre_stream_options options = { .no_delay = true,
						     .limit = &limit };
	struct connection *connection = calloc(1, sizeof(*connection));
	struct gyre_stream *stream;

	(void)listener;
	(void)arg;
	CHECK(connection != NULL);
	connection->task = (struct gyre_task){ .run = arrive, .drop = drop };
	connection->seed = first_seed(42) + (uint64_t)fd;
	atomic_fetch_add(&living, 1);
	CHECK(gyre_stream_open(gyre_loop_current(false), fd, &options, &ops,
			       connection, &stream) == 0);
}

static int
start(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	const struct gyre_listener_options options = { .limit = &limit };
	struct gyre_listener *listener;

	(void)arg;
	(void)ret_state;
	if (shard->index != 0)
		return 0;
	CHECK(gyre_listener_open(shard->loop, &options, on_accept, NULL,
				 &listener) == 0);
	atomic_store(&port, gyre_listener_port(listener));
	return 0;
}

static const struct gyre_service_ops wanderers = { .name = "wanderers",
						   .start = start };

/* -- the clients ---------------------------------------------------------- */

static int clients[CLIENTS];

static void
connect_clients(void)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(atomic_load(&port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_true(clients[i] >= 0);
		assert_int_equal(connect(clients[i],
					 (const struct sockaddr *)&address,
					 sizeof(address)),
				 0);
	}
}

static void
write_to(unsigned client, unsigned char *bytes, unsigned round)
{
	for (unsigned i = 0; i < BYTES; i++)
		bytes[i] = (unsigned char)(client * 31 + round * 7 + i);
	assert_int_equal(send(clients[client], bytes, BYTES, MSG_NOSIGNAL),
			 BYTES);
}

static void
talk(unsigned round)
{
	unsigned char sent[CLIENTS][BYTES];
	unsigned char bytes[BYTES];

	for (unsigned i = 0; i < CLIENTS; i++)
		write_to(i, sent[i], round);
	for (unsigned i = 0; i < CLIENTS; i++) {
		assert_int_equal(recv(clients[i], bytes, BYTES, MSG_WAITALL),
				 BYTES);
		assert_memory_equal(bytes, sent[i], BYTES);
	}
}

static void
connections_wander_and_lose_nothing(void **state)
{
	const struct gyre_runtime_options options = {
		.loops = SHARDS,
		.pin = GYRE_PIN_NONE,
		._sys = &fake_sys,
	};
	unsigned char bytes[BYTES];

	(void)state;
	fake_reset();
	limit.max = CLIENTS;
	assert_int_equal(gyre_runtime_new(&options, &runtime), 0);
	assert_int_equal(gyre_runtime_add_service(runtime, &wanderers, NULL),
			 0);
	assert_int_equal(gyre_runtime_start(runtime), 0);
	connect_clients();
	for (unsigned round = 0; round < ROUNDS; round++)
		talk(round);
	assert_true(atomic_load(&moves) > ROUNDS);
	/* Half of them go, and the stop finds the others at it. */
	for (unsigned i = 0; i < CLIENTS / 2; i++)
		close(clients[i]);
	for (unsigned i = CLIENTS / 2; i < CLIENTS; i++)
		write_to(i, bytes, 0);
	gyre_runtime_stop(runtime);
	assert_int_equal(gyre_runtime_wait(runtime), 0);
	gyre_runtime_free(runtime);
	for (unsigned i = CLIENTS / 2; i < CLIENTS; i++)
		close(clients[i]);
	assert_int_equal(atomic_load(&living), 0);
	assert_int_equal(gyre_limit_taken(&limit), 0);
	assert_int_equal(fake_counts().allocations, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_wander_and_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
