/* An echo on a driver's watches: what comes is written back at once, and more
 * than the socket takes is under way in no bench. */
#ifndef BENCH_WATCHED_ECHO_H
#define BENCH_WATCHED_ECHO_H

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver.h"

struct driver_echo {
	struct driver *driver;
	struct driver_watch watch;
	int fd;
	uint64_t *open;
};

static inline void
driver_echo_read(void *arg)
{
	struct driver_echo *echo = (struct driver_echo *)arg;
	char buffer[65536];
	ssize_t length = recv(echo->fd, buffer, sizeof(buffer), 0);

	if (length > 0) {
		if (send(echo->fd, buffer, (size_t)length, 0) != length)
			bench_fail("a socket did not take an echo");
		return;
	}
	driver_watch_stop(echo->driver, &echo->watch);
	close(echo->fd);
	--*echo->open;
	free(echo);
}

static inline void
driver_echo_open(struct driver *driver, int fd, uint64_t *open)
{
	struct driver_echo *echo =
		(struct driver_echo *)bench_allocate(1, sizeof(*echo));

	echo->driver = driver;
	echo->fd = fd;
	echo->open = open;
	++*open;
	driver_watch_start(driver, &echo->watch, fd, driver_echo_read, echo);
}

#endif
