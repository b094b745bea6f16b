/*
 * Whether a client that has come may stay, and on which shard.
 */
#ifndef KV_ADMISSION_H
#define KV_ADMISSION_H

struct shard;

/* A client has come to this shard: it becomes a connection, or is closed. */
void admission_take(struct shard *shard, int fd);

/*
 * A client has come where one shard accepts for all: it goes to the next. A
 * Unix socket's path has one listener, where a port has one a shard.
 */
void admission_spread(struct shard *shard, int fd);

#endif
