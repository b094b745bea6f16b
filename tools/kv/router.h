/*
 * Where a command runs: here at once, or in a batch to where its key lives.
 */
#ifndef KV_ROUTER_H
#define KV_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

#include "arg.h"

struct command;
struct connection;

/*
 * Run or send a command. Its reply, or the place of its reply, is behind
 * those of the connection's earlier commands then. Returns NULL, or the
 * command, with nothing done, if it must wait.
 */
const struct command *router_dispatch(struct connection *connection,
				      struct arg *argv, size_t argc);

/*
 * Tell whether a command must wait until what the connection sent before has
 * been done elsewhere.
 *
 * Commands on keys do not wait for one another: those that could tell share a
 * shard. A message may tell of anything, so it is published when all commands
 * before it have run, and what comes behind it runs when it has arrived. Only
 * messages follow on messages, since they keep their order by themselves, as
 * long as there is room for them.
 */
bool router_must_wait(const struct connection *connection,
		      const struct command *command);

/*
 * End a connection's transaction, if there is one, and what it watches. That
 * may be elsewhere, and then goes with the next batch.
 */
void router_end_transaction(struct connection *connection);

#endif
