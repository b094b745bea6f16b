/*
 * What handshakes agree on, and whom they refuse: versions, names,
 * certificates of both sides, application protocols, sessions, reloads.
 */
#include "tests/tls/pair.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOUR 3600

static void
bytes_go_both_ways(void **state)
{
	struct gyre_tls_options with = client_options();
	struct gyre_tls_options server_with = server_options();
	struct gyre_tls_info info;

	(void)state;
	begin("a.test");
	assert_int_equal(gyre_tls_get_info(client->stream, &info), -ENOTCONN);
	expect_handshake();
	assert_string_equal(info_of(client).protocol, "TLSv1.3");
	assert_string_equal(info_of(server).protocol, "TLSv1.3");
	assert_string_equal(info_of(server).server_name, "a.test");
	assert_string_equal(info_of(server).cipher, info_of(client).cipher);
	check_echo(100);
	check_echo(300000);
	end_pair();
	with.max_version = GYRE_TLS_VERSION_1_2;
	use(&server_with, &with);
	begin("a.test");
	expect_handshake();
	assert_string_equal(info_of(server).protocol, "TLSv1.2");
	check_echo(300000);
	end_pair();
}

static void
what_is_written_before_waits(void **state)
{
	(void)state;
	begin("a.test");
	assert_int_equal(gyre_stream_write(client->stream, "early", 5), 0);
	gyre_stream_shutdown(client->stream);
	run_until(has_ended, server);
	assert_int_equal(server->length, 5);
	/* One side may go on when the other has ended. */
	assert_int_equal(gyre_stream_write(server->stream, "late", 4), 0);
	gyre_stream_close(server->stream, true);
	run_until_closed(client);
	assert_int_equal(client->length, 4);
	expect_failure(0, 0);
}

/* -- the server's certificate ---------------------------------------------- */

static void
another_name_is_refused(void **state)
{
	(void)state;
	begin("b.test");
	expect_failure(-EPROTO, -EACCES);
	assert_non_null(strstr(client_text, "ostname mismatch"));
	assert_non_null(strstr(server_text, "the peer refuses: "));
	assert_int_equal(client->connects, 0);
}

static void
an_address_is_a_name_too(void **state)
{
	(void)state;
	begin("127.0.0.1");
	expect_handshake();
	assert_null(info_of(server).server_name);
	end_pair();
	begin("127.0.0.2");
	expect_failure(-EPROTO, -EACCES);
	assert_non_null(strstr(client_text, "IP address mismatch"));
}

static void
a_dot_ends_a_name(void **state)
{
	(void)state;
	begin("a.test.");
	expect_handshake();
	assert_string_equal(info_of(server).server_name, "a.test");
	end_pair();
}

static void
without_a_name_nobody_is_verified(void **state)
{
	struct gyre_tls_open_options options = { .tls = client_tls };
	struct gyre_stream *none = NULL;
	struct gyre_tls_options with = client_options();
	struct gyre_tls_options server_with = server_options();
	int fds[2];

	(void)state;
	unix_pair(fds);
	assert_int_equal(gyre_tls_open(loop, fds[0], &options, &recorder_ops,
				       NULL, &none),
			 -EINVAL);
	options.tls = server_tls;
	options.name = "a.test";
	assert_int_equal(gyre_tls_open(loop, fds[0], &options, &recorder_ops,
				       NULL, &none),
			 -EINVAL);
	assert_null(none);
	close(fds[0]);
	close(fds[1]);
	with.verify = GYRE_TLS_VERIFY_NONE;
	use(&server_with, &with);
	begin(NULL);
	expect_handshake();
	end_pair();
	/* The name is asked for, and not looked at. */
	begin("b.test");
	expect_handshake();
	assert_string_equal(info_of(server).server_name, "b.test");
	end_pair();
}

static void
a_stranger_is_not_trusted(void **state)
{
	struct gyre_tls_options with = server_options();
	struct gyre_tls_options client_with = client_options();
	struct gyre_tls_identity own =
		identity_new(stranger, "DNS:a.test", HOUR);

	(void)state;
	with.identities = &own;
	use(&with, &client_with);
	begin("a.test");
	expect_failure(-EPROTO, -EACCES);
	assert_non_null(strstr(client_text, "unable to get local issuer"));
	assert_non_null(strstr(server_text, "unknown ca"));
	identity_free(&own);
}

