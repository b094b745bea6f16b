/*
 * Loops on threads of their own shake hands with one struct gyre_tls, which
 * another thread reloads all the while. Each loop ends after so many
 * connections, and each connection is with one of the two certificates.
 */
#include "tests/tls/certificates.h"

#include "tests/net/harness.h"

#include <gyre/gyre.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOPS       3
#define CONNECTIONS 20
#define HOUR        3600

#define CHECK_THAT(what)                                                   \
	do {                                                               \
		if (!(what)) {                                             \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#what);                                    \
			abort();                                           \
		}                                                          \
	} while (0)

static struct gyre_tls *server_tls;
static struct gyre_tls *client_tls;
static atomic_uint running;

struct thread {
	pthread_t thread;
	struct gyre_loop *loop;
	struct gyre_stream *ends[2]; /* server's and client's */
	unsigned done;
	unsigned open;
};

static void start_one(void *arg);

static size_t
on_read(struct gyre_stream *stream, const void *data, size_t length, void *arg)
{
	struct thread *own = arg;

	if (stream == own->ends[0])
		CHECK_THAT(gyre_stream_write(stream, data, length) == 0);
	else
		gyre_stream_close(stream, true);
	return length;
}

static void
on_connect(struct gyre_stream *stream, void *arg)
{
	struct thread *own = arg;
	char text[80];

	if (stream != own->ends[1])
		return;
	CHECK_THAT(gyre_tls_peer_subject(stream, text, sizeof(text)) == 0);
	CHECK_THAT(strcmp(text, "CN=DNS:a.test") == 0);
	CHECK_THAT(gyre_stream_write(stream, "x", 1) == 0);
}

static void
on_close(struct gyre_stream *stream, int error, void *arg)
{
	struct thread *own = arg;

	(void)stream;
	CHECK_THAT(error == 0);
	if (--own->open > 0)
		return;
	if (++own->done == CONNECTIONS)
		gyre_loop_stop(own->loop);
	else
		CHECK_THAT(gyre_loop_add_callback(own->loop, start_one, own) ==
			   0);
}

static void
start_one(void *arg)
{
	static const struct gyre_stream_ops ops = {
		.on_read = on_read,
		.on_connect = on_connect,
		.on_close = on_close,
	};
	const struct gyre_tls_open_options server = { .tls = server_tls };
	const struct gyre_tls_open_options client = { .tls = client_tls,
						      .name = "a.test" };
	struct thread *own = arg;
	int fds[2];

	CHECK_THAT(socketpair(AF_UNIX,
			      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
			      fds) == 0);
	own->open = 2;
	CHECK_THAT(gyre_tls_open(own->loop, fds[0], &server, &ops, own,
				 &own->ends[0]) == 0);
	CHECK_THAT(gyre_tls_open(own->loop, fds[1], &client, &ops, own,
				 &own->ends[1]) == 0);
}

static void *
run_loop(void *arg)
{
	struct thread *own = arg;

	CHECK_THAT(gyre_loop_new(NULL, &own->loop) == 0);
	CHECK_THAT(gyre_loop_add_callback(own->loop, start_one, own) == 0);
	CHECK_THAT(gyre_loop_start(own->loop) == 0);
	CHECK_THAT(gyre_loop_close(own->loop, false) == 0);
	gyre_loop_free(own->loop);
	atomic_fetch_sub(&running, 1);
	return NULL;
}

static void
loops_shake_hands_while_it_is_reloaded(void **state)
{
	struct authority *authority = authority_new("the authority");
	struct gyre_tls_identity identities[2] = {
		identity_new(authority, "DNS:a.test", HOUR),
		identity_new(authority, "DNS:a.test", HOUR),
	};
	struct gyre_tls_options server = { .role = GYRE_TLS_SERVER,
					   .identities = identities,
					   .identities_count = 1 };
	const struct gyre_tls_options client = { .role = GYRE_TLS_CLIENT,
						 .ca = authority->pem };
	struct thread threads[LOOPS] = { { .done = 0 } };
	unsigned reloads = 0;

	(void)state;
	assert_int_equal(gyre_tls_new(&server, &server_tls), 0);
	assert_int_equal(gyre_tls_new(&client, &client_tls), 0);
	atomic_store(&running, LOOPS);
	for (size_t i = 0; i < LOOPS; i++)
		assert_int_equal(pthread_create(&threads[i].thread, NULL,
						run_loop, &threads[i]),
				 0);
	while (atomic_load(&running) > 0) {
		server.identities = &identities[++reloads % 2];
		assert_int_equal(gyre_tls_reload(server_tls, &server), 0);
		assert_int_equal(gyre_tls_reload(client_tls, &client), 0);
		usleep(1000);
	}
	for (size_t i = 0; i < LOOPS; i++) {
		pthread_join(threads[i].thread, NULL);
		assert_int_equal(threads[i].done, CONNECTIONS);
	}
	assert_true(reloads > 0);
	gyre_tls_unref(server_tls);
	gyre_tls_unref(client_tls);
	identity_free(&identities[0]);
	identity_free(&identities[1]);
	authority_free(authority);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loops_shake_hands_while_it_is_reloaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
