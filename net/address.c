/*
 * inet_pton(), and not getaddrinfo(): it asks nobody, allocates nothing, and
 * does not take "127.1" or "0x7f000001" for an address.
 */
#include "net/address.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

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

int
gyre__address_for_bind(const char *text, uint16_t port,
		       const struct gyre_log *log,
		       struct gyre__address *ret_address)
{
	int status;

	if (text == NULL)
		text = "127.0.0.1";
	status = gyre__address_parse(text, port, ret_address);
	if (status < 0)
		gyre__log(log, GYRE_LOG_ERROR,
			  "cannot listen on \"%s\": not a numeric address",
			  text);
	return status;
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

/* Of a name in the abstract, which begins with a NUL, that is an @. */
static int
format_unix(const struct gyre__address *address, char *ret_text, size_t size)
{
	size_t offset = offsetof(struct sockaddr_un, sun_path);
	size_t length = 0;
	struct sockaddr_un un;

	memcpy(&un, &address->storage, sizeof(un));
	if (address->length > offset)
		length = address->length - offset;
	if (length > sizeof(un.sun_path))
		length = sizeof(un.sun_path);
	if (length > 1 && un.sun_path[0] == '\0')
		un.sun_path[0] = '@';
	return snprintf(ret_text, size, "unix:%.*s", (int)length, un.sun_path);
}

int
gyre__address_format(const struct gyre__address *address, char *ret_text,
		     size_t size)
{
	char host[INET6_ADDRSTRLEN];
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	int length;

	switch (address->storage.ss_family) {
	case AF_INET:
		memcpy(&in, &address->storage, sizeof(in));
		inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host));
		length = snprintf(ret_text, size, "%s:%u", host,
				  gyre__address_port(address));
		break;
	case AF_INET6:
		memcpy(&in6, &address->storage, sizeof(in6));
		inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host));
		length = snprintf(ret_text, size, "[%s]:%u", host,
				  gyre__address_port(address));
		break;
	case AF_UNIX:
		length = format_unix(address, ret_text, size);
		break;
	default:
		return -EAFNOSUPPORT;
	}
	return (size_t)length < size ? 0 : -ENOBUFS;
}
