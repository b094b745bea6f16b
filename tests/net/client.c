#include "tests/net/client.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct client client;

static void
on_connect(struct gyre_stream *stream, void *arg)
{
	assert_ptr_equal(arg, &client);
	assert_ptr_equal(stream, client.stream);
	assert_false(client.connected);
	client.connected = true;
}

static void
on_close(struct gyre_stream *stream, int error, void *arg)
{
	assert_ptr_equal(arg, &client);
	assert_int_equal(gyre_stream_fd(stream), -1);
	client.stream = NULL;
	client.error = error;
}

const struct gyre_stream_ops client_ops = { .on_connect = on_connect,
					    .on_close = on_close };

void
start(const struct gyre_connect_options *options)
{
	client = (struct client){ .connected = false };
	assert_int_equal(gyre_stream_connect(loop, options, &client_ops,
					     &client, &client.stream),
			 0);
	/* Nobody is called inside the call. */
	assert_non_null(client.stream);
	assert_false(client.connected);
	assert_int_equal(gyre_stream_fd(client.stream), -1);
}

bool
is_decided(void *arg)
{
	(void)arg;
	return client.connected || client.stream == NULL;
}

bool
is_gone(void *arg)
{
	(void)arg;
	return client.stream == NULL;
}

void
expect_connected(void)
{
	run_until(is_decided, NULL);
	assert_true(client.connected);
	assert_non_null(client.stream);
}

void
expect_failed(int error)
{
	run_until(is_gone, NULL);
	assert_false(client.connected);
	assert_int_equal(client.error, error);
}

void
end(void)
{
	gyre_stream_close(client.stream, false);
	run_until(is_gone, NULL);
}

/* -- addresses and who listens there */

struct sockaddr_in
at_port(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

struct sockaddr_in6
at_port6(uint16_t port)
{
	return (struct sockaddr_in6){
		.sin6_family = AF_INET6,
		.sin6_port = htons(port),
		.sin6_addr = in6addr_loopback,
	};
}

struct gyre_connect_options
to_port(const struct sockaddr_in *in)
{
	return (struct gyre_connect_options){
		.address = { (const struct sockaddr *)in, sizeof(*in) },
	};
}

uint16_t
dead_port(void)
{
	uint16_t port;

	close(listen_at(0, &port));
	return port;
}

struct silent
be_silent(void)
{
	struct silent silent;

	silent.listener = listen_at(0, &silent.port);
	silent.first = connect_to(silent.port);
	return silent;
}

void
speak(const struct silent *silent)
{
	close(silent->first);
	close(silent->listener);
}

void
check_conversation(int listener, const char *at)
{
	char local[GYRE_ADDRESS_TEXT_MAX], peer[GYRE_ADDRESS_TEXT_MAX];
	char received[3];
	int fd;

	assert_int_equal(gyre_stream_write(client.stream, "abc", 3), 0);
	assert_int_equal(
		gyre_stream_peer_address(client.stream, peer, sizeof(peer)),
		-ENOTCONN);
	expect_connected();
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	receive_all(fd, received, 3);
	assert_memory_equal(received, "abc", 3);
	assert_int_equal(
		gyre_stream_peer_address(client.stream, peer, sizeof(peer)), 0);
	assert_int_equal(
		gyre_stream_local_address(client.stream, local, sizeof(local)),
		0);
	assert_string_equal(peer, at);
	assert_string_not_equal(local, at);
	assert_int_equal(
		gyre_stream_peer_address(client.stream, peer, strlen(at)),
		-ENOBUFS);
	close(fd);
	run_until(is_gone, NULL);
	assert_int_equal(client.error, 0);
}

/* -- the resolver */

struct gyre_address found[8];
size_t found_count;
struct gyre_future *asked;

static struct gyre_future *
resolve(struct gyre_resolver *resolver, struct gyre_loop *on,
	const struct gyre_resolve_options *options)
{
	struct gyre_addresses *addresses;
	struct gyre_future *future = gyre_addresses_future(on);

	(void)resolver;
	assert_string_equal(options->host, "test.example");
	if (future == NULL)
		return NULL;
	gyre_future_unref(asked);
	asked = gyre_future_ref(future);
	if (found_count == 0)
		return future;
	assert_int_equal(
		gyre_addresses_new(found, found_count, NULL, &addresses), 0);
	assert_int_equal(gyre_future_resolve(future, addresses), 0);
	return future;
}

static const struct gyre_resolver_ops resolver_ops = { .resolve = resolve };
static struct gyre_resolver resolver = { &resolver_ops };

struct gyre_connect_options
by_name(void)
{
	return (struct gyre_connect_options){
		.host = "test.example",
		.service = "1",
		.resolver = &resolver,
		/* Whatever is tried next is tried because the last failed. */
		.stagger_ns = GYRE_SECONDS(3600),
	};
}

int
client_setup(void **state)
{
	client = (struct client){ .connected = false };
	found_count = 0;
	return net_setup(state);
}

int
client_teardown(void **state)
{
	gyre_future_unref(asked);
	asked = NULL;
	return net_teardown(state);
}

void
find4(const struct sockaddr_in *in)
{
	found[found_count++] =
		(struct gyre_address){ (const struct sockaddr *)in,
				       sizeof(*in) };
}

void
find6(const struct sockaddr_in6 *in6)
{
	found[found_count++] =
		(struct gyre_address){ (const struct sockaddr *)in6,
				       sizeof(*in6) };
}
