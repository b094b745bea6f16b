/*
 * A Unix socket that listens at a path: what is there before, who may connect,
 * and that nothing stays behind.
 */
#ifndef GYRE_BASE_LOCAL_SOCKET_H
#define GYRE_BASE_LOCAL_SOCKET_H

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>

struct gyre_sys;

#define GYRE__LOCAL_WHY_MAX 80

/* Where it listens. Zeroed: nowhere. */
struct gyre__local_socket {
	struct sockaddr_un address;
	dev_t device; /* of the path, to know it again */
	ino_t inode;
};

/*
 * Listen at a path that has this mode before anybody can connect. A socket
 * that a process which is gone has left there is taken away; one of a process
 * that runs, and anything else, is not. If it can't be, ret_why says why in
 * words.
 *
 * Returns: the descriptor, non-blocking and close-on-exec, or a negative errno
 *          and nothing is left of it: -EADDRINUSE, -EEXIST there is something
 *          that is no socket, -ENAMETOOLONG, -EACCES, …
 */
int gyre__local_listen(const struct gyre_sys *sys, const char *path,
		       mode_t mode, int backlog, struct gyre__local_socket *ret,
		       char ret_why[GYRE__LOCAL_WHY_MAX]);

/*
 * Take the path away, unless somebody else's is there by now. To be called
 * before the descriptor is closed: until then nobody takes it for stale.
 */
void gyre__local_remove(const struct gyre_sys *sys,
			struct gyre__local_socket *socket);

#endif
