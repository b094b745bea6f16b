/*
 * Where a command runs: here at once, or in a batch to where its key lives.
 */
#ifndef KV_ROUTER_H
#define KV_ROUTER_H

#include <stddef.h>

#include "arg.h"

struct connection;

/*
 * Run or send a command. Its reply, or the place of its reply, is behind
 * those of the connection's earlier commands then.
 */
void router_dispatch(struct connection *connection, struct arg *argv,
		     size_t argc);

#endif
