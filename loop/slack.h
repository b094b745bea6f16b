/*
 * That timeouts which follow each other closely share a wake-up. A wake-up for
 * a timeout begins a time of slack. Of several that are due within it, the loop
 * does not wake up again before its end, when it runs them all, in their order;
 * a single one it runs at its instant. So however many there are, they wake the
 * loop about once in a slack, and one that is alone is not late for it.
 *
 * Rejected: rounding every deadline up, as loops do that count milliseconds,
 * which makes each late; the kernel's timer slack, which is the thread's for
 * all that it waits for, and of which a single one is late too.
 */
#ifndef GYRE_LOOP_SLACK_H
#define GYRE_LOOP_SLACK_H

#include <gyre/base.h>

#include <stdint.h>

#include "loop/timeouts.h"

#define GYRE__SLACK_NS GYRE_MS(1) /* if nobody says how much */

/* Owner. */
struct gyre__slack {
	int64_t slack_ns;
	int64_t end_ns; /* of the time that began last; loop time */
};

void gyre__slack_init(struct gyre__slack *slack, int64_t slack_ns);

/* How long to sleep for the first timeout, which is due after timeout_ns. */
int64_t gyre__slack_sleep(const struct gyre__slack *slack,
			  const struct gyre__timeouts *timeouts, int64_t now_ns,
			  int64_t timeout_ns);

/* A sleep ended for a timeout. */
void gyre__slack_begin(struct gyre__slack *slack, int64_t now_ns);

#endif
