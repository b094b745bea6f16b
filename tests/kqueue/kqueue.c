/*
 * A queue is an epoll of two others, one for what is to be read and one for
 * what is to be written, so that a descriptor's two filters are two entries. A
 * user event is an eventfd among the first, a timer a timerfd.
 *
 * Closing a descriptor removes its filters, though a duplicate may live on; so
 * this file has a close() of its own, which the linker prefers to the C
 * library's. One lock guards everything; signals are blocked under it, since
 * user events are triggered by signal handlers too. A child has no queue of its
 * parent's.
 */
#include "tests/kqueue/sys/event.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define QUEUES_MAX 1024
#define BATCH_MAX  256

enum side {
	TO_READ,
	TO_WRITE,
	SIDES
};

struct note {
	struct note *next;
	struct kevent wanted;
	int source; /* the descriptor that is watched */
	bool enabled;
};

struct queue {
	int sides[SIDES];
	struct note *notes;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct queue *queues[QUEUES_MAX]; /* by descriptor */

static void
lock(sigset_t *ret_before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, ret_before);
	pthread_mutex_lock(&mutex);
}

static void
unlock(const sigset_t *before)
{
	pthread_mutex_unlock(&mutex);
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* ThreadSanitizer's own close, which must hear of it: else it takes the next
 * one to open the number for a racer. */
int __interceptor_close(int fd) __attribute__((weak));

static int
close_for_good(int fd)
{
	if (__interceptor_close != NULL)
		return __interceptor_close(fd);
	return (int)syscall(SYS_close, fd);
}

static struct queue *
queue_of(int fd)
{
	return fd >= 0 && fd < QUEUES_MAX ? queues[fd] : NULL;
}

/* -- notes ---------------------------------------------------------------- */

static bool
is_descriptor(const struct note *note)
{
	return note->wanted.filter == EVFILT_READ ||
	       note->wanted.filter == EVFILT_WRITE;
}

static enum side
side_of(const struct note *note)
{
	return note->wanted.filter == EVFILT_WRITE ? TO_WRITE : TO_READ;
}

static uint32_t
epoll_bits(const struct note *note)
{
	uint32_t bits = EPOLLIN;

	if (note->wanted.filter == EVFILT_READ)
		bits |= EPOLLRDHUP;
	if (note->wanted.filter == EVFILT_WRITE)
		bits = EPOLLOUT;
	if (is_descriptor(note) && (note->wanted.flags & EV_CLEAR))
		bits |= EPOLLET;
	return bits;
}

/* Watch it or not, as it is enabled or not: 0 or an error. */
static int
set_enabled(struct queue *queue, struct note *note, bool enabled)
{
	struct epoll_event event = { .events = epoll_bits(note),
				     .data.ptr = note };
	int operation = enabled ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;

	if (enabled && note->enabled)
		operation = EPOLL_CTL_MOD;
	if (!enabled && !note->enabled)
		return 0;
	note->enabled = enabled;
	if (epoll_ctl(queue->sides[side_of(note)], operation, note->source,
		      &event) == 0)
		return 0;
	note->enabled = false;
	return errno;
}

static struct note *
find(const struct queue *queue, const struct kevent *change)
{
	struct note *note = queue->notes;

	while (note != NULL && (note->wanted.ident != change->ident ||
				note->wanted.filter != change->filter))
		note = note->next;
	return note;
}

static void
drop(struct queue *queue, struct note *note)
{
	struct note **link = &queue->notes;

	while (*link != note)
		link = &(*link)->next;
	*link = note->next;
	(void)set_enabled(queue, note, false);
	if (!is_descriptor(note))
		close_for_good(note->source);
	free(note);
}

/* -- changes -------------------------------------------------------------- */

static int
start_timer(const struct note *note)
{
	int64_t unit = 1000000;
	int64_t ns;
	struct itimerspec when;

	if (note->wanted.fflags & NOTE_SECONDS)
		unit = 1000000000;
	else if (note->wanted.fflags & NOTE_USECONDS)
		unit = 1000;
	else if (note->wanted.fflags & NOTE_NSECONDS)
		unit = 1;
	ns = note->wanted.data * unit;
	if (ns <= 0)
		ns = 1;
	when.it_value.tv_sec = ns / 1000000000;
	when.it_value.tv_nsec = ns % 1000000000;
	when.it_interval = when.it_value;
	if (timerfd_settime(note->source, 0, &when, NULL) < 0)
		return errno;
	return 0;
}

static int
open_source(struct note *note)
{
	switch (note->wanted.filter) {
	case EVFILT_READ:
	case EVFILT_WRITE:
		note->source = (int)note->wanted.ident;
		return 0;
	case EVFILT_USER:
		note->source = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		break;
	case EVFILT_TIMER:
		note->source = timerfd_create(CLOCK_MONOTONIC,
					      TFD_NONBLOCK | TFD_CLOEXEC);
		break;
	default:
		return EINVAL;
	}
	return note->source < 0 ? errno : 0;
}

static int
make_note(struct queue *queue, const struct kevent *change,
	  struct note **ret_note)
{
	struct note *note = calloc(1, sizeof(*note));
	int error;

	if (note == NULL)
		return ENOMEM;
	note->wanted = *change;
	error = open_source(note);
	if (error != 0) {
		free(note);
		return error;
	}
	note->next = queue->notes;
	queue->notes = note;
	*ret_note = note;
	return 0;
}

/* Add it, or take over what the change says of it; adding enables. */
static int
add(struct queue *queue, const struct kevent *change)
{
	struct note *note = find(queue, change);
	bool is_new = note == NULL;
	int error = is_new ? make_note(queue, change, &note) : 0;

	if (error != 0)
		return error;
	note->wanted = *change;
	error = set_enabled(queue, note, !(change->flags & EV_DISABLE));
	if (error == 0 && change->filter == EVFILT_TIMER)
		error = start_timer(note);
	if (error != 0 && is_new)
		drop(queue, note);
	return error;
}

static int
apply(struct queue *queue, const struct kevent *change)
{
	const uint64_t one = 1;
	struct note *note;
	int error = 0;

	if (change->flags & EV_ADD)
		error = add(queue, change);
	if (error != 0)
		return error;
	note = find(queue, change);
	if (note == NULL)
		return ENOENT;
	if (change->flags & EV_DELETE) {
		drop(queue, note);
		return 0;
	}
	if (change->flags & (EV_ENABLE | EV_DISABLE))
		error = set_enabled(queue, note, !(change->flags & EV_DISABLE));
	if (change->filter == EVFILT_USER && (change->fflags & NOTE_TRIGGER))
		(void)!write(note->source, &one, sizeof(one));
	return error;
}

/* How many answers there are to the changes; -1: one failed, and there is no
 * room to say so. */
static int
apply_all(struct queue *queue, const struct kevent *changes, int count,
	  struct kevent *answers, int room)
{
	int answered = 0;

	for (int i = 0; i < count; i++) {
		int error = apply(queue, &changes[i]);

		if (error == 0 && !(changes[i].flags & EV_RECEIPT))
			continue;
		if (answered < room) {
			answers[answered] = changes[i];
			answers[answered].flags |= EV_ERROR;
			answers[answered++].data = error;
		} else if (error != 0) {
			errno = error;
			return -1;
		}
	}
	return answered;
}

/* -- events --------------------------------------------------------------- */

static int64_t
readable_bytes(int fd)
{
	int bytes = 0;

	return ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0 ? bytes : 0;
}

static void
describe_descriptor(const struct note *note, uint32_t bits,
		    struct kevent *event)
{
	bool reads = note->wanted.filter == EVFILT_READ;

	event->fflags = (bits & EPOLLERR) ? EIO : 0;
	event->data = reads ? readable_bytes(note->source) : 1;
	if (bits & (EPOLLERR | EPOLLHUP | (reads ? EPOLLRDHUP : 0)))
		event->flags |= EV_EOF;
}

/* What a note has to say, and what becomes of it by that. */
static void
deliver(struct queue *queue, struct note *note, uint32_t bits,
	struct kevent *event)
{
	uint64_t count = 0;

	*event = note->wanted;
	event->flags &= EV_CLEAR | EV_ONESHOT | EV_DISPATCH;
	event->data = 0;
	if (is_descriptor(note)) {
		describe_descriptor(note, bits, event);
	} else if (note->wanted.filter == EVFILT_TIMER ||
		   (note->wanted.flags & EV_CLEAR)) {
		(void)!read(note->source, &count, sizeof(count));
		if (note->wanted.filter == EVFILT_TIMER)
			event->data = (int64_t)count;
	}
	if (note->wanted.flags & EV_ONESHOT)
		drop(queue, note);
	else if (note->wanted.flags & EV_DISPATCH)
		(void)set_enabled(queue, note, false);
}

static int
collect(struct queue *queue, struct kevent *events, int room)
{
	struct epoll_event ready[BATCH_MAX];
	int stored = 0;

	for (int side = 0; side < SIDES && stored < room; side++) {
		int most =
			room - stored < BATCH_MAX ? room - stored : BATCH_MAX;
		int count = epoll_wait(queue->sides[side], ready, most, 0);

		for (int i = 0; i < count; i++)
			deliver(queue, ready[i].data.ptr, ready[i].events,
				&events[stored++]);
	}
	return stored;
}

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int
wait_for_events(int fd, struct queue *queue, struct kevent *events, int room,
		const struct timespec *timeout)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	struct timespec left = { 0 };
	int64_t end_ns = 0;
	sigset_t before;
	int count;

	if (timeout != NULL) {
		left = *timeout;
		end_ns = now_ns() + left.tv_sec * 1000000000 + left.tv_nsec;
	}
	for (;;) {
		if (ppoll(&polled, 1, timeout != NULL ? &left : NULL, NULL) < 0)
			return -1;
		lock(&before);
		count = collect(queue, events, room);
		unlock(&before);
		if (count > 0)
			return count;
		if (timeout != NULL) {
			int64_t left_ns = end_ns - now_ns();

			if (left_ns <= 0)
				return 0;
			left.tv_sec = left_ns / 1000000000;
			left.tv_nsec = left_ns % 1000000000;
		}
	}
}

