/* The pollers that gyre brings; gyre_poller_ops says what a poller is. */
#ifndef GYRE_LOOP_POLLER_H
#define GYRE_LOOP_POLLER_H

#include <gyre/loop.h>

#include "base/sys.h"

/* How many events one poll returns at most; the rest come with the next. */
#define GYRE__POLL_EVENTS_MAX 256

extern const struct gyre_poller_ops gyre__poller_epoll;

#endif
