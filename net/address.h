/*
 * Numeric IPv4 and IPv6 addresses, as text and as the system wants them.
 */
#ifndef GYRE_NET_ADDRESS_H
#define GYRE_NET_ADDRESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct gyre_log;

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

/*
 * Parse an address to bind to; NULL: 127.0.0.1.
 *
 * Errors: -EINVAL it is not numeric; the log says so
 */
int gyre__address_for_bind(const char *text, uint16_t port,
			   const struct gyre_log *log,
			   struct gyre__address *ret_address);

/*
 * Write an address as text: "127.0.0.1:80", "[::1]:80", "unix:/path".
 *
 * Errors: -ENOBUFS it does not fit; -EAFNOSUPPORT it is of another family
 */
int gyre__address_format(const struct gyre__address *address, char *ret_text,
			 size_t size);

/* The port of an IPv4 or IPv6 address. */
uint16_t gyre__address_port(const struct gyre__address *address);

#endif
