/*
 * inet_pton(), and not getaddrinfo(): it asks nobody, allocates nothing, and
 * does not take "127.1" or "0x7f000001" for an address.
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

int
gyre__address_parse(const char *text, uint16_t port,
		    struct gyre__address *ret_address)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
		in.sin_port = htons(port);
		memcpy(&ret_address->storage, &in, sizeof(in));
		ret_address->length = sizeof(in);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1) {
		in6.sin6_port = htons(port);
		memcpy(&ret_address->storage, &in6, sizeof(in6));
		ret_address->length = sizeof(in6);
		return 0;
	}
	return -EINVAL;
}

uint16_t
gyre__address_port(const struct gyre__address *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (address->storage.ss_family == AF_INET6) {
		memcpy(&in6, &address->storage, sizeof(in6));
		return ntohs(in6.sin6_port);
	}
	memcpy(&in, &address->storage, sizeof(in));
	return ntohs(in.sin_port);
}
