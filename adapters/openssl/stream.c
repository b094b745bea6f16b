/*
 * The transport. An SSL is touched by its stream's loop alone.
 *
 * What is encrypted can't be taken back. So of a record that the kernel did not
 * take whole its plain bytes are held: they are told as sent when the rest of
 * it has left, and what comes again of them until then is passed over.
 */
#include "stream.h"

#include "failure.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_BYTES ((size_t)SSL3_RT_MAX_PLAIN_LENGTH)
/* One send's share of an iteration: 1 MiB. */
#define RECORDS_PER_SEND 64
#define LINE_MAX_BYTES   160

struct connection {
	struct gyre_transport transport; /* first */
	struct gyre_tls *tls;
	struct core *core;
	SSL *ssl;
	struct wire wire;
	size_t held;       /* plain bytes of the record that has not left */
	char *session_key; /* whom a session is with; NULL: nobody */
	char *text;        /* what went wrong; NULL: nothing */
	int failed;        /* reading has, with this */
	bool established;  /* the handshake is done */
	bool ended;        /* the peer has said so */
	bool more;         /* reading may have something to tell */
	bool said;         /* we have said that we end */
};

static struct connection *
connection_of(struct gyre_transport *transport)
{
	return (struct connection *)transport;
}

/* -- errors ---------------------------------------------------------------- */

static void
note(struct connection *own, const char *line)
{
	free(own->text);
	own->text = strdup(line);
}

/* What is told of an error of the socket's, or of its end. */
static int
blame_socket(struct connection *own)
{
	char line[LINE_MAX_BYTES];

	if (own->wire.error != 0) {
		snprintf(line, sizeof(line), "the connection failed: %s",
			 gyre_error_name(own->wire.error));
		note(own, line);
		return own->wire.error;
	}
	note(own, own->established
			  ? "the peer's bytes ended without its saying so"
			  : "the peer left before the handshake was done");
	return -ECONNABORTED;
}

/* What a call of OpenSSL's said: -EAGAIN, 0 the peer has ended, or the error.
 */
static int
judge(struct connection *own, int outcome)
{
	char line[LINE_MAX_BYTES];
	int status;

	switch (SSL_get_error(own->ssl, outcome)) {
	case SSL_ERROR_WANT_READ:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		break;
	}
	if (own->wire.error != 0 || own->wire.ended)
		return blame_socket(own);
	status = failure_describe(own->ssl, line, sizeof(line));
	ERR_clear_error();
	note(own, line);
	return status;
}

/* -- the transport --------------------------------------------------------- */

static int
shake_hands(struct connection *own)
{
	int status;
	int outcome;

	ERR_clear_error();
	outcome = SSL_do_handshake(own->ssl);
	own->established = outcome == 1;
	if (own->established) {
		own->more = SSL_has_pending(own->ssl);
		return 0;
	}
	status = judge(own, outcome);
	return status != 0 ? status : -ECONNABORTED;
}

static int
establish(struct gyre_transport *transport, struct gyre_stream *stream)
{
	struct connection *own = connection_of(transport);
	int status;

	wire_begin(&own->wire, stream);
	status = wire_flush(&own->wire);
	if (status == 0 && !own->established)
		status = shake_hands(own);
	if ((status == 0 || status == -EAGAIN) && wire_is_full(&own->wire))
		return -EINPROGRESS;
	return status;
}

static int
read_some(struct connection *own, void *data, size_t size, bool peek)
{
	int room = size < INT_MAX ? (int)size : INT_MAX;

	ERR_clear_error();
	return peek ? SSL_peek(own->ssl, data, room)
		    : SSL_read(own->ssl, data, room);
}

/* Nothing came: why; and whether to come again for it, if bytes came before. */
static ptrdiff_t
stop_reading(struct connection *own, int outcome, size_t done)
{
	int status = judge(own, outcome);

	own->more = status != -EAGAIN && done > 0;
	if (status == 0)
		own->ended = true;
	else if (status != -EAGAIN)
		own->failed = status;
	return done > 0 ? (ptrdiff_t)done : status;
}

