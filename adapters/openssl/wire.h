/*
 * Between OpenSSL and a stream's socket, as a BIO.
 *
 * It reads from the socket, and sends to it at once; what the kernel does not
 * take waits here, so that to OpenSSL a write never blocks and nothing has to
 * be written twice. Rejected: OpenSSL's BIOs of memory, which copy every byte
 * once more in each direction, and its BIOs of sockets, which know nothing of
 * the loop's table of system calls and raise SIGPIPE.
 */
#ifndef GYRE_TLS_WIRE_H
#define GYRE_TLS_WIRE_H

#include <gyre/transport.h>

#include <openssl/bio.h>

struct wire {
	struct gyre_stream *stream; /* while a function of its works */
	unsigned char *out;         /* encrypted, not sent; NULL: nothing */
	size_t begin;
	size_t end;
	size_t capacity;
	bool dry;   /* the socket has nothing for now */
	bool ended; /* nor ever will */
	int error;  /* the socket's, or -ENOMEM, -ENOBUFS; 0 */
};

/* Make what wires are BIOs of; NULL: no memory. */
BIO_METHOD *wire_method(void);

/* Begin to work for a stream, whose socket may have something. */
void wire_begin(struct wire *wire, struct gyre_stream *stream);

/* Send what waits: 0 nothing does any more, -EAGAIN, or the error. */
int wire_flush(struct wire *wire);

/* Whether something waits to be sent. */
bool wire_is_full(const struct wire *wire);

void wire_free(struct wire *wire);

#endif
