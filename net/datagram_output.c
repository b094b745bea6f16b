/*
 * The way out: datagrams wait in one buffer, each behind a record of its length
 * and its address, and leave many at a time.
 *
 * sendmmsg() tells how many it has sent; why not more, only the next call says,
 * for its first datagram then. What that is refused for is dropped, but for an
 * error that an earlier datagram has left on the socket, which the next call
 * merely hands out: it is tried once more.
 */
#include "net/datagram.h"

#include "base/check.h"
#include "base/sys.h"
#include "net/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#define LENGTH_MAX 65535u
#define SENDS_MAX  64u
/* One socket's share of a batch's end: the rest waits for a writable event. */
#define ROUNDS_MAX 16u
#define ALIGNMENT  sizeof(uint64_t)

struct record {
	uint32_t size; /* of it all, a multiple of ALIGNMENT */
	uint32_t length;
	uint32_t to_length; /* 0: the peer */
	uint32_t tried;     /* once, in vain */
};

static size_t
rounded(size_t size)
{
	return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* -- adding --------------------------------------------------------------- */

static int
refuse(struct gyre_datagram *socket, const struct gyre_address *to,
       size_t length)
{
	if (socket->closed)
		return -EPIPE;
	if (length > LENGTH_MAX)
		return -EMSGSIZE;
	if (to == NULL)
		return socket->has_peer ? 0 : -EDESTADDRREQ;
	if (to->sockaddr == NULL || to->length == 0 ||
	    to->length > sizeof(struct sockaddr_storage))
		return -EINVAL;
	return 0;
}

int
gyre_datagram_send(struct gyre_datagram *socket, const struct gyre_address *to,
		   const void *data, size_t length)
{
	struct record record = { .length = (uint32_t)length };
	unsigned char *room;
	int status;

	gyre__loop_require_owner(socket->loop);
	GYRE_REQUIRE(data != NULL || length == 0);
	status = refuse(socket, to, length);
	if (status < 0)
		return status;
	if (to != NULL)
		record.to_length = (uint32_t)to->length;
	record.size = (uint32_t)(sizeof(record) + rounded(record.to_length) +
				 rounded(length));
	if (record.size >
	    socket->send_max_bytes - gyre__buffer_length(&socket->output)) {
		socket->refused = true;
		return -ENOBUFS;
	}
	room = gyre__buffer_reserve(&socket->output, &socket->loop->spares,
				    record.size);
	if (room == NULL)
		return -ENOMEM;
	memcpy(room, &record, sizeof(record));
	room += sizeof(record);
	if (to != NULL)
		memcpy(room, to->sockaddr, to->length);
	if (length > 0)
		memcpy(room + rounded(record.to_length), data, length);
	gyre__buffer_fill(&socket->output, record.size);
	if (!socket->blocked)
		gyre__datagram_touch(socket);
	return 0;
}

/* -- leaving -------------------------------------------------------------- */

/* The records are aligned, for so is the buffer, and what is taken off it. */
static struct record *
record_at(const struct gyre_datagram *socket, size_t offset)
{
	if (offset >= gyre__buffer_length(&socket->output))
		return NULL;
	return (struct record *)(void *)(uintptr_t)(gyre__buffer_bytes(
							    &socket->output) +
						    offset);
}

static unsigned
gather(const struct gyre_datagram *socket, struct gyre__mmsghdr *headers,
       struct iovec *parts)
{
	size_t offset = 0;
	unsigned count = 0;
	struct record *record;

	while (count < SENDS_MAX &&
	       (record = record_at(socket, offset)) != NULL) {
		unsigned char *to = (unsigned char *)(record + 1);

		parts[count] = (struct iovec){
			.iov_base = to + rounded(record->to_length),
			.iov_len = record->length,
		};
		headers[count].msg_hdr = (struct msghdr){
			.msg_name = record->to_length != 0 ? to : NULL,
			.msg_namelen = record->to_length,
			.msg_iov = &parts[count],
			.msg_iovlen = 1,
		};
		offset += record->size;
		count++;
	}
	return count;
}

static void
take_off(struct gyre_datagram *socket, unsigned count)
{
	size_t size = 0;

	for (unsigned i = 0; i < count; i++)
		size += record_at(socket, size)->size;
	gyre__buffer_consume(&socket->output, &socket->loop->spares, size);
}

/* Whether an error costs the datagram alone. Without memory it is lost too: who
 * sends datagrams can bear that. */
static bool
is_loss(int error)
{
	switch (error) {
	case EPERM: /* a firewall said no */
	case EINVAL:
	case EISCONN: /* some systems want no address then */
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
	case ENOBUFS:
	case ENOMEM:
		return true;
	default:
		return gyre__datagram_is_loss(error);
	}
}

/* The first could not be sent: 0, or the error that ends the socket. */
static int
failed(struct gyre_datagram *socket, int error)
{
	struct record *first = record_at(socket, 0);

	if (gyre__socket_would_block(error)) {
		socket->blocked = true;
		return 0;
	}
	if (!is_loss(error))
		return -error;
	socket->error_due = -error;
	gyre__datagram_do_later(socket);
	if (socket->has_peer && error == ECONNREFUSED && !first->tried) {
		first->tried = true;
		return 0;
	}
	take_off(socket, 1);
	socket->stats.dropped++;
	return 0;
}

static int
send_some(struct gyre_datagram *socket)
{
	struct gyre__mmsghdr headers[SENDS_MAX];
	struct iovec parts[SENDS_MAX];
	unsigned count = gather(socket, headers, parts);
	int sent = socket->sys->sendmmsg(socket->fd, headers, count,
					 GYRE__SEND_FLAGS);

	if (sent < 0)
		return failed(socket, errno);
	GYRE_INSIST((unsigned)sent <= count);
	take_off(socket, (unsigned)sent);
	socket->stats.sent += (unsigned)sent;
	return 0;
}

static void
note_drain(struct gyre_datagram *socket)
{
	if (!socket->refused ||
	    gyre__buffer_length(&socket->output) > socket->send_max_bytes / 2)
		return;
	socket->refused = false;
	socket->drain_due = true;
	gyre__datagram_do_later(socket);
}

int
gyre__datagram_flush(struct gyre_datagram *socket)
{
	int status = 0;

	for (unsigned i = 0;
	     status == 0 && !socket->blocked && record_at(socket, 0) != NULL;
	     i++) {
		if (i == ROUNDS_MAX)
			socket->blocked = true;
		else
			status = send_some(socket);
	}
	note_drain(socket);
	return status;
}

void
gyre__datagram_drop_output(struct gyre_datagram *socket)
{
	while (record_at(socket, 0) != NULL) {
		take_off(socket, 1);
		socket->stats.dropped++;
	}
}
