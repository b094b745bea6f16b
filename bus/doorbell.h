/*
 * What a pusher does to wake a sleeping consumer: ring its doorbell.
 *
 * A loop's doorbell is its poller's, and where that has nothing better a
 * descriptor: an eventfd, or where there is none a pipe. A poller with edges
 * rearms it after each wake-up, which costs an eventfd nothing; any other
 * drains it. A pool brings its own.
 */
#ifndef GYRE_BUS_DOORBELL_H
#define GYRE_BUS_DOORBELL_H

#include "base/sys.h"

struct gyre__doorbell {
	/* Any thread, signal handlers included; never blocks. */
	void (*ring)(struct gyre__doorbell *bell);
};

/* A doorbell that makes a descriptor readable. */
struct gyre__wake_fd {
	struct gyre__doorbell bell;
	const struct gyre_sys *sys;
	int read_fd;
	int write_fd; /* the same for an eventfd */
};

/* 0, or a negative errno with nothing left open. */
int gyre__wake_fd_open(struct gyre__wake_fd *wake, const struct gyre_sys *sys);

/*
 * Make it unreadable until the next ring. Owner. 0, or a negative errno: it
 * can't be read, and would end every wait from now on.
 */
int gyre__wake_fd_drain(struct gyre__wake_fd *wake);

/*
 * As drain, where only a change ends a wait: each write to an eventfd is one,
 * so that it is never read; a pipe must not fill up. Owner.
 */
int gyre__wake_fd_rearm(struct gyre__wake_fd *wake);

void gyre__wake_fd_close(struct gyre__wake_fd *wake);

#endif
