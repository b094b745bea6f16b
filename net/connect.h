/*
 * What a stream has while it is not connected: a lookup, then a race, and a
 * deadline for both.
 */
#ifndef GYRE_NET_CONNECT_H
#define GYRE_NET_CONNECT_H

struct gyre__connect;

/* The stream has ended before it was connected. */
void gyre__connect_give_up(struct gyre__connect *connect, int error);

#endif
