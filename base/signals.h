/*
 * Who wants to know of a signal. A signal's action is the process's, so its
 * watches are too: the first one of a signal installs a handler, which calls
 * all of them, and the last one that goes brings back the action that was there
 * before.
 */
#ifndef GYRE_BASE_SIGNALS_H
#define GYRE_BASE_SIGNALS_H

#include "base/sys.h"

/* Embedded in what watches. */
struct gyre__signal_watch {
	int signo;
	/* Called in the handler, on whatever thread the signal came to: no
	 * lock, no allocation. */
	void (*notify)(struct gyre__signal_watch *watch);
	/* -- the lock's holder writes, handlers read, atomic -- */
	struct gyre__signal_watch *next;
};

/* Whether a watch can have this signal: it is one, can be handled, and is not
 * raised by a fault. */
int gyre__signal_check(int signo);

/* Watch: 0, or why the handler cannot be installed. Any thread. */
int gyre__signals_add(const struct gyre_sys *sys,
		      struct gyre__signal_watch *watch);

/* Watch no more: when this returns no handler calls it or will. Any thread, not
 * in a handler. */
void gyre__signals_remove(const struct gyre_sys *sys,
			  struct gyre__signal_watch *watch);

#endif
