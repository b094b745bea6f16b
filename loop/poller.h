/* The pollers that gyre brings; gyre_poller_ops says what a poller is. */
#ifndef GYRE_LOOP_POLLER_H
#define GYRE_LOOP_POLLER_H

#include <gyre/loop.h>

#include "base/sys.h"

/* How many events one poll returns at most; the rest come with the next. */
#define GYRE__POLL_EVENTS_MAX 256

#if defined(__linux__)
extern const struct gyre_poller_ops gyre__poller_epoll;
#endif
#if defined(GYRE__KQUEUE)
extern const struct gyre_poller_ops gyre__poller_kqueue;
#endif
extern const struct gyre_poller_ops gyre__poller_poll;

/*
 * The poller that GYRE_POLLER names, or without it the platform's best. 0, or
 * -ENOTSUP and a line that says which there are.
 */
int gyre__poller_choose(const struct gyre_log *log,
			const struct gyre_poller_ops **ret_ops);

/*
 * Whether the descriptor is one that can be waited for, for pollers that the
 * kernel does not tell: 0, -EBADF, or -EPERM for what is always ready. What
 * the kernel says of it comes back, too.
 */
int gyre__poller_check_fd(const struct gyre_sys *sys, int fd,
			  struct stat *ret_status);

/*
 * Make room for index in an array, which grows by doubling; new elements are
 * zero. 0 or -ENOMEM.
 */
int gyre__poller_grow(const struct gyre_sys *sys, void **array, size_t size,
		      size_t *capacity, size_t index);

#endif