int
kevent(int fd, const struct kevent *changes, int change_count,
       struct kevent *events, int event_count, const struct timespec *timeout)
{
	struct queue *queue;
	sigset_t before;
	int answered;

	lock(&before);
	queue = queue_of(fd);
	answered = -1;
	if (queue == NULL)
		errno = EBADF;
	else
		answered = apply_all(queue, changes, change_count, events,
				     event_count);
	unlock(&before);
	if (answered != 0 || event_count == 0)
		return answered;
	return wait_for_events(fd, queue, events, event_count, timeout);
}

/* -- open and close ------------------------------------------------------- */

/* What is watched must stay, for the sides are the parent's too. */
static void
forget_queue(int fd)
{
	struct queue *queue = queues[fd];
	struct note *note;

	queues[fd] = NULL;
	while ((note = queue->notes) != NULL) {
		queue->notes = note->next;
		if (!is_descriptor(note))
			close_for_good(note->source);
		free(note);
	}
	for (int side = 0; side < SIDES; side++)
		close_for_good(queue->sides[side]);
	close_for_good(fd);
	free(queue);
}

static sigset_t before_fork;

static void
lock_for_fork(void)
{
	sigset_t before;

	lock(&before);
	before_fork = before;
}

static void
unlock_after_fork(void)
{
	const sigset_t before = before_fork;

	unlock(&before);
}

