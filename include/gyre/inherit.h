/*
 * Listening descriptors that a process is started with: how a service is
 * restarted without a client being refused.
 *
 * Who starts it (systemd, or the one that it replaces) passes descriptors from
 * 3 on and says so in LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES. The new one
 * takes them, listens with them and serves; then the old one stops. There is
 * one queue for both, and it is open all the time.
 *
 *     struct gyre_inherited from_before;
 *     int count = gyre_inherited_take(&from_before, 1);
 *     struct gyre_listener_options at = { .port = count > 0 ? 0 : 7400,
 *                                         .fd = count > 0 ? from_before.fd
 *                                                         : 0 };
 */
#ifndef GYRE_INHERIT_H
#define GYRE_INHERIT_H

#include <gyre/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of the descriptors' names, as systemd has it. */
#define GYRE_INHERITED_NAME_MAX 255

struct gyre_inherited {
	int fd;
	char name[GYRE_INHERITED_NAME_MAX + 1]; /* printable, without a colon;
						   given none: "unknown" */
};

/*
 * Take the descriptors that this process was started with, up to `max`, and
 * take the variables out of the environment: neither a child nor a second call
 * finds them again.
 *
 * Thread: setup
 * Owns:   the caller gets the descriptors, which are close-on-exec; with an
 *         error nothing was taken, and the variables are still there
 * Returns: how many; 0: none, or they are for another process
 * Errors: -EINVAL the variables make no sense, or there are fewer descriptors
 *         than they say; -E2BIG there are more than max
 */
GYRE_API int gyre_inherited_take(struct gyre_inherited *ret_items,
				 unsigned max) GYRE_MUST_CHECK;

/*
 * Start a program with these descriptors, which stay the caller's, and nothing
 * else of this process that is close-on-exec. It gets this environment and the
 * default actions for signals, none of them blocked.
 *
 * Thread: any; nobody changes the environment meanwhile
 * Blocks: until the program has begun
 * Errors: -ENOENT, -EACCES and the like: there is no such program; -EINVAL a
 *         name is empty, too long or not printable, or has a colon; -E2BIG more
 *         than 64 descriptors; -EBADF; -EAGAIN; -EMFILE; -ENOMEM
 */
GYRE_API int gyre_inherited_start(const char *program, char *const argv[],
				  const struct gyre_inherited *items,
				  unsigned count, int *ret_pid) GYRE_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
