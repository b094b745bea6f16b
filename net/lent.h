/*
 * What leaves between a stream's copied bytes: messages that are lent to it,
 * and marks that tell when all before them has left.
 */
#ifndef GYRE_NET_LENT_H
#define GYRE_NET_LENT_H

#include <gyre/future.h>
#include <gyre/net.h>
#include <gyre/task.h>

struct gyre_stream;

struct gyre__lent {
	struct gyre__lent *next;
	size_t before; /* copied bytes between the one before it and it */
	size_t left;   /* of the message */
	struct gyre_message message;
	struct gyre_future *future; /* a mark's; a reference. NULL: a message */
	int error;                  /* for that future: the stream has ended */
};

struct gyre__lent_list {
	struct gyre__lent *oldest;
	struct gyre__lent *newest;
};

struct gyre__lending {
	struct gyre__lent_list waiting;
	struct gyre__lent_list done; /* to be released in a callback */
	size_t before;               /* the sum of those that wait */
	size_t left;                 /* the same */
};

/* Append; on error nothing has changed. */
int gyre__lent_add_message(struct gyre_stream *stream,
			   const struct gyre_message *message);
int gyre__lent_add_mark(struct gyre_stream *stream, struct gyre_future *future);

/* Describe what is to leave next, in so many parts at most; how many. */
size_t gyre__lent_gather(const struct gyre_stream *stream,
			 struct gyre_bytes *parts, size_t max);

/* So many bytes have left, copied ones and others. */
void gyre__lent_consume(struct gyre_stream *stream, size_t length);

/* Nothing more will leave. */
void gyre__lent_end(struct gyre_stream *stream, int error);

/* Release what is done; user code. */
void gyre__lent_release(struct gyre_stream *stream);

#endif
