/*
 * Options that make no sense, or name what is not there: an error, and a line
 * in the log that says which. And no memory, for OpenSSL, at each of its calls
 * in turn.
 */
#include "tests/tls/pair.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool counts;
static unsigned calls;
static unsigned fail_at;
static size_t in_use; /* by OpenSSL */

static bool
fails(void)
{
	return counts && ++calls == fail_at;
}

static void *
take(size_t size, const char *file, int line)
{
	void *memory;

	(void)file;
	(void)line;
	memory = fails() ? NULL : malloc(size);
	in_use += malloc_usable_size(memory);
	return memory;
}

static void *
take_again(void *memory, size_t size, const char *file, int line)
{
	void *grown;

	(void)file;
	(void)line;
	if (fails())
		return NULL;
	in_use -= malloc_usable_size(memory);
	grown = realloc(memory, size);
	in_use += malloc_usable_size(grown);
	return grown;
}

static void
give_back(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	in_use -= malloc_usable_size(memory);
	free(memory);
}

static void
expect_refused(const struct gyre_tls_options *options, int error,
	       const char *text)
{
	struct gyre_tls *none = NULL;

	log_last[0] = '\0';
	assert_int_equal(gyre_tls_new(options, &none), error);
	assert_null(none);
	if (strstr(log_last, text) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", log_last, text);
	assert_int_equal(gyre_tls_reload(server_tls, options), error);
}

static void
a_certificate_must_be_one(void **state)
{
	static const char text[] = "this is no certificate";
	struct gyre_tls_identity own = identity_a;
	struct gyre_tls_options with = server_options();

	(void)state;
	with.identities_count = 0;
	expect_refused(&with, -EINVAL, "a server needs a certificate");
	with.identities_count = 1;
	with.identities = &own;
	own.certificate = (struct gyre_bytes){ text, strlen(text) };
	expect_refused(&with, -EINVAL, "the certificate in memory is no good");
	own = identity_a;
	own.key = identity_b.key;
	expect_refused(&with, -EINVAL, "the key in memory is not the");
	own.key = encrypted_key(authority);
	expect_refused(&with, -EINVAL, "the key in memory is no good");
	bytes_free(&own.key);
	/* Half of it. */
	own = identity_a;
	own.certificate.length /= 2;
	expect_refused(&with, -EINVAL, "the certificate in memory is no good");
}

static void
a_file_must_be_there(void **state)
{
	struct gyre_tls_identity own = { .certificate_file =
						 "/nowhere/cert.pem" };
	struct gyre_tls_options with = server_options();

	(void)state;
	with.identities = &own;
	expect_refused(&with, -ENOENT,
		       "cannot read the certificate /nowhere/cert.pem: ENOENT");
	with.identities = &identity_a;
	with.ca_file = "/nowhere/ca.pem";
	expect_refused(&with, -ENOENT, "/nowhere/ca.pem: ENOENT");
}

/* One file may have both. */
static void
files_serve_as_memory_does(void **state)
{
	char path[] = "/tmp/gyre-tls-XXXXXX";
	int fd = mkstemp(path);
	struct gyre_tls_identity own = { .certificate_file = path };
	struct gyre_tls_options with = server_options();
	struct gyre_tls_options client_with = client_options();

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, identity_a.certificate.data,
			       identity_a.certificate.length),
			 identity_a.certificate.length);
	assert_int_equal(write(fd, identity_a.key.data, identity_a.key.length),
			 identity_a.key.length);
	close(fd);
	with.identities = &own;
	use(&with, &client_with);
	unlink(path);
	begin("a.test");
	expect_handshake();
	end_pair();
}

static void
contradictions_are_refused(void **state)
{
	struct gyre_tls_options with = server_options();

	(void)state;
	with.verify = GYRE_TLS_VERIFY_REQUIRED;
	expect_refused(&with, -EINVAL, "nobody is trusted");
	with.ca = (struct gyre_bytes){ "", 0 };
	expect_refused(&with, -EINVAL, "list of who is trusted");
	with = server_options();
	with.min_version = GYRE_TLS_VERSION_1_3;
	with.max_version = GYRE_TLS_VERSION_1_2;
	expect_refused(&with, -EINVAL, "above the highest");
	with = server_options();
	with.alpn = "h2,,kv";
	expect_refused(&with, -EINVAL, "h2,,kv is no list of protocols");
	with = client_options();
	with.verify = GYRE_TLS_VERIFY_OPTIONAL;
	log_last[0] = '\0';
	assert_int_equal(gyre_tls_new(&with, &client_tls), -EINVAL);
	assert_non_null(strstr(log_last, "never optional"));
}

static void
other_streams_are_not_asked(void **state)
{
	struct gyre_tls_info info;
	int fds[2];
	char text[8];

	(void)state;
	server = recorder_new();
	unix_pair(fds);
	recorder_open(server, fds, NULL);
	assert_int_equal(gyre_tls_get_info(server->stream, &info), -EINVAL);
	assert_int_equal(
		gyre_tls_peer_subject(server->stream, text, sizeof(text)),
		-EINVAL);
	assert_string_equal(gyre_tls_error_text(server->stream), "");
	gyre_stream_close(server->stream, false);
	run_until_closed(server);
	gyre_tls_unref(NULL);
}

/* Whichever of OpenSSL's allocations fails, opening does or does not, and
 * leaves nothing. */
static void
memory_may_fail_at_any_call_of_opening(void **state)
{
	struct gyre_tls_open_options options = { .tls = server_tls };
	struct gyre_stream *stream = NULL;
	unsigned refused = 0;
	int fds[2];
	int status;

	(void)state;
	unix_pair(fds);
	for (fail_at = 1; stream == NULL; fail_at++) {
		assert_true(fail_at < 1000);
		calls = 0;
		counts = true;
		server = recorder_new();
		status = gyre_tls_open(loop, fds[0], &options, &recorder_ops,
				       server, &stream);
		counts = false;
		if (status == 0)
			break;
		assert_int_equal(status, -ENOMEM);
		refused++;
		recorder_free(server);
	}
	assert_true(refused > 3);
	server->peer = fds[1];
	server->stream = stream;
	gyre_stream_close(stream, false);
	run_until_closed(server);
}

/* An idle connection keeps no buffers, which alone would be 33 KiB each side:
 * what it has is OpenSSL's state, and the peer's certificate. */
static void
an_idle_connection_is_small(void **state)
{
	size_t before;

	(void)state;
	begin("a.test");
	expect_handshake();
	end_pair();
	before = in_use;
	begin("a.test");
	expect_handshake();
	check_echo(100000);
	print_message("a pair takes %zu bytes\n", in_use - before);
	assert_true(in_use - before < 2 * 24 * 1024);
	end_pair();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_TEST(a_certificate_must_be_one),
		TLS_TEST(a_file_must_be_there),
		TLS_TEST(files_serve_as_memory_does),
		TLS_TEST(contradictions_are_refused),
		TLS_TEST(other_streams_are_not_asked),
		TLS_TEST(memory_may_fail_at_any_call_of_opening),
		TLS_TEST(an_idle_connection_is_small),
	};

	if (CRYPTO_set_mem_functions(take, take_again, give_back) != 1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