static ptrdiff_t
tls_recv(struct gyre_transport *transport, struct gyre_stream *stream,
	 void *data, size_t size, bool peek)
{
	struct connection *own = connection_of(transport);
	size_t done = 0;
	int outcome;

	if (own->failed != 0 || own->ended) {
		own->more = false;
		return own->failed;
	}
	wire_begin(&own->wire, stream);
	while (done < size) {
		outcome =
			read_some(own, (char *)data + done, size - done, peek);
		if (outcome <= 0)
			return stop_reading(own, outcome, done);
		done += (size_t)outcome;
	}
	own->more = SSL_has_pending(own->ssl);
	return (ptrdiff_t)done;
}

/*
 * The next record's bytes behind those that were sent: where they are, or
 * gathered in the scratch area if the parts are small; returns how many.
 */
static size_t
next_record(const struct gyre_bytes *parts, size_t count, size_t sent,
	    unsigned char *scratch, const unsigned char **ret_data)
{
	size_t gathered = 0;

	for (size_t i = 0; i < count && gathered < RECORD_BYTES; i++) {
		const unsigned char *data = parts[i].data;
		size_t length = parts[i].length;
		size_t skip = sent < length ? sent : length;

		sent -= skip;
		data += skip;
		length -= skip;
		if (length > RECORD_BYTES - gathered)
			length = RECORD_BYTES - gathered;
		if (length == 0)
			continue;
		if (gathered == 0 &&
		    (length == RECORD_BYTES || i + 1 == count)) {
			*ret_data = data;
			return length;
		}
		memcpy(scratch + gathered, data, length);
		gathered += length;
	}
	*ret_data = scratch;
	return gathered;
}

static ptrdiff_t
tls_send(struct gyre_transport *transport, struct gyre_stream *stream,
	 const struct gyre_bytes *parts, size_t count)
{
	struct connection *own = connection_of(transport);
	unsigned char scratch[RECORD_BYTES];
	const unsigned char *data;
	size_t done;
	int status;

	wire_begin(&own->wire, stream);
	status = wire_flush(&own->wire);
	if (status < 0)
		return status;
	done = own->held;
	own->held = 0;
	for (int turn = 0; turn < RECORDS_PER_SEND; turn++) {
		size_t length = next_record(parts, count, done, scratch, &data);

		if (length == 0)
			break;
		ERR_clear_error();
		status = SSL_write(own->ssl, data, (int)length);
		if (status <= 0) {
			status = judge(own, status);
			return status < 0 && status != -EAGAIN ? status
							       : -EPROTO;
		}
		if (wire_is_full(&own->wire)) {
			own->held = length;
			break;
		}
		done += length;
	}
	return done > 0 ? (ptrdiff_t)done : -EAGAIN;
}

static bool
has_more(const struct gyre_transport *transport)
{
	return ((const struct connection *)transport)->more;
}

static int
finish(struct gyre_transport *transport, struct gyre_stream *stream)
{
	struct connection *own = connection_of(transport);

	wire_begin(&own->wire, stream);
	if (!own->said && own->failed == 0) {
		own->said = true;
		ERR_clear_error();
		(void)SSL_shutdown(own->ssl);
	}
	return wire_flush(&own->wire);
}

static const char *
error_text(const struct gyre_transport *transport)
{
	return ((const struct connection *)transport)->text;
}

static void
free_connection(struct gyre_transport *transport)
{
	struct connection *own = connection_of(transport);

	SSL_free(own->ssl);
	wire_free(&own->wire);
	tls_release(own->tls, own->core);
	free(own->session_key);
	free(own->text);
	free(own);
}

static const struct gyre_transport_ops tls_ops = {
	.establish = establish,
	.recv = tls_recv,
	.send = tls_send,
	.has_more = has_more,
	.finish = finish,
	.error_text = error_text,
	.free = free_connection,
};

/* -- opening --------------------------------------------------------------- */

void
stream_keep_session(SSL *ssl, unsigned char *bytes, int length)
{
	struct connection *own = SSL_get_app_data(ssl);

	if (own->session_key != NULL)
		tls_keep_session(own->tls, own->core, own->session_key, bytes,
				 length);
	else
		free(bytes);
}

