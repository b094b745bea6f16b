/*
 * The table of functions through which a stream's bytes come and leave.
 */
#ifndef GYRE_NET_TRANSPORT_H
#define GYRE_NET_TRANSPORT_H

#include <gyre/transport.h>

/* A send takes so many parts. */
#define GYRE__PARTS_MAX 64

/* The socket itself. */
extern const struct gyre_transport_ops gyre__transport_plain;

#endif
