/*
 * A poller is how a loop waits for descriptors: the platform's, or one of your
 * own.
 *
 * gyre_loop_options.poller chooses one, else the environment's GYRE_POLLER by
 * its name, else it is the platform's best. Gyre brings "epoll" (Linux),
 * "kqueue" (BSD, macOS) and "poll" (everywhere). To bring your own, fill a
 * struct gyre_poller_ops in: with a virtual clock beside it, a whole loop runs
 * without a system call.
 *
 *     const struct gyre_loop_options options = {
 *             .poller = gyre_poller_find("poll"),
 *     };
 */
#ifndef GYRE_POLLER_H
#define GYRE_POLLER_H

#include <gyre/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_sys;

/*
 * Event bits of handlers; ERROR (error or hang-up) is always reported. To
 * kqueue, what nobody reads or writes has no errors.
 */
#define GYRE_NONE  0x00u
#define GYRE_READ  0x01u
#define GYRE_WRITE 0x04u
#define GYRE_ERROR 0x18u

/* One event of a poll: which registration, what is ready. */
struct gyre_poller_event {
	uint64_t cookie;
	unsigned events;
};

/*
 * A poller: bring your own by filling this in. All calls but wake's come from
 * the loop's owner. Functions answer 0 or a negative errno; `poller` is what
 * open returned. Readiness is reported as long as it lasts.
 */
struct gyre_poller_ops {
	const char *name;
	/* A loop may open a second one, move over, and close the first. */
	int (*open)(const struct gyre_sys *sys, void **ret_poller);
	void (*close)(void *poller);
	/*
	 * `events` has ERROR besides what is waited for. What was added and
	 * not removed is not added again.
	 */
	int (*add)(void *poller, int fd, unsigned events, uint64_t cookie);
	int (*modify)(void *poller, int fd, unsigned events, uint64_t cookie);
	int (*remove)(void *poller, int fd);
	/*
	 * Wait up to timeout_ns (0: not at all; GYRE_FOREVER: without end)
	 * and return how many events were stored, at most max, or -EINTR;
	 * what else it fails with ends the run of the loop.
	 */
	int (*wait)(void *poller, struct gyre_poller_event *events, int max,
		    int64_t timeout_ns);
	/*
	 * End the wait that is under way or, if there is none, the next one;
	 * once for many is enough. It comes from any thread and from signal
	 * handlers, blocks never and keeps errno; none comes after close.
	 */
	void (*wake)(void *poller);
	/* Optional: a descriptor that is readable while a wait would return at
	 * once, for loops inside another. */
	int (*fd)(void *poller);
};

/*
 * Return the poller of this name; NULL means the platform's best. Look at the
 * answer: as an option, NULL chooses the platform's best again.
 *
 * Thread: any
 * Errors: NULL there is none of this name here
 */
GYRE_API const struct gyre_poller_ops *gyre_poller_find(const char *name);

#ifdef __cplusplus
}
#endif

#endif
