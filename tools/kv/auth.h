/*
 * Who may come in: the password, and the peers that need none.
 */
#ifndef KV_AUTH_H
#define KV_AUTH_H

#include <stdbool.h>

#include "arg.h"

struct options;
struct sockaddr;

/* What a client may send that has yet to give the password. As in Redis. */
#define AUTH_STRANGER_ARGS_MAX 10
#define AUTH_STRANGER_BULK_MAX 16384

/*
 * Tell whether user and password are right; NULL for the default user. How
 * long it takes says nothing about how much of the password was.
 */
bool auth_matches(const struct options *options, const struct arg *user,
		  const struct arg *password);

/* Tell whether a peer is on this machine: loopback, or a Unix socket. */
bool auth_is_local(const struct sockaddr *peer);

/* Tell whether a peer may connect at all. */
bool auth_may_connect(const struct options *options, int fd);

#endif
