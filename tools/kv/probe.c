/*
 * The probe binds without SO_REUSEPORT, which fails if anybody listens, and
 * then sets it: from then on it stands in nobody's way who sets it too and
 * belongs to the same user. It never listens, so no client reaches it.
 */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t
make_address(union address *address, const char *text, uint16_t port)
{
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
		address->v4.sin_family = AF_INET;
		address->v4.sin_port = htons(port);
		return sizeof(address->v4);
	}
	if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
		address->v6.sin6_family = AF_INET6;
		address->v6.sin6_port = htons(port);
		return sizeof(address->v6);
	}
	return 0;
}

/* Both kinds of address have the port at the same place. */
_Static_assert(offsetof(struct sockaddr_in, sin_port) ==
		       offsetof(struct sockaddr_in6, sin6_port),
	       "one way to read the port");

static int
hold(int fd, union address *address, socklen_t length, uint16_t *port)
{
	int yes = 1;

	/* What is left of closed connections is not in the way. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    bind(fd, &address->any, length) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) < 0 ||
	    getsockname(fd, &address->any, &length) < 0)
		return -errno;
	*port = ntohs(address->v4.sin_port);
	return fd;
}

int
probe_hold(const char *text, uint16_t *port)
{
	union address address;
	socklen_t length = make_address(&address, text, *port);
	int fd;
	int result;

	if (length == 0)
		return -EINVAL;
	fd = socket(address.any.sa_family, SOCK_STREAM, 0);
	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		result = -errno;
	else
		result = hold(fd, &address, length, port);
	if (result < 0)
		close(fd);
	return result;
}
