/*
 * Finding out whether a port is ours to take, before the shards take it.
 *
 * With SO_REUSEPORT, which the shards need, a second server on the same port
 * would be let in and get half of the clients. A socket without it is not.
 */
#ifndef KV_PROBE_H
#define KV_PROBE_H

#include <stdint.h>

/*
 * Hold a port; 0 becomes a free one, which is stored. While it is held the
 * shards can listen there and no other program can.
 *
 * Returns: a descriptor to close once they do, or a negative errno
 */
int probe_hold(const char *address, uint16_t *port);

#endif
