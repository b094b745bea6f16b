/*
 * What a stream has while it is not connected and established: a lookup, then a
 * race, then what its transport does, and a deadline for all.
 */
#ifndef GYRE_NET_CONNECT_H
#define GYRE_NET_CONNECT_H

struct gyre__connect;
struct gyre_stream;

/* Begin with the last of these, for a stream that has or gets a descriptor: 0,
 * or -ENOMEM and nothing has changed. */
int gyre__connect_establish(struct gyre_stream *stream);

/* Something may have come that the transport waits for. */
void gyre__connect_go_on(struct gyre__connect *connect);

/* The stream has ended before it was connected. */
void gyre__connect_give_up(struct gyre__connect *connect, int error);

#endif
