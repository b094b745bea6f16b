/*
 * Say over TLS what is on standard input, and print the answer until the
 * server ends it. Whom it talked to, and why it failed, is on standard error.
 *
 *     printf 'GET / HTTP/1.0\r\n\r\n' | tls_client example.org 443
 *     tls_client HOST PORT [CA.pem [PROTOCOLS [OWN.pem]]]
 *
 * CA.pem says whom to trust, instead of those whom the system does; PROTOCOLS,
 * such as h2,http/1.1, are offered (ALPN); OWN.pem is the client's certificate
 * and key, for a server that asks for one. An empty argument is none.
 */
#define _POSIX_C_SOURCE 200809L

#include <gyre/gyre.h>

#include <gyre_tls.h>

#include <stdio.h>

/* What is said must fit here: it is read before anything is sent. */
#define SAID_MAX (1 << 20)

struct client {
	struct gyre_loop *loop;
	int error;
};

static void
on_connect(struct gyre_stream *stream, void *arg)
{
	struct gyre_tls_info info;
	char subject[256];

	(void)arg;
	if (gyre_tls_get_info(stream, &info) < 0 ||
	    gyre_tls_peer_subject(stream, subject, sizeof(subject)) < 0)
		return;
	fprintf(stderr, "%s with %s, %s%s%.*s\n", info.protocol, subject,
		info.cipher, info.alpn.length > 0 ? ", " : "",
		(int)info.alpn.length, (const char *)info.alpn.data);
}

static size_t
on_read(struct gyre_stream *stream, const void *data, size_t length, void *arg)
{
	(void)stream;
	(void)arg;
	return fwrite(data, 1, length, stdout);
}

static void
on_close(struct gyre_stream *stream, int error, void *arg)
{
	struct client *client = arg;

	client->error = error;
	if (error != 0)
		fprintf(stderr, "%s %s\n", gyre_error_name(error),
			gyre_tls_error_text(stream));
	gyre_loop_stop(client->loop);
}

/* Connect and write; what is written waits for the handshake. */
static int
begin(struct client *client, struct gyre_tls *tls, char **words)
{
	static const struct gyre_stream_ops ops = { .on_connect = on_connect,
						    .on_read = on_read,
						    .on_close = on_close };
	static char said[SAID_MAX];
	const struct gyre_tls_connect_options to = {
		.tls = tls,
		.connect = { .host = words[0],
			     .service = words[1],
			     .deadline_ns = gyre_loop_time(client->loop) +
					    GYRE_SECONDS(10) },
	};
	size_t length = fread(said, 1, sizeof(said), stdin);
	struct gyre_stream *stream;
	int status = gyre_tls_connect(client->loop, &to, &ops, client, &stream);

	return status < 0 ? status : gyre_stream_write(stream, said, length);
}

int
main(int argc, char **argv)
{
	struct client client = { .loop = gyre_loop_current(true) };
	struct gyre_tls_identity own = { .certificate_file = NULL };
	struct gyre_tls_options options = { .role = GYRE_TLS_CLIENT };
	struct gyre_tls *tls;
	int status;

	if (argc < 3 || client.loop == NULL) {
		fprintf(stderr, "Usage: tls_client HOST PORT "
				"[CA.pem [PROTOCOLS [OWN.pem]]]\n");
		return 2;
	}
	if (argc > 3 && argv[3][0] != '\0')
		options.ca_file = argv[3];
	if (argc > 4 && argv[4][0] != '\0')
		options.alpn = argv[4];
	if (argc > 5) {
		own.certificate_file = argv[5];
		options.identities = &own;
		options.identities_count = 1;
	}
	if (gyre_tls_new(&options, &tls) < 0)
		return 1;
	status = begin(&client, tls, argv + 1);
	if (status == 0)
		status = gyre_loop_start(client.loop);
	else
		fprintf(stderr, "%s\n", gyre_error_name(status));
	gyre_tls_unref(tls);
	return status < 0 || client.error < 0;
}
