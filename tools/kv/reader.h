/*
 * A connection's commands on their way in.
 */
#ifndef KV_READER_H
#define KV_READER_H

#include <stdbool.h>
#include <stddef.h>

struct connection;

/*
 * Parse what was read and run or send each command; return how much of it is
 * done with. When too much waits to be replied to, pause the stream.
 */
size_t reader_take(struct connection *connection, const char *data,
		   size_t length);

/*
 * Go on with commands that had to wait, once they may run. Tells whether
 * anything was done.
 */
bool reader_go_on(struct connection *connection);

/* Tell whether a share of what may wait (2: half of it) is reached. */
bool reader_is_over(const struct connection *connection, unsigned share);

#endif
