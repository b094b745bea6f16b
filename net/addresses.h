/*
 * What a lookup found, as one piece of memory that knows how it is freed.
 */
#ifndef GYRE_NET_ADDRESSES_H
#define GYRE_NET_ADDRESSES_H

#include <gyre/resolve.h>

struct addrinfo;
struct gyre_sys;

/* As gyre_addresses_new(), with a table of system calls. Any thread. */
int gyre__addresses_new(const struct gyre_sys *sys,
			const struct gyre_address *items, size_t count,
			const char *canonical_name,
			struct gyre_addresses **ret_addresses);

/*
 * Copy what getaddrinfo() answered; what is no IP address is left out, and what
 * is beyond GYRE_ADDRESSES_MAX. Any thread.
 *
 * Errors: -ENOENT nothing is left; -ENOMEM
 */
int gyre__addresses_of_list(const struct gyre_sys *sys,
			    const struct addrinfo *list,
			    struct gyre_addresses **ret_addresses);

#endif