static void
an_expired_one_is_refused(void **state)
{
	struct gyre_tls_options with = server_options();
	struct gyre_tls_options client_with = client_options();
	struct gyre_tls_identity own =
		identity_new(authority, "DNS:a.test", -60);

	(void)state;
	with.identities = &own;
	use(&with, &client_with);
	begin("a.test");
	expect_failure(-EPROTO, -EACCES);
	assert_non_null(strstr(client_text, "certificate has expired"));
	identity_free(&own);
}

static void
the_name_asked_for_chooses_the_certificate(void **state)
{
	struct gyre_tls_options with = server_options();
	struct gyre_tls_options client_with = client_options();
	struct gyre_tls_identity both[2] = { identity_a, identity_b };
	char text[80];

	(void)state;
	with.identities = both;
	with.identities_count = 2;
	use(&with, &client_with);
	begin("b.test");
	expect_handshake();
	assert_int_equal(
		gyre_tls_peer_subject(client->stream, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "DNS:b.test"));
	end_pair();
	begin("any.c.test");
	expect_handshake();
	end_pair();
	/* Of no name's, the first one. */
	begin("d.test");
	expect_failure(-EPROTO, -EACCES);
	begin("a.test");
	expect_handshake();
	assert_int_equal(gyre_tls_peer_subject(client->stream, text, 5),
			 -ENOBUFS);
	end_pair();
}

/* -- the client's certificate ---------------------------------------------- */

static struct gyre_tls_options
verifying(enum gyre_tls_verify verify)
{
	struct gyre_tls_options with = server_options();

	with.verify = verify;
	with.ca = authority->pem;
	return with;
}

static void
a_client_must_show_its_certificate(void **state)
{
	struct gyre_tls_options with = verifying(GYRE_TLS_VERIFY_REQUIRED);
	struct gyre_tls_options client_with = client_options();
	unsigned char der[2048];
	char text[80];
	int length;

	(void)state;
	use(&with, &client_with);
	begin("a.test");
	expect_failure(-EACCES, -EPROTO);
	assert_string_equal(server_text, "the peer shows no certificate");
	assert_non_null(strstr(client_text, "certificate required"));
	assert_int_equal(server->connects, 0);
	client_with.identities = &identity_client;
	client_with.identities_count = 1;
	use(&with, &client_with);
	begin("a.test");
	expect_handshake();
	assert_int_equal(
		gyre_tls_peer_subject(server->stream, text, sizeof(text)), 0);
	assert_string_equal(text, "CN=DNS:client.test");
	length = gyre_tls_peer_certificate(server->stream, der, sizeof(der));
	assert_true(length > 0);
	assert_int_equal(der[0], 0x30);
	assert_int_equal(gyre_tls_peer_certificate(server->stream, der, 10),
			 -ENOBUFS);
	end_pair();
}

static void
a_client_may_show_a_good_one_or_none(void **state)
{
	struct gyre_tls_options with = verifying(GYRE_TLS_VERIFY_OPTIONAL);
	struct gyre_tls_options client_with = client_options();
	struct gyre_tls_identity bad = identity_new(stranger, "DNS:x", HOUR);
	char text[80];

	(void)state;
	use(&with, &client_with);
	begin("a.test");
	expect_handshake();
	assert_int_equal(
		gyre_tls_peer_subject(server->stream, text, sizeof(text)),
		-ENOENT);
	end_pair();
	client_with.identities = &bad;
	client_with.identities_count = 1;
	use(&with, &client_with);
	begin("a.test");
	expect_failure(-EACCES, -EPROTO);
	identity_free(&bad);
}

/* -- application protocols and versions ------------------------------------ */

static void
they_agree_on_an_application_protocol(void **state)
{
	struct gyre_tls_options with = server_options();
	struct gyre_tls_options client_with = client_options();

	(void)state;
	with.alpn = "h2,http/1.1";
	client_with.alpn = "http/1.1,kv,h2";
	use(&with, &client_with);
	begin("a.test");
	expect_handshake();
	/* The server's best. */
	assert_int_equal(info_of(client).alpn.length, 2);
	assert_memory_equal(info_of(client).alpn.data, "h2", 2);
	assert_memory_equal(info_of(server).alpn.data, "h2", 2);
	end_pair();
	client_with.alpn = NULL;
	use(&with, &client_with);
	begin("a.test");
	expect_handshake();
	assert_int_equal(info_of(server).alpn.length, 0);
	end_pair();
	client_with.alpn = "kv";
	use(&with, &client_with);
	begin("a.test");
	expect_failure(-EPROTO, -EPROTO);
	assert_non_null(strstr(client_text, "no application protocol"));
}

