/*
 * The way in: a batch is read into one area that the socket keeps, and handed
 * out from there.
 *
 * Rejected: to read one after the other onto the stack, which is a system call
 * for each; an area a loop, which a callback that runs another socket's reads
 * would share.
 */
#include "net/datagram.h"

#include "base/exception.h"
#include "base/fork.h"
#include "base/sys.h"
#include "net/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

/* One socket's share of an iteration. */
#define BATCHES_PER_EVENT 4
#define RETRY_DELAY_NS    GYRE_MS(50)

/* Behind it are the bytes of each. */
struct gyre__arrivals {
	struct gyre_received received[GYRE_DATAGRAM_BATCH_MAX];
	struct gyre__mmsghdr headers[GYRE_DATAGRAM_BATCH_MAX];
	struct iovec parts[GYRE_DATAGRAM_BATCH_MAX];
	struct sockaddr_storage names[GYRE_DATAGRAM_BATCH_MAX];
	unsigned char bytes[];
};

struct gyre__arrivals *
gyre__arrivals_new(const struct gyre_sys *sys, unsigned count, size_t bytes)
{
	struct gyre__arrivals *arrivals =
		gyre__allocate(sys, sizeof(*arrivals) + count * bytes, 0);

	for (unsigned i = 0; arrivals != NULL && i < count; i++)
		arrivals->parts[i] = (struct iovec){
			.iov_base = arrivals->bytes + i * bytes,
			.iov_len = bytes,
		};
	return arrivals;
}

bool
gyre__datagram_wants_input(const struct gyre_datagram *socket)
{
	/* In a fork the datagrams are for the parent. */
	return !socket->closed && !socket->paused && !socket->resting &&
	       !gyre__is_fork(socket->loop->forks);
}

bool
gyre__datagram_is_loss(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
	case EMSGSIZE:
	case EACCES:
	case EPROTO:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

static int
read_batch(struct gyre_datagram *socket)
{
	struct gyre__arrivals *arrivals = socket->arrivals;

	for (unsigned i = 0; i < socket->batch_max; i++)
		arrivals->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &arrivals->names[i],
			.msg_namelen = sizeof(arrivals->names[i]),
			.msg_iov = &arrivals->parts[i],
			.msg_iovlen = 1,
		};
	return socket->sys->recvmmsg(socket->fd, arrivals->headers,
				     socket->batch_max, MSG_DONTWAIT);
}

static void
hand_out(struct gyre_datagram *socket, unsigned count)
{
	struct gyre__arrivals *arrivals = socket->arrivals;

	for (unsigned i = 0; i < count; i++) {
		const struct msghdr *header = &arrivals->headers[i].msg_hdr;
		struct gyre_received *received = &arrivals->received[i];

		received->data = arrivals->parts[i].iov_base;
		received->length = arrivals->headers[i].msg_len;
		received->truncated = (header->msg_flags & MSG_TRUNC) != 0;
		/* Linux tells the whole length of what it has cut off. */
		if (received->length > socket->message_max_bytes)
			received->length = socket->message_max_bytes;
		received->from.sockaddr = header->msg_name;
		received->from.length = header->msg_namelen;
		socket->stats.truncated += received->truncated;
	}
	socket->stats.received += count;
	socket->ops.on_receive(socket, arrivals->received, count, socket->arg);
}

static void
on_retry(void *arg)
{
	struct gyre_datagram *socket = arg;

	socket->retry = 0;
	socket->resting = false;
	gyre__datagram_touch(socket);
}

/* There is no memory for what waits: leave it for a moment. */
static void
rest(struct gyre_datagram *socket)
{
	if (gyre_loop_call_later(socket->loop, RETRY_DELAY_NS, on_retry, socket,
				 &socket->retry) == 0)
		socket->resting = true;
}

/* What a read failed with; whether to read on. */
static bool
failed(struct gyre_datagram *socket, int error)
{
	if (gyre__socket_would_block(error))
		return false;
	if (error == ENOMEM || error == ENOBUFS) {
		rest(socket);
	} else if (!gyre__datagram_is_loss(error)) {
		gyre__datagram_end(socket, -error);
		return false;
	}
	if (socket->ops.on_error != NULL)
		socket->ops.on_error(socket, -error, socket->arg);
	return true;
}

void
gyre__datagram_receive(struct gyre_datagram *socket)
{
	for (unsigned turn = 0; turn < BATCHES_PER_EVENT; turn++) {
		int count;

		if (!gyre__datagram_wants_input(socket) || gyre__raised())
			return;
		count = read_batch(socket);
		if (count < 0) {
			if (!failed(socket, errno))
				return;
			continue;
		}
		if (count > 0)
			hand_out(socket, (unsigned)count);
		if ((unsigned)count < socket->batch_max)
			return;
	}
}
