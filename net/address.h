/*
 * Numeric IPv4 and IPv6 addresses, as text and as the system wants them.
 */
#ifndef GYRE_NET_ADDRESS_H
#define GYRE_NET_ADDRESS_H

#include <stdint.h>
#include <sys/socket.h>

struct gyre__address {
	struct sockaddr_storage storage;
	socklen_t length; /* of what is used of it */
};

/*
 * Parse a numeric address.
 *
 * Errors: -EINVAL it is not numeric; nothing was stored then
 */
int gyre__address_parse(const char *text, uint16_t port,
			struct gyre__address *ret_address);

/* The port of an IPv4 or IPv6 address. */
uint16_t gyre__address_port(const struct gyre__address *address);

#endif