static void
without_a_common_version_there_is_none(void **state)
{
	struct gyre_tls_options with = server_options();
	struct gyre_tls_options client_with = client_options();

	(void)state;
	with.min_version = GYRE_TLS_VERSION_1_3;
	client_with.max_version = GYRE_TLS_VERSION_1_2;
	use(&with, &client_with);
	begin("a.test");
	expect_failure(-EPROTO, -EPROTO);
	assert_non_null(strstr(server_text, "unsupported protocol"));
	assert_non_null(strstr(client_text, "protocol version"));
}

/* -- sessions and reloads -------------------------------------------------- */

/* Connect by name, as the tests of sessions do. */
static void
connect_to_server(uint16_t port, int listener)
{
	char service[8];
	struct gyre_tls_connect_options options = {
		.tls = client_tls,
		.name = "a.test",
		.connect = { .host = "127.0.0.1", .service = service },
	};
	const struct gyre_tls_open_options accepted = { .tls = server_tls };
	int fd;

	snprintf(service, sizeof(service), "%u", port);
	client = recorder_new();
	server = recorder_new();
	assert_int_equal(gyre_tls_connect(loop, &options, &recorder_ops, client,
					  &client->stream),
			 0);
	while (gyre_stream_fd(client->stream) < 0)
		run_for(GYRE_MS(1));
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(gyre_tls_open(loop, fd, &accepted, &recorder_ops,
				       server, &server->stream),
			 0);
	expect_handshake();
	assert_int_equal(info_of(client).resumed, info_of(server).resumed);
}

static bool
is_resumed(uint16_t port, int listener)
{
	bool resumed;

	connect_to_server(port, listener);
	resumed = info_of(client).resumed;
	/* A ticket comes behind the handshake. */
	check_echo(10);
	end_pair();
	recorder_free(client);
	recorder_free(server);
	client = server = NULL;
	return resumed;
}

static void
a_session_is_resumed(void **state)
{
	uint16_t port;
	int listener = listen_at(1, &port);
	struct gyre_tls_options with = server_options();
	struct gyre_tls_options client_with = client_options();

	(void)state;
	assert_false(is_resumed(port, listener));
	assert_true(is_resumed(port, listener));
	assert_true(is_resumed(port, listener));
	/* Whom to trust may be another matter now. */
	assert_int_equal(gyre_tls_reload(client_tls, &client_with), 0);
	assert_false(is_resumed(port, listener));
	assert_true(is_resumed(port, listener));
	assert_int_equal(gyre_tls_reload(server_tls, &with), 0);
	assert_false(is_resumed(port, listener));
	assert_true(is_resumed(port, listener));
	client_with.max_version = GYRE_TLS_VERSION_1_2;
	use(&with, &client_with);
	assert_false(is_resumed(port, listener));
	assert_true(is_resumed(port, listener));
	with.no_resumption = true;
	use(&with, &client_with);
	assert_false(is_resumed(port, listener));
	assert_false(is_resumed(port, listener));
	close(listener);
}

static void
a_reload_is_for_what_begins(void **state)
{
	struct gyre_tls_options with = server_options();
	char text[80];

	(void)state;
	with.identities = &identity_b;
	begin("a.test");
	expect_handshake();
	assert_int_equal(gyre_tls_reload(server_tls, &with), 0);
	check_echo(1000);
	end_pair();
	begin("b.test");
	expect_handshake();
	assert_int_equal(
		gyre_tls_peer_subject(client->stream, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "DNS:b.test"));
	end_pair();
	/* One that fails changes nothing. */
	with.identities_count = 0;
	assert_int_equal(gyre_tls_reload(server_tls, &with), -EINVAL);
	with.role = GYRE_TLS_CLIENT;
	assert_int_equal(gyre_tls_reload(server_tls, &with), -EINVAL);
	begin("b.test");
	expect_handshake();
	end_pair();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_TEST(bytes_go_both_ways),
		TLS_TEST(what_is_written_before_waits),
		TLS_TEST(another_name_is_refused),
		TLS_TEST(an_address_is_a_name_too),
		TLS_TEST(a_dot_ends_a_name),
		TLS_TEST(without_a_name_nobody_is_verified),
		TLS_TEST(a_stranger_is_not_trusted),
		TLS_TEST(an_expired_one_is_refused),
		TLS_TEST(the_name_asked_for_chooses_the_certificate),
		TLS_TEST(a_client_must_show_its_certificate),
		TLS_TEST(a_client_may_show_a_good_one_or_none),
		TLS_TEST(they_agree_on_an_application_protocol),
		TLS_TEST(without_a_common_version_there_is_none),
		TLS_TEST(a_session_is_resumed),
		TLS_TEST(a_reload_is_for_what_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
