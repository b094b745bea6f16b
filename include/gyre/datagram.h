/*
 * Datagram sockets on a loop: UDP, in batches.
 *
 * What has come is handed out many at a time, and what is sent leaves at the
 * end of the batch, many in one system call where the system has one. Datagrams
 * may be lost: what the kernel has no room for now waits, within a bound, and
 * what it refuses is dropped and told of.
 *
 *     static void on_receive(struct gyre_datagram *socket,
 *                            const struct gyre_received *messages,
 *                            size_t count, void *arg)
 *     {
 *             for (size_t i = 0; i < count; i++)   // echo
 *                     gyre_datagram_send(socket, &messages[i].from,
 *                                        messages[i].data,
 *                                        messages[i].length);
 *     }
 */
#ifndef GYRE_DATAGRAM_H
#define GYRE_DATAGRAM_H

#include <gyre/base.h>
#include <gyre/loop.h>
#include <gyre/resolve.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_datagram;

/* One datagram that has come; all of it is valid until the callback returns. */
struct gyre_received {
	const void *data;
	size_t length;
	bool truncated; /* it was longer than message_max_bytes: the rest is
			   lost */
	struct gyre_address from;
};

struct gyre_datagram_ops {
	/*
	 * Datagrams have come, in their order. May send, pause and close.
	 */
	void (*on_receive)(struct gyre_datagram *socket,
			   const struct gyre_received *messages, size_t count,
			   void *arg);
	/*
	 * After a send was refused with -ENOBUFS, at most half of
	 * send_max_bytes waits. Comes in a callback of its own. May be NULL.
	 */
	void (*on_drain)(struct gyre_datagram *socket, void *arg);
	/*
	 * Something was lost, and it goes on: a datagram that the system did
	 * not send (-EMSGSIZE, -ENETUNREACH, -EPERM), or what a connected
	 * socket hears of an earlier one (-ECONNREFUSED: nobody has the port).
	 * Several at once are told as one, the last. May be NULL.
	 */
	void (*on_error)(struct gyre_datagram *socket, int error, void *arg);
	/*
	 * The socket is closed, once: 0 (by us), -ESHUTDOWN (its loop was) or
	 * what made it useless. It is freed after it. May be NULL.
	 */
	void (*on_close)(struct gyre_datagram *socket, int error, void *arg);
};

struct gyre_datagram_options {
	const char *address; /* numeric, IPv4 or IPv6 ("::" is IPv6 alone), to
				bind to; NULL: 127.0.0.1, or with `peer` what
				the system chooses */
	uint16_t port;       /* 0: any free one */
	bool reuse_port;     /* one socket per shard on the same port */
	/* Connect to it: its datagrams alone come, and sends need no address.
	 * Zeroed: nobody. Copied. */
	struct gyre_address peer;
	size_t message_max_bytes; /* longest that comes whole; 0: 2048 */
	unsigned batch_max;       /* how many come at once; 0: 32, at most
				     GYRE_DATAGRAM_BATCH_MAX */
	size_t send_max_bytes;    /* that wait to be sent; 0: 1 MiB */
	struct gyre_log log;      /* zeroed: the loop's */
};

#define GYRE_DATAGRAM_BATCH_MAX 128u

/* Counters of one socket. */
struct gyre_datagram_stats {
	uint64_t received;
	uint64_t truncated; /* of them */
	uint64_t sent;      /* taken by the kernel */
	uint64_t dropped;   /* refused by it, or left when it closed */
	size_t pending_bytes;
};

/*
 * Make a socket and begin to receive. It holds batch_max × message_max_bytes of
 * memory. NULL options mean the defaults; ops are copied.
 *
 * Thread: owner
 * Owns:   on 0 the socket lives until on_close has returned
 * Errors: -EINVAL the address is not numeric, or message_max_bytes, batch_max
 *         or the peer is beyond what there can be; -EADDRINUSE; -EADDRNOTAVAIL;
 *         -EAFNOSUPPORT; -EACCES; -ENETUNREACH; -EMFILE; -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_datagram_open(
	struct gyre_loop *loop, const struct gyre_datagram_options *options,
	const struct gyre_datagram_ops *ops, void *arg,
	struct gyre_datagram **ret_socket) GYRE_MUST_CHECK;

/*
 * Return the port it is bound to; 0: it has closed.
 *
 * Thread: owner
 */
GYRE_API uint16_t gyre_datagram_port(const struct gyre_datagram *socket);

/*
 * Return the descriptor, for options of the socket's; -1 once closed.
 *
 * Thread: owner
 */
GYRE_API int gyre_datagram_fd(const struct gyre_datagram *socket);

/*
 * Send a datagram; NULL: to the peer. It is copied and leaves at the end of the
 * batch. No callback is called inside this call.
 *
 * Thread: owner
 * Order:  as they were sent, as far as the kernel
 * Blocks: never
 * Errors: -ENOBUFS more than send_max_bytes would wait; -EMSGSIZE none can be
 *         so long; -EDESTADDRREQ there is no peer; -EINVAL what is no address;
 *         -EPIPE the socket is closed; -ENOMEM; nothing was taken then
 */
GYRE_API int gyre_datagram_send(struct gyre_datagram *socket,
				const struct gyre_address *to, const void *data,
				size_t length);

/*
 * Stop handing out. The kernel keeps what comes until its buffer is full. An
 * error of the peer's is told all the same; with kqueue not before the next
 * send, or gyre_datagram_resume().
 *
 * Thread: owner
 */
GYRE_API void gyre_datagram_pause(struct gyre_datagram *socket);

/*
 * Undo gyre_datagram_pause().
 *
 * Thread: owner
 */
GYRE_API void gyre_datagram_resume(struct gyre_datagram *socket);

/*
 * Close. What waits to be sent is sent as far as the kernel takes it at once.
 * on_close comes in a later callback, never inside this call. Closing twice is
 * a no-op.
 *
 * Thread: owner
 */
GYRE_API void gyre_datagram_close(struct gyre_datagram *socket);

/*
 * Read the socket's counters.
 *
 * Thread: owner
 */
GYRE_API void gyre_datagram_get_stats(const struct gyre_datagram *socket,
				      struct gyre_datagram_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
