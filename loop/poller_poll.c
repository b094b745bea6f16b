/*
 * The poller over poll(2), which every system has. The kernel keeps nothing
 * here: what is watched lies in a dense array that each wait hands over, and a
 * table indexed by the descriptor's number says where in it. The event bits
 * are poll's own. It is woken through a descriptor in the first place of the
 * array, which it reads: there are no edges.
 *
 * A closed descriptor that was not removed is found by the next wait, which
 * takes it out and says nothing. If its number has come to another file, a
 * change tells by the file's identity; a wait cannot, and reports that file.
 */
#include "loop/poller.h"

#include "bus/doorbell.h"

#include <errno.h>

_Static_assert(GYRE_READ == POLLIN && GYRE_WRITE == POLLOUT &&
		       GYRE_ERROR == (POLLERR | POLLHUP),
	       "handlers' event bits are poll's");

#define WAKE 0 /* the wake descriptor's place */

struct watched {
	uint64_t cookie;
	size_t place; /* 0: none */
	dev_t device; /* with its inode, which file it is */
	ino_t inode;
};

struct poll_poller {
	struct gyre__wake_fd wake_fd;
	const struct gyre_sys *sys;
	struct pollfd *fds; /* dense, WAKE first */
	size_t fds_capacity;
	size_t count;
	struct watched *table; /* by number */
	size_t table_capacity;
	size_t next; /* where the next look for events begins */
};

/* -- what is watched ------------------------------------------------------ */

static struct watched *
find(const struct poll_poller *poller, int fd)
{
	if (fd < 0 || (size_t)fd >= poller->table_capacity ||
	    poller->table[fd].place == 0)
		return NULL;
	return &poller->table[fd];
}

static int
make_room(struct poll_poller *poller, int fd)
{
	void *fds = poller->fds;
	void *table = poller->table;
	int result;

	result = gyre__poller_grow(poller->sys, &table, sizeof(struct watched),
				   &poller->table_capacity, (size_t)fd);
	poller->table = table;
	if (result == 0)
		result = gyre__poller_grow(
			poller->sys, &fds, sizeof(struct pollfd),
			&poller->fds_capacity, poller->count);
	poller->fds = fds;
	return result;
}

static void
append(struct poll_poller *poller, int fd, unsigned events)
{
	poller->fds[poller->count++] = (struct pollfd){
		.fd = fd,
		.events = (short)(events & (GYRE_READ | GYRE_WRITE)),
	};
}

/* The last one takes the place. */
static void
take_out(struct poll_poller *poller, struct watched *watched)
{
	size_t place = watched->place;
	size_t last = --poller->count;

	watched->place = 0;
	if (place == last)
		return;
	poller->fds[place] = poller->fds[last];
	poller->table[poller->fds[place].fd].place = place;
}

static int
poll_add(void *arg, int fd, unsigned events, uint64_t cookie)
{
	struct poll_poller *poller = arg;
	struct stat status;
	int result = gyre__poller_check_fd(poller->sys, fd, &status);

	if (result < 0)
		return result;
	if (find(poller, fd) != NULL)
		return -EEXIST;
	result = make_room(poller, fd);
	if (result < 0)
		return result;
	poller->table[fd] = (struct watched){
		.cookie = cookie,
		.place = poller->count,
		.device = status.st_dev,
		.inode = status.st_ino,
	};
	append(poller, fd, events);
	return 0;
}

/* Whether the number still is the file's that was added. Without an answer it
 * is taken to be. */
static bool
is_same(const struct poll_poller *poller, int fd)
{
	const struct watched *watched = &poller->table[fd];
	struct stat status;

	if (poller->sys->fstat(fd, &status) < 0)
		return errno != EBADF;
	return status.st_dev == watched->device &&
	       status.st_ino == watched->inode;
}

static int
poll_modify(void *arg, int fd, unsigned events, uint64_t cookie)
{
	struct poll_poller *poller = arg;
	struct watched *watched = find(poller, fd);

	if (watched == NULL)
		return -ENOENT;
	if (!is_same(poller, fd)) {
		take_out(poller, watched);
		return -ENOENT;
	}
	watched->cookie = cookie;
	poller->fds[watched->place].events =
		(short)(events & (GYRE_READ | GYRE_WRITE));
	return 0;
}

