/*
 * A connection's replies on their way out.
 */
#ifndef KV_WRITER_H
#define KV_WRITER_H

struct connection;

/* Write the replies whose turn it is, as long as the client keeps up. */
void writer_flush(struct connection *connection);

#endif
