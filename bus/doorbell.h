/*
 * What a pusher does to wake a sleeping consumer: ring its doorbell.
 *
 * A loop's doorbell is a descriptor that its poller watches edge-triggered:
 * an eventfd, which is never read while the loop runs, or where there is none
 * a pipe, which the loop drains when it wakes. A pool brings its own.
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

/* Make a pipe ring again; nothing to do for an eventfd. Owner. */
void gyre__wake_fd_drain(struct gyre__wake_fd *wake);

void gyre__wake_fd_close(struct gyre__wake_fd *wake);

#endif