static int
poll_remove(void *arg, int fd)
{
	struct poll_poller *poller = arg;
	struct watched *watched = find(poller, fd);
	int result;

	if (watched == NULL)
		return -ENOENT;
	result = is_same(poller, fd) ? 0 : -ENOENT;
	take_out(poller, watched);
	return result;
}

/* -- open and close ------------------------------------------------------- */

static int
poll_open(const struct gyre_sys *sys, void **ret_poller)
{
	struct poll_poller *poller = gyre__allocate(sys, sizeof(*poller), 0);
	int result;

	if (poller == NULL)
		return -ENOMEM;
	poller->sys = sys;
	result = make_room(poller, 0);
	if (result == 0)
		result = gyre__wake_fd_open(&poller->wake_fd, sys);
	if (result < 0) {
		sys->release(poller->fds);
		sys->release(poller->table);
		sys->release(poller);
		return result;
	}
	append(poller, poller->wake_fd.read_fd, GYRE_READ);
	*ret_poller = poller;
	return 0;
}

static void
poll_close(void *arg)
{
	struct poll_poller *poller = arg;

	gyre__wake_fd_close(&poller->wake_fd);
	poller->sys->release(poller->fds);
	poller->sys->release(poller->table);
	poller->sys->release(poller);
}

/* -- waiting -------------------------------------------------------------- */

static int
wait_raw(struct poll_poller *poller, int64_t timeout_ns)
{
	const struct timespec timeout = {
		.tv_sec = timeout_ns / 1000000000,
		.tv_nsec = timeout_ns % 1000000000,
	};

	return poller->sys->poll(poller->fds, (nfds_t)poller->count,
				 timeout_ns == GYRE_FOREVER ? NULL : &timeout);
}

/*
 * Look at `left` places that have something. Each look begins behind where the
 * last one ended, so that none of more than `max` goes hungry.
 */
static int
collect(struct poll_poller *poller, struct gyre_poller_event *events, int max,
	int left)
{
	size_t place = poller->next;
	size_t looks = poller->count;
	int stored = 0;

	for (; looks > 0 && left > 0 && stored < max; looks--, place++) {
		const struct pollfd *polled;

		if (place >= poller->count)
			place = 0;
		polled = &poller->fds[place];
		if (place == WAKE || polled->revents == 0)
			continue;
		left--;
		if (polled->revents & POLLNVAL)
			continue;
		events[stored].cookie = poller->table[polled->fd].cookie;
		events[stored++].events = (unsigned)polled->revents;
	}
	poller->next = place;
	return stored;
}

/* From the end, for the last one takes the place of what is taken out. */
static void
forget_closed(struct poll_poller *poller)
{
	for (size_t place = poller->count - 1; place > WAKE; place--)
		if (poller->fds[place].revents & POLLNVAL)
			take_out(poller, &poller->table[poller->fds[place].fd]);
}

static int
poll_wait(void *arg, struct gyre_poller_event *events, int max,
	  int64_t timeout_ns)
{
	struct poll_poller *poller = arg;
	int count = wait_raw(poller, timeout_ns);
	int stored;

	if (count < 0)
		return -errno;
	if (count > 0 && poller->fds[WAKE].revents != 0) {
		int result = gyre__wake_fd_drain(&poller->wake_fd);

		if (result < 0)
			return result;
		count--;
	}
	stored = collect(poller, events, max, count);
	if (count > stored)
		forget_closed(poller);
	return stored;
}

static void
poll_wake(void *arg)
{
	struct poll_poller *poller = arg;

	poller->wake_fd.bell.ring(&poller->wake_fd.bell);
}

const struct gyre_poller_ops gyre__poller_poll = {
	.name = "poll",
	.open = poll_open,
	.close = poll_close,
	.add = poll_add,
	.modify = poll_modify,
	.remove = poll_remove,
	.wait = poll_wait,
	.wake = poll_wake,
};
