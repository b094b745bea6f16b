/*
 * A stand-in for kqueue(2), over epoll, for tests alone: what the manual page
 * says of the filters READ, WRITE, USER and TIMER. Names, values and layout
 * are FreeBSD's; tests/kqueue/constants_test holds them against a description
 * that is not ours.
 *
 * It knows nothing of the other filters, of NOTE_LOWAT, of user events' other
 * flags, and of a descriptor that dup2() replaces. `data` of a WRITE event is
 * 1, and fflags of one with an error is EIO: to ask for the error would use
 * it up.
 */
#ifndef GYRE_TESTS_KQUEUE_SYS_EVENT_H
#define GYRE_TESTS_KQUEUE_SYS_EVENT_H

#include <stdint.h>
#include <time.h>

#define EVFILT_READ  (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_TIMER (-7)
#define EVFILT_USER  (-11)

#define EV_ADD      0x0001
#define EV_DELETE   0x0002
#define EV_ENABLE   0x0004
#define EV_DISABLE  0x0008
#define EV_ONESHOT  0x0010
#define EV_CLEAR    0x0020
#define EV_RECEIPT  0x0040
#define EV_DISPATCH 0x0080
#define EV_ERROR    0x4000
#define EV_EOF      0x8000

#define NOTE_TRIGGER  0x01000000
#define NOTE_SECONDS  0x00000001
#define NOTE_MSECONDS 0x00000002
#define NOTE_USECONDS 0x00000004
#define NOTE_NSECONDS 0x00000008

struct kevent {
	uintptr_t ident;
	short filter;
	unsigned short flags;
	unsigned int fflags;
	int64_t data;
	void *udata;
	uint64_t ext[4];
};

#define EV_SET(event, i, f, g, n, d, u) \
	(*(event) = (struct kevent){    \
		 .ident = (i),          \
		 .filter = (f),         \
		 .flags = (g),          \
		 .fflags = (n),         \
		 .data = (d),           \
		 .udata = (void *)(u),  \
	 })

int kqueue(void);
int kevent(int queue, const struct kevent *changes, int change_count,
	   struct kevent *events, int event_count,
	   const struct timespec *timeout);

#endif
