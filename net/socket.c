/*
 * The system calls that make and set up sockets.
 */
#include "net/socket.h"

#include <gyre/resolve.h>

#include "base/sys.h"
#include "net/address.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* What Linux takes for the seconds before a probe; other systems take more. */
#define KEEPALIVE_MAX_S 32767
#define PROBES          3

static int
make_socket(const struct gyre_sys *sys, int family, int type)
{
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
	int fd = sys->socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd >= 0 ? fd : -errno;
#else
	int fd = sys->socket(family, type, 0);

	if (fd < 0)
		return -errno;
	sys->fcntl(fd, F_SETFL, O_NONBLOCK);
	sys->fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
#endif
}

static int
set_value(const struct gyre_sys *sys, int fd, int level, int name, int value)
{
	if (sys->setsockopt(fd, level, name, &value, sizeof(value)) < 0)
		return -errno;
	return 0;
}

static int
set_option(const struct gyre_sys *sys, int fd, int level, int name)
{
	return set_value(sys, fd, level, name, 1);
}

static int
set_listening_options(const struct gyre_sys *sys, int fd, int family,
		      bool reuse_port)
{
	int status = set_option(sys, fd, SOL_SOCKET, SO_REUSEADDR);

	if (status == 0 && reuse_port)
		status = set_option(sys, fd, SOL_SOCKET, SO_REUSEPORT);
	/* The default differs from system to system. */
	if (status == 0 && family == AF_INET6)
		status = set_option(sys, fd, IPPROTO_IPV6, IPV6_V6ONLY);
	return status;
}

static int
bind_and_connect(const struct gyre_sys *sys, int fd,
		 struct gyre__address *address, const struct gyre_address *peer)
{
	struct sockaddr *name = (struct sockaddr *)&address->storage;

	if (address->length > 0 && sys->bind(fd, name, address->length) < 0)
		return -errno;
	if (peer->sockaddr != NULL &&
	    sys->connect(fd, peer->sockaddr, (socklen_t)peer->length) < 0)
		return -errno;
	address->length = sizeof(address->storage);
	if (sys->getsockname(fd, name, &address->length) < 0)
		return -errno;
	return 0;
}

int
gyre__socket_datagram(const struct gyre_sys *sys, struct gyre__address *address,
		      const struct gyre_address *peer, bool reuse_port)
{
	bool binds = address->length > 0;
	int family =
		binds ? address->storage.ss_family : peer->sockaddr->sa_family;
	int fd = make_socket(sys, family, SOCK_DGRAM);
	int status = 0;

	if (fd < 0)
		return fd;
	if (reuse_port)
		status = set_option(sys, fd, SOL_SOCKET, SO_REUSEPORT);
	if (status == 0 && binds && family == AF_INET6)
		status = set_option(sys, fd, IPPROTO_IPV6, IPV6_V6ONLY);
	if (status == 0)
		status = bind_and_connect(sys, fd, address, peer);
	if (status == 0)
		return fd;
	sys->close(fd);
	return status;
}

static int
bind_to(const struct gyre_sys *sys, int fd, struct gyre__address *address)
{
	struct sockaddr *name = (struct sockaddr *)&address->storage;

	if (sys->bind(fd, name, address->length) < 0 ||
	    sys->getsockname(fd, name, &address->length) < 0)
		return -errno;
	return 0;
}

int
gyre__socket_bound(const struct gyre_sys *sys, struct gyre__address *address,
		   bool reuse_port)
{
	int family = address->storage.ss_family;
	int fd = make_socket(sys, family, SOCK_STREAM);
	int status;

	if (fd < 0)
		return fd;
	status = set_listening_options(sys, fd, family, reuse_port);
	if (status == 0)
		status = bind_to(sys, fd, address);
	if (status == 0)
		return fd;
	sys->close(fd);
	return status;
}

int
gyre__socket_listen(const struct gyre_sys *sys, struct gyre__address *address,
		    int backlog, bool reuse_port)
{
	int fd = gyre__socket_bound(sys, address, reuse_port);
	int error;

	if (fd < 0 || sys->listen(fd, backlog) == 0)
		return fd;
	error = -errno;
	sys->close(fd);
	return error;
}

int
gyre__socket_share(const struct gyre_sys *sys, int fd)
{
	return set_option(sys, fd, SOL_SOCKET, SO_REUSEPORT);
}

