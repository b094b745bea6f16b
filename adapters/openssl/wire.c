#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A record, and the alerts and tickets that may come on top. */
#define OUT_MAX ((size_t)64 * 1024)

static int
wire_read(BIO *bio, char *data, int size)
{
	struct wire *wire = BIO_get_data(bio);
	ptrdiff_t length = -EAGAIN;

	BIO_clear_retry_flags(bio);
	if (!wire->dry)
		length = gyre_transport_recv(wire->stream, data, (size_t)size);
	if (length == -EAGAIN) {
		wire->dry = true;
		BIO_set_retry_read(bio);
		return -1;
	}
	if (length < 0) {
		wire->error = (int)length;
		return -1;
	}
	wire->ended = length == 0;
	/* Whoever gets less than there is room for has got all. */
	wire->dry = length < size;
	return (int)length;
}

/* Keep what the kernel did not take. */
static int
keep(struct wire *wire, const char *data, size_t length)
{
	size_t needed = wire->end + length;
	unsigned char *out;

	if (needed > OUT_MAX)
		return -ENOBUFS;
	if (needed > wire->capacity) {
		out = realloc(wire->out, needed);
		if (out == NULL)
			return -ENOMEM;
		wire->out = out;
		wire->capacity = needed;
	}
	memcpy(wire->out + wire->end, data, length);
	wire->end += length;
	return 0;
}

static int
wire_write(BIO *bio, const char *data, int size)
{
	struct wire *wire = BIO_get_data(bio);
	ptrdiff_t sent = 0;

	BIO_clear_retry_flags(bio);
	if (wire->error != 0)
		return -1;
	if (!wire_is_full(wire))
		sent = gyre_transport_send(wire->stream, data, (size_t)size);
	if (sent < 0 && sent != -EAGAIN)
		wire->error = (int)sent;
	else if (sent < size)
		wire->error = keep(wire, data + (sent > 0 ? sent : 0),
				   (size_t)(size - (sent > 0 ? sent : 0)));
	return wire->error == 0 ? size : -1;
}

static long
wire_ctrl(BIO *bio, int command, long number, void *pointer)
{
	const struct wire *wire = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	if (command == BIO_CTRL_EOF)
		return wire->ended;
	return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *
wire_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "gyre");

	if (method == NULL || BIO_meth_set_read(method, wire_read) != 1 ||
	    BIO_meth_set_write(method, wire_write) != 1 ||
	    BIO_meth_set_ctrl(method, wire_ctrl) != 1) {
		BIO_meth_free(method);
		return NULL;
	}
	return method;
}

void
wire_begin(struct wire *wire, struct gyre_stream *stream)
{
	wire->stream = stream;
	wire->dry = false;
}

bool
wire_is_full(const struct wire *wire)
{
	return wire->begin < wire->end;
}

int
wire_flush(struct wire *wire)
{
	ptrdiff_t sent;

	while (wire_is_full(wire)) {
		sent = gyre_transport_send(wire->stream,
					   wire->out + wire->begin,
					   wire->end - wire->begin);
		if (sent < 0)
			return (int)sent;
		wire->begin += (size_t)sent;
	}
	wire_free(wire);
	return 0;
}

void
wire_free(struct wire *wire)
{
	free(wire->out);
	wire->out = NULL;
	wire->begin = wire->end = wire->capacity = 0;
}
