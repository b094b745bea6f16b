/*
 * Sockets as gyre wants them: non-blocking, close-on-exec, no SIGPIPE.
 */
#ifndef GYRE_NET_SOCKET_H
#define GYRE_NET_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct gyre_sys;
struct gyre_address;
struct gyre__address;

/* Where a send cannot be told, gyre__socket_tune() tells the socket. */
#ifdef MSG_NOSIGNAL
#define GYRE__SEND_FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT)
#else
#define GYRE__SEND_FLAGS MSG_DONTWAIT
#endif

/*
 * Make a TCP socket that listens, and store what it is bound to.
 *
 * Returns: the descriptor, or a negative errno and nothing is left of it
 */
int gyre__socket_listen(const struct gyre_sys *sys,
			struct gyre__address *address, int backlog,
			bool reuse_port);

/*
 * Make a TCP socket that is bound and does not listen yet, and store to what;
 * and let others share its port, who say so too.
 *
 * Returns: the descriptor, or a negative errno and nothing is left of it
 */
int gyre__socket_bound(const struct gyre_sys *sys,
		       struct gyre__address *address, bool reuse_port);
int gyre__socket_share(const struct gyre_sys *sys, int fd);

/*
 * Make a datagram socket, bound if the address has a length and connected if
 * there is a peer (one of both is given), and store what it is bound to.
 *
 * Returns: the descriptor, or a negative errno and nothing is left of it
 */
int gyre__socket_datagram(const struct gyre_sys *sys,
			  struct gyre__address *address,
			  const struct gyre_address *peer, bool reuse_port);

/*
 * Prepare a socket that somebody else has made to listen, and store what it is
 * bound to.
 *
 * Errors: -EINVAL it does not listen for streams; -EBADF; -ENOTSOCK
 */
int gyre__socket_inherit(const struct gyre_sys *sys, int fd,
			 struct gyre__address *ret_address);

/*
 * Make a stream socket and begin to connect it; it is writable once that is
 * decided, and gyre__socket_error() tells how.
 *
 * Returns: the descriptor, or a negative errno and nothing is left of it
 */
int gyre__socket_connect(const struct gyre_sys *sys,
			 const struct gyre_address *address);

/* The error that waits in a socket, negative, or 0. */
int gyre__socket_error(const struct gyre_sys *sys, int fd);

/* The seconds before a probe, which the systems count in; 0: no probes. */
uint16_t gyre__socket_keepalive_s(int64_t keepalive_ns);

/* Prepare a connected socket for a stream; what it cannot do is left. */
void gyre__socket_tune(const struct gyre_sys *sys, int fd, bool no_delay,
		       uint16_t keepalive_s);

/* Whether a call failed only for now; the loop says when to try again. */
bool gyre__socket_would_block(int error);

#endif