int
gyre__socket_inherit(const struct gyre_sys *sys, int fd,
		     struct gyre__address *ret_address)
{
	struct sockaddr *name = (struct sockaddr *)&ret_address->storage;
	int type = 0;
	int listens = 0;
	socklen_t length = sizeof(type);
	int flags;

	ret_address->length = sizeof(ret_address->storage);
	if (sys->getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0 ||
	    sys->getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) <
		    0)
		return -errno;
	if (type != SOCK_STREAM || !listens)
		return -EINVAL;
	flags = sys->fcntl(fd, F_GETFL, 0);
	if (flags < 0 || sys->fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    sys->fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    sys->getsockname(fd, name, &ret_address->length) < 0)
		return -errno;
	return 0;
}

int
gyre__socket_connect(const struct gyre_sys *sys,
		     const struct gyre_address *address)
{
	int fd = make_socket(sys, address->sockaddr->sa_family, SOCK_STREAM);
	int error;

	if (fd < 0)
		return fd;
	/* Interrupted, it goes on all the same. */
	if (sys->connect(fd, address->sockaddr, (socklen_t)address->length) ==
		    0 ||
	    errno == EINPROGRESS || errno == EINTR)
		return fd;
	error = -errno;
	sys->close(fd);
	return error;
}

int
gyre__socket_error(const struct gyre_sys *sys, int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (sys->getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return -errno;
	return -error;
}

/* -- connected ------------------------------------------------------------- */

/* The name differs: Linux's, or macOS's. */
#if defined(TCP_KEEPIDLE)
#define KEEPALIVE_IDLE TCP_KEEPIDLE
#elif defined(TCP_KEEPALIVE)
#define KEEPALIVE_IDLE TCP_KEEPALIVE
#endif

uint16_t
gyre__socket_keepalive_s(int64_t keepalive_ns)
{
	if (keepalive_ns <= 0)
		return 0;
	if (keepalive_ns >= GYRE_SECONDS((int64_t)KEEPALIVE_MAX_S))
		return KEEPALIVE_MAX_S;
	return (uint16_t)((keepalive_ns + GYRE_SECONDS(1) - 1) /
			  GYRE_SECONDS(1));
}

/*
 * After so long the peer is asked, PROBES times; all together is about twice
 * as long. While something waits to be acknowledged the system does not probe,
 * but sends that again for a quarter of an hour: it is told to stop as early.
 */
static void
keep_alive(const struct gyre_sys *sys, int fd, int idle_s)
{
	int interval_s = idle_s >= PROBES ? idle_s / PROBES : 1;
	int all_s = idle_s + PROBES * interval_s;

	/* Not every stream is TCP. */
#if defined(KEEPALIVE_IDLE)
	if (set_value(sys, fd, IPPROTO_TCP, KEEPALIVE_IDLE, idle_s) < 0)
		return;
#endif
#if defined(TCP_KEEPINTVL) && defined(TCP_KEEPCNT)
	(void)set_value(sys, fd, IPPROTO_TCP, TCP_KEEPINTVL, interval_s);
	(void)set_value(sys, fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
#endif
#if defined(TCP_USER_TIMEOUT)
	(void)set_value(sys, fd, IPPROTO_TCP, TCP_USER_TIMEOUT, all_s * 1000);
#elif defined(TCP_RXT_CONNDROPTIME)
	(void)set_value(sys, fd, IPPROTO_TCP, TCP_RXT_CONNDROPTIME, all_s);
#else
	(void)all_s;
#endif
	(void)set_option(sys, fd, SOL_SOCKET, SO_KEEPALIVE);
}

void
gyre__socket_tune(const struct gyre_sys *sys, int fd, bool no_delay,
		  uint16_t keepalive_s)
{
#ifdef SO_NOSIGPIPE
	(void)set_option(sys, fd, SOL_SOCKET, SO_NOSIGPIPE);
#endif
	/* Not every stream is TCP. */
	if (no_delay)
		(void)set_option(sys, fd, IPPROTO_TCP, TCP_NODELAY);
	if (keepalive_s > 0)
		keep_alive(sys, fd, keepalive_s);
}

bool
gyre__socket_would_block(int error)
{
	/* An interrupted call is not repeated here: nothing spins that way. */
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}
