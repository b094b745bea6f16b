#include "tests/tls/pair.h"

#include <stdlib.h>
#include <string.h>

#define HOUR 3600

struct authority *authority;
struct authority *stranger;
struct gyre_tls_identity identity_a;
struct gyre_tls_identity identity_b;
struct gyre_tls_identity identity_client;
struct gyre_tls *server_tls;
struct gyre_tls *client_tls;
struct recorder *server;
struct recorder *client;
struct gyre_stream_options client_stream;
char server_text[160];
char client_text[160];

static void
on_line(enum gyre_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	log_lines++;
	snprintf(log_last, sizeof(log_last), "%s", line);
}

struct gyre_tls_options
server_options(void)
{
	return (struct gyre_tls_options){
		.role = GYRE_TLS_SERVER,
		.identities = &identity_a,
		.identities_count = 1,
		.log.fn = on_line,
	};
}

struct gyre_tls_options
client_options(void)
{
	return (struct gyre_tls_options){
		.role = GYRE_TLS_CLIENT,
		.ca = authority->pem,
		.log.fn = on_line,
	};
}

void
use(const struct gyre_tls_options *server_with,
    const struct gyre_tls_options *client_with)
{
	gyre_tls_unref(server_tls);
	gyre_tls_unref(client_tls);
	assert_int_equal(gyre_tls_new(server_with, &server_tls), 0);
	assert_int_equal(gyre_tls_new(client_with, &client_tls), 0);
}

int
tls_setup(void **state)
{
	struct gyre_tls_options server_with;
	struct gyre_tls_options client_with;
	int status = net_setup(state);

	client_stream = (struct gyre_stream_options){ .read_max_bytes = 0 };
	authority = authority_new("the authority");
	stranger = authority_new("a stranger");
	identity_a = identity_new(authority, "DNS:a.test,IP:127.0.0.1", HOUR);
	identity_b = identity_new(authority, "DNS:b.test,DNS:*.c.test", HOUR);
	identity_client = identity_new(authority, "DNS:client.test", HOUR);
	server_with = server_options();
	client_with = client_options();
	use(&server_with, &client_with);
	server_text[0] = client_text[0] = '\0';
	return status;
}

static void
free_recorder(struct recorder **recorder)
{
	if (*recorder == NULL)
		return;
	(*recorder)->stream = NULL;
	recorder_free(*recorder);
	*recorder = NULL;
}

int
tls_teardown(void **state)
{
	gyre_tls_unref(server_tls);
	gyre_tls_unref(client_tls);
	server_tls = client_tls = NULL;
	identity_free(&identity_a);
	identity_free(&identity_b);
	identity_free(&identity_client);
	authority_free(authority);
	authority_free(stranger);
	free_recorder(&server);
	free_recorder(&client);
	return net_teardown(state);
}

static void
keep_text(struct recorder *recorder)
{
	char *text = recorder == server ? server_text : client_text;

	snprintf(text, sizeof(server_text), "%s",
		 gyre_tls_error_text(recorder->stream));
}

static struct recorder *
open_end(int fd, struct gyre_tls *tls, const char *name)
{
	const struct gyre_tls_open_options options = {
		.tls = tls,
		.name = name,
		.stream =
			name != NULL
				? client_stream
				: (struct gyre_stream_options){ .limit = NULL },
	};
	struct recorder *recorder = recorder_new();

	recorder->in_close = keep_text;
	assert_int_equal(gyre_tls_open(loop, fd, &options, &recorder_ops,
				       recorder, &recorder->stream),
			 0);
	return recorder;
}

static void
forget_pair(void)
{
	free_recorder(&server);
	free_recorder(&client);
	server_text[0] = client_text[0] = '\0';
}

void
begin(const char *name)
{
	int fds[2];

	forget_pair();
	tcp_pair(fds);
	server = open_end(fds[0], server_tls, NULL);
	client = open_end(fds[1], client_tls, name);
}

void
begin_server(void)
{
	int fds[2];

	forget_pair();
	tcp_pair(fds);
	server = open_end(fds[0], server_tls, NULL);
	server->peer = fds[1];
}

void
expect_handshake(void)
{
	run_until(is_established, client);
	run_until(is_established, server);
	assert_int_equal(client->closes, 0);
	assert_int_equal(server->closes, 0);
}

void
expect_failure(int server_error, int client_error)
{
	run_until_closed(server);
	run_until_closed(client);
	assert_int_equal(server->error, server_error);
	assert_int_equal(client->error, client_error);
}

void
end_pair(void)
{
	gyre_stream_close(client->stream, true);
	run_until(has_ended, server);
	gyre_stream_close(server->stream, true);
	expect_failure(0, 0);
	assert_string_equal(server_text, "");
	assert_string_equal(client_text, "");
}

void
check_echo(size_t length)
{
	unsigned char *bytes = malloc(length);

	for (size_t i = 0; i < length; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 251);
	server->length = client->length = 0;
	assert_int_equal(gyre_stream_write(client->stream, bytes, length), 0);
	run_until_length(server, length);
	assert_memory_equal(server->bytes, bytes, length);
	assert_int_equal(
		gyre_stream_write(server->stream, server->bytes, length), 0);
	run_until_length(client, length);
	assert_memory_equal(client->bytes, bytes, length);
	free(bytes);
}

struct gyre_tls_info
info_of(const struct recorder *recorder)
{
	struct gyre_tls_info info;

	assert_int_equal(gyre_tls_get_info(recorder->stream, &info), 0);
	return info;
}
