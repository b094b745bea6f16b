/*
 * Listeners: how connections come to a loop.
 *
 * A listener accepts on its loop. Shards share a port in one of three ways:
 * each opens one with reuse_port and the kernel chooses; each is given one of
 * gyre_listener_sockets(), of which with `steer` the CPU chooses that got the
 * packet; or one accepts for all with `spread`. Over its limit, and out of
 * descriptors for longer than a moment, clients are refused, not left waiting.
 *
 *     static void on_accept(struct gyre_listener *listener, int fd, void *arg)
 *     {
 *             if (gyre_stream_open(gyre_loop_current(false), fd, NULL, &ops,
 *                                  arg, &stream) < 0)
 *                     close(fd);
 *     }
 */
#ifndef GYRE_LISTENER_H
#define GYRE_LISTENER_H

#include <gyre/base.h>
#include <gyre/loop.h>
#include <gyre/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_listener;

/*
 * How many connections there may be, for all listeners that are given it: set
 * max and zero the rest. The caller's memory, which outlives them and the
 * connections.
 */
struct gyre_limit {
	uint32_t max;
	uint32_t _taken;
};

/*
 * Called with a connected, non-blocking descriptor that is the callee's, and
 * with a place in the limit if there is one: gyre_stream_options takes it, or
 * gyre_limit_leave() gives it back.
 */
typedef void (*gyre_accept_fn)(struct gyre_listener *listener, int fd,
			       void *arg);

struct gyre_listener_options {
	const char *address; /* numeric, IPv4 or IPv6 ("::" is IPv6 alone);
				NULL: 127.0.0.1 */
	uint16_t port;       /* 0: any free one */
	bool reuse_port;     /* one listener per shard on the same port */
	const char *path;    /* of a Unix socket instead; the three above are
				not given then */
	unsigned mode;       /* of the path; 0: 0600, its user's alone */
	int fd;              /* a socket that listens already, instead of all
				of the above; 0: none */
	int backlog;         /* 0: 511; of fd it is what it is */
	/* For gyre_listener_sockets() alone: connections go to the shard that
	 * is pinned to the CPU which got the packet. */
	bool steer;
	/*
	 * Hand each connection to the shard of this runtime that has the fewest
	 * streams and connections on the way: on_accept is called there, with
	 * no listener (NULL) where that is not this loop. NULL: they stay here.
	 */
	struct gyre_runtime *spread;
	struct gyre_limit *limit; /* NULL: none */
	/*
	 * Gets the connections that the limit has no place for, or that there
	 * was no descriptor for, on this loop and with no place; its to close.
	 * NULL: they are closed.
	 */
	gyre_accept_fn on_refuse;
	struct gyre_log log; /* zeroed: the loop's */
};

/*
 * Listen on an address, at a path, or with a socket that listens already, and
 * accept on this loop. NULL options mean the defaults. When a runtime stops,
 * its listeners take who waits in their queues and close their ports; they stay
 * their users' until these close them.
 *
 * Out of descriptors or memory, it logs one line, waits 50 ms and tries again;
 * it never spins. If there is no descriptor then either, the clients that wait
 * are refused, by way of one that it keeps for that; without memory they wait.
 *
 * What a process that is gone has left at the path is taken away; a socket of
 * one that runs, or a thing that is no socket, is an error, with a line that
 * says so. The path has its mode before anybody can connect, and is removed
 * when the listener stops, unless it is another's by then.
 *
 * Thread: owner
 * Owns:   the loop, whose close closes and frees it if nobody did before; on 0
 *         the listener owns options.fd, on error it is still the caller's
 * Errors: -EADDRINUSE; -EEXIST; -EINVAL the address is not numeric, fd does not
 *         listen, or there is more than one of address, path and fd;
 *         -ENOTSOCK; -EBADF; -ENAMETOOLONG; -EACCES; -EMFILE; -ESHUTDOWN;
 *         -ENOMEM
 */
GYRE_API int gyre_listener_open(
	struct gyre_loop *loop, const struct gyre_listener_options *options,
	gyre_accept_fn on_accept, void *arg,
	struct gyre_listener **ret_listener) GYRE_MUST_CHECK;

/*
 * Return the port listened on; 0 at a path.
 *
 * Thread: any, while it is open
 */
GYRE_API uint16_t gyre_listener_port(const struct gyre_listener *listener);

/*
 * Stop listening; connections that wait in the kernel's queue are accepted
 * first: its callback is called inside this call. May be called from that
 * callback, which is then called for the rest of the queue when it returns.
 * A loop that closes with the listener open accepts nothing more and frees
 * it. NULL is a no-op.
 *
 * Of several with one port, Linux resets who comes to this one between the last
 * accept and the close, or is in the middle of its handshake then; where
 * net.ipv4.tcp_migrate_req is 1, it goes to another of them. A socket that was
 * handed over, or is open elsewhere too, loses nobody.
 *
 * Thread: owner
 */
GYRE_API void gyre_listener_close(struct gyre_listener *listener);

/*
 * Return a duplicate of the listening descriptor, for another process to
 * inherit (<gyre/inherit.h>) or for another listener's options.fd. This one
 * accepts until it is closed, and then leaves the queue and the path alone:
 * they are the other's, unless gyre_listener_take_back() says otherwise.
 *
 * Thread: owner
 * Owns:   the caller gets the descriptor; it is close-on-exec
 * Errors: -EMFILE; -ESHUTDOWN it has closed, with its runtime
 */
GYRE_API int gyre_listener_hand_over(struct gyre_listener *listener)
	GYRE_MUST_CHECK;

/*
 * Undo one gyre_listener_hand_over() whose descriptor is closed wherever it
 * was, such as by a successor that failed: when all are undone, the queue and
 * the path are this one's alone again.
 *
 * Thread: owner
 */
GYRE_API void gyre_listener_take_back(struct gyre_listener *listener);

/* -- before the shards start ---------------------------------------------- */

/*
 * Make one listening socket per shard on one address, before the runtime
 * starts: shard i then opens a listener with ret_fds[i] as options.fd. That the
 * port is taken, or which one was free, is thus known before anything runs.
 * Without reuse_port no other process may have the port, even one that would
 * share it.
 *
 * With `steer` a connection goes to the shard of the CPU that got its packet,
 * and where no shard is pinned to that one, the kernel chooses as ever. That it
 * can't be had (on another system than Linux, with shards that are not pinned)
 * is a warning. When one of the sockets closes early, others take its place:
 * connections may then go to another shard than the CPU's, but none is lost.
 *
 * Thread: setup
 * Owns:   the caller gets the descriptors, until listeners have them
 * Errors: -EADDRINUSE; -EINVAL the address is not numeric, or there is a path
 *         or fd too, or `steer` with reuse_port; -EACCES; -EMFILE; -ENOMEM
 */
GYRE_API int gyre_listener_sockets(const struct gyre_runtime *runtime,
				   const struct gyre_listener_options *options,
				   int *ret_fds) GYRE_MUST_CHECK;

/* -- limits --------------------------------------------------------------- */

/*
 * Take a place, for a connection that no listener has accepted; false: all are
 * taken.
 *
 * Thread: any
 */
GYRE_API bool gyre_limit_take(struct gyre_limit *limit) GYRE_MUST_CHECK;

/*
 * Give a place back.
 *
 * Thread: any
 */
GYRE_API void gyre_limit_leave(struct gyre_limit *limit);

/*
 * Tell how many places are taken, as of a moment ago.
 *
 * Thread: any
 */
GYRE_API uint32_t gyre_limit_taken(const struct gyre_limit *limit);

#ifdef __cplusplus
}
#endif

#endif