static struct connection *
new_connection(struct gyre_tls *tls)
{
	struct connection *own = calloc(1, sizeof(*own));
	BIO *bio = BIO_new(tls->wire);

	if (own == NULL || bio == NULL) {
		BIO_free(bio);
		free(own);
		return NULL;
	}
	own->tls = tls;
	own->core = tls_hold(tls);
	own->transport.ops = &tls_ops;
	if (own->core->handshake_ns != GYRE_FOREVER)
		own->transport.establish_ns = own->core->handshake_ns;
	BIO_set_data(bio, &own->wire);
	BIO_set_init(bio, 1);
	own->ssl = SSL_new(own->core->context);
	if (own->ssl == NULL || SSL_set_app_data(own->ssl, own) != 1) {
		BIO_free(bio);
		free_connection(&own->transport);
		return NULL;
	}
	SSL_set_bio(own->ssl, bio, bio);
	if (tls->role == GYRE_TLS_SERVER)
		SSL_set_accept_state(own->ssl);
	else
		SSL_set_connect_state(own->ssl);
	return own;
}

/* An address has no name to ask for, and a certificate says it otherwise. */
static int
expect_name(struct connection *own, const char *name)
{
	unsigned char address[sizeof(struct in6_addr)];
	X509_VERIFY_PARAM *parameters = SSL_get0_param(own->ssl);
	bool is_address = inet_pton(AF_INET, name, address) == 1 ||
			  inet_pton(AF_INET6, name, address) == 1;

	if (is_address)
		return !own->core->verifies || X509_VERIFY_PARAM_set1_ip_asc(
						       parameters, name) == 1
			       ? 0
			       : -ENOMEM;
	if (SSL_set_tlsext_host_name(own->ssl, name) != 1)
		return -EINVAL;
	SSL_set_hostflags(own->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return !own->core->verifies || SSL_set1_host(own->ssl, name) == 1
		       ? 0
		       : -ENOMEM;
}

/* Take up a session with whoever this is, if there is one. */
static int
resume(struct connection *own, const char *name, const char *service)
{
	size_t size = strlen(name) + strlen(service) + 2;
	SSL_SESSION *session;

	if (!own->core->resumes)
		return 0;
	own->session_key = malloc(size);
	if (own->session_key == NULL)
		return -ENOMEM;
	snprintf(own->session_key, size, "%s:%s", name, service);
	session = tls_find_session(own->tls, own->core, own->session_key);
	if (session != NULL)
		SSL_set_session(own->ssl, session);
	SSL_SESSION_free(session);
	return 0;
}

/* What a client must know of the server that it expects. */
static int
expect(struct connection *own, const char *given, const char *service)
{
	char name[GYRE_HOST_MAX + 1];
	size_t length = given != NULL ? strlen(given) : 0;
	int status;

	if (own->tls->role == GYRE_TLS_SERVER)
		return given == NULL ? 0 : -EINVAL;
	if (length == 0)
		return own->core->verifies ? -EINVAL : 0;
	if (length >= sizeof(name))
		return -EINVAL;
	/* The dot that ends a name is no part of it here. */
	memcpy(name, given, length + 1);
	if (length > 1 && name[length - 1] == '.')
		name[length - 1] = '\0';
	status = expect_name(own, name);
	return status == 0 ? resume(own, name, service) : status;
}

/* Make what a stream is opened with. */
static int
prepare(struct gyre_tls *tls, const char *name, const char *service,
	struct connection **ret_own)
{
	struct connection *own = new_connection(tls);
	int status;

	if (own == NULL) {
		ERR_clear_error();
		return -ENOMEM;
	}
	status = expect(own, name, service != NULL ? service : "");
	if (status < 0) {
		free_connection(&own->transport);
		return status;
	}
	*ret_own = own;
	return 0;
}

int
gyre_tls_open(struct gyre_loop *loop, int fd,
	      const struct gyre_tls_open_options *options,
	      const struct gyre_stream_ops *ops, void *arg,
	      struct gyre_stream **ret_stream)
{
	struct gyre_stream_options with = options->stream;
	struct connection *own;
	int status = prepare(options->tls, options->name, NULL, &own);

	if (status < 0)
		return status;
	with.transport = &own->transport;
	status = gyre_stream_open(loop, fd, &with, ops, arg, ret_stream);
	if (status < 0)
		free_connection(&own->transport);
	return status;
}

int
gyre_tls_connect(struct gyre_loop *loop,
		 const struct gyre_tls_connect_options *options,
		 const struct gyre_stream_ops *ops, void *arg,
		 struct gyre_stream **ret_stream)
{
	struct gyre_connect_options with = options->connect;
	const char *name = options->name != NULL ? options->name : with.host;
	struct connection *own;
	int status = -EINVAL;

	if (options->tls->role == GYRE_TLS_CLIENT)
		status = prepare(options->tls, name, with.service, &own);
	if (status < 0)
		return status;
	with.stream.transport = &own->transport;
	status = gyre_stream_connect(loop, &with, ops, arg, ret_stream);
	if (status < 0)
		free_connection(&own->transport);
	return status;
}

/* -- asking ---------------------------------------------------------------- */

/* NULL: it is another kind of stream. */
static const struct connection *
find_connection(const struct gyre_stream *stream)
{
	struct gyre_transport *transport = gyre_stream_transport(stream);

	return transport != NULL && transport->ops == &tls_ops
		       ? connection_of(transport)
		       : NULL;
}

int
gyre_tls_get_info(const struct gyre_stream *stream,
		  struct gyre_tls_info *ret_info)
{
	const struct connection *own = find_connection(stream);
	const unsigned char *alpn;
	unsigned length;

	if (own == NULL)
		return -EINVAL;
	if (!own->established)
		return -ENOTCONN;
	SSL_get0_alpn_selected(own->ssl, &alpn, &length);
	*ret_info = (struct gyre_tls_info){
		.protocol = SSL_get_version(own->ssl),
		.cipher = SSL_get_cipher_name(own->ssl),
		.server_name =
			SSL_get_servername(own->ssl, TLSEXT_NAMETYPE_host_name),
		.alpn = { alpn, length },
		.resumed = SSL_session_reused(own->ssl) == 1,
	};
	return 0;
}

/* The peer's certificate, which is its stream's. */
static int
find_certificate(const struct gyre_stream *stream, X509 **ret_certificate)
{
	const struct connection *own = find_connection(stream);

	if (own == NULL)
		return -EINVAL;
	*ret_certificate = SSL_get0_peer_certificate(own->ssl);
	return *ret_certificate != NULL ? 0 : -ENOENT;
}

int
gyre_tls_peer_certificate(const struct gyre_stream *stream, void *ret_der,
			  size_t size)
{
	unsigned char *at = ret_der;
	X509 *certificate;
	int status = find_certificate(stream, &certificate);
	int length;

	if (status < 0)
		return status;
	length = i2d_X509(certificate, NULL);
	if (length <= 0)
		return -ENOMEM;
	if ((size_t)length > size)
		return -ENOBUFS;
	return i2d_X509(certificate, &at);
}

int
gyre_tls_peer_subject(const struct gyre_stream *stream, char *ret_text,
		      size_t size)
{
	X509 *certificate;
	int status = find_certificate(stream, &certificate);
	char *text;
	long length;
	BIO *bio;

	if (status < 0)
		return status;
	bio = BIO_new(BIO_s_mem());
	if (bio == NULL ||
	    X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0,
			       XN_FLAG_RFC2253) < 0) {
		BIO_free(bio);
		return -ENOMEM;
	}
	length = BIO_get_mem_data(bio, &text);
	if ((size_t)length < size)
		snprintf(ret_text, size, "%.*s", (int)length, text);
	BIO_free(bio);
	return (size_t)length < size ? 0 : -ENOBUFS;
}

const char *
gyre_tls_error_text(const struct gyre_stream *stream)
{
	const struct connection *own = find_connection(stream);

	return own != NULL && own->text != NULL ? own->text : "";
}
