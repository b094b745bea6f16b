/*
 * Both passwords are hashed and the hashes compared whole: neither where they
 * differ nor how long the right one is can be measured.
 */
#include "auth.h"

#include <netinet/in.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>

#include "options.h"

#define DIGEST_BYTES 32

static void
digest(unsigned char *ret_digest, const char *data, size_t length)
{
	(void)crypto_generichash(ret_digest, DIGEST_BYTES,
				 (const unsigned char *)data, length, NULL, 0);
}

bool
auth_matches(const struct options *options, const struct arg *user,
	     const struct arg *password)
{
	unsigned char right[DIGEST_BYTES];
	unsigned char given[DIGEST_BYTES];

	if (user != NULL && (user->length != strlen("default") ||
			     memcmp(user->data, "default", user->length) != 0))
		return false;
	if (options->password[0] == '\0')
		return true;
	digest(right, options->password, strlen(options->password));
	digest(given, password->data, password->length);
	return sodium_memcmp(right, given, DIGEST_BYTES) == 0;
}

static bool
is_local_v6(const struct in6_addr *address)
{
	if (IN6_IS_ADDR_V4MAPPED(address))
		return address->s6_addr[12] == 127;
	return IN6_IS_ADDR_LOOPBACK(address);
}

bool
auth_is_local(const struct sockaddr *peer)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	switch (peer->sa_family) {
	case AF_UNIX:
		return true;
	case AF_INET:
		memcpy(&v4, peer, sizeof(v4));
		return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
	case AF_INET6:
		memcpy(&v6, peer, sizeof(v6));
		return is_local_v6(&v6.sin6_addr);
	default:
		return false;
	}
}

bool
auth_may_connect(const struct options *options, int fd)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);

	if (options->password[0] != '\0' || !options->protected_mode)
		return true;
	/* Of who has reset already the name is gone, not what it had sent. */
	return getpeername(fd, (struct sockaddr *)&peer, &length) == 0 &&
	       auth_is_local((const struct sockaddr *)&peer);
}
