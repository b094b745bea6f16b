/*
 * How long a stream may last, and how long it may be idle: one timeout for
 * both.
 */
#ifndef GYRE_NET_PATIENCE_H
#define GYRE_NET_PATIENCE_H

#include <gyre/timeout.h>

struct gyre_stream;

struct gyre__patience {
	gyre_timeout timeout; /* 0: there is nothing to wait for */
	int64_t deadline_ns;  /* 0: none */
	int64_t idle_ns;      /* 0: for ever */
	int64_t quiet_ns;     /* since then no byte has moved, as far as seen */
	uint64_t moved;       /* how many had, when it was last looked at */
};

/* Begin to watch a stream that has just been connected: 0, or -ENOMEM. */
int gyre__patience_start(struct gyre_stream *stream);

/* What has moved by now was before. */
void gyre__patience_note(struct gyre_stream *stream);

/* The stream has ended. */
void gyre__patience_stop(struct gyre_stream *stream);

#endif
