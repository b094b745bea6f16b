/*
 * TLS for clients, where OpenSSL was there to build with.
 */
#ifndef KV_SECURE_H
#define KV_SECURE_H

#include <stdbool.h>

#include <gyre/net.h>

struct gyre_tls;
struct options;
struct server;

/* Tell whether it was built in. */
bool secure_is_built(void);

/* Read the certificates that the options name: 0, or an errno and a line on
 * standard error says why. */
int secure_load(struct server *server);
void secure_unload(struct server *server);

/* Read them again; if they are no good, the old ones stay. */
void secure_reload(struct server *server);

/* As gyre_stream_open(), for a client of the TLS port. */
int secure_open(struct server *server, struct gyre_loop *loop, int fd,
		const struct gyre_stream_options *options,
		const struct gyre_stream_ops *ops, void *arg,
		struct gyre_stream **ret_stream);

#endif