static void
forget_all_in_child(void)
{
	for (int fd = 0; fd < QUEUES_MAX; fd++)
		if (queues[fd] != NULL)
			forget_queue(fd);
	unlock_after_fork();
}

static void
prepare_for_forks(void)
{
	pthread_atfork(lock_for_fork, unlock_after_fork, forget_all_in_child);
}

static int
open_side(int outer)
{
	struct epoll_event event = { .events = EPOLLIN };
	int side = epoll_create1(EPOLL_CLOEXEC);

	if (side >= 0)
		epoll_ctl(outer, EPOLL_CTL_ADD, side, &event);
	return side;
}

int
kqueue(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct queue *queue = calloc(1, sizeof(*queue));
	int fd = epoll_create1(EPOLL_CLOEXEC);
	sigset_t before;

	pthread_once(&once, prepare_for_forks);
	if (queue == NULL || fd < 0 || fd >= QUEUES_MAX)
		abort();
	for (int side = 0; side < SIDES; side++) {
		queue->sides[side] = open_side(fd);
		if (queue->sides[side] < 0)
			abort();
	}
	lock(&before);
	queues[fd] = queue;
	unlock(&before);
	return fd;
}

static void
close_queue(int fd)
{
	struct queue *queue = queues[fd];

	queues[fd] = NULL;
	while (queue->notes != NULL)
		drop(queue, queue->notes);
	for (int side = 0; side < SIDES; side++)
		close_for_good(queue->sides[side]);
	free(queue);
}

static void
forget_descriptor(struct queue *queue, int fd)
{
	struct note *note = queue->notes;

	while (note != NULL) {
		struct note *next = note->next;

		if (is_descriptor(note) && note->source == fd)
			drop(queue, note);
		note = next;
	}
}

int
close(int fd)
{
	sigset_t before;

	lock(&before);
	if (queue_of(fd) != NULL)
		close_queue(fd);
	for (int i = 0; i < QUEUES_MAX; i++)
		if (queues[i] != NULL)
			forget_descriptor(queues[i], fd);
	unlock(&before);
	return close_for_good(fd);
}
