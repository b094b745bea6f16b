/*
 * The system seam: every call gyre makes of the system goes through one table.
 *
 * Production uses gyre__sys_default, which holds the C library's functions
 * under their own names and contracts (-1 and errno, or the pthread way).
 * Tests copy it and replace members: to fail the n-th call, to cut reads and
 * writes short, to move time by hand. Everything that is made (a loop, a
 * pool, a runtime) carries the table it was made with.
 *
 * Allocation is in the table too: a path's every allocation can be failed.
 */
#ifndef GYRE_BASE_SYS_H
#define GYRE_BASE_SYS_H

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#if defined(__linux__)
#include <sched.h>
#include <sys/epoll.h>
#endif

/* GYRE_KQUEUE_SHIM: the tests bring a stand-in for the header and the calls. */
#if defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || \
	defined(__OpenBSD__) || defined(__DragonFly__) ||                \
	defined(GYRE_KQUEUE_SHIM)
#define GYRE__KQUEUE 1
#include <sys/event.h>
#endif

/* One of the messages of a call that moves several. */
#if defined(__linux__)
#define gyre__mmsghdr mmsghdr
#else
struct gyre__mmsghdr {
	struct msghdr msg_hdr;
	unsigned msg_len;
};
#endif

#define GYRE__CACHE_LINE 64
/* Two lines: what the adjacent-line prefetcher moves together. */
#define GYRE__CACHE_PAIR 128

struct gyre_sys {
	/* memory: align is 0 (malloc's) or a power of two */
	void *(*allocate)(size_t size, size_t align);
	void (*release)(void *memory);

	/* time and chance */
	int (*clock_gettime)(clockid_t id, struct timespec *ret);
	ssize_t (*getrandom)(void *buffer, size_t size, unsigned flags);

	/* threads */
	int (*thread_create)(pthread_t *, const pthread_attr_t *,
			     void *(*)(void *), void *);
	int (*thread_join)(pthread_t, void **);
	int (*sched_yield)(void);
	long (*sysconf)(int name);
	/* how often the calling thread had to leave its CPU to another; 0
	 * where that is not known */
	uint64_t (*preemptions)(void);
	int (*thread_sigmask)(int how, const sigset_t *, sigset_t *);
	int (*thread_kill)(pthread_t, int number);
	int (*sigaction)(int number, const struct sigaction *,
			 struct sigaction *);
	int (*nanosleep)(const struct timespec *, struct timespec *);

	/* descriptors */
	int (*open)(const char *path, int flags, ...);
	int (*close)(int fd);
	ssize_t (*read)(int fd, void *, size_t);
	ssize_t (*write)(int fd, const void *, size_t);
	int (*fcntl)(int fd, int command, ...);
	int (*fstat)(int fd, struct stat *);
	int (*pipe)(int fds[2]);
	/* NULL: without end; to the nanosecond where the system can, and
	 * never too short */
	int (*poll)(struct pollfd *, nfds_t, const struct timespec *timeout);

	/* processes; between fork and execve the child calls nothing that is
	 * not safe in a signal's handler */
	pid_t (*fork)(void);
	int (*dup2)(int fd, int wanted);
	int (*execve)(const char *program, char *const argv[],
		      char *const environment[]);
	pid_t (*waitpid)(pid_t, int *ret_status, int options);

	/* sockets */
	int (*socket)(int, int, int);
	int (*connect)(int, const struct sockaddr *, socklen_t);
	int (*bind)(int, const struct sockaddr *, socklen_t);
	int (*listen)(int, int);
	int (*setsockopt)(int, int, int, const void *, socklen_t);
	int (*getsockopt)(int, int, int, void *, socklen_t *);
	int (*getsockname)(int, struct sockaddr *, socklen_t *);
	int (*getpeername)(int, struct sockaddr *, socklen_t *);
	ssize_t (*recv)(int, void *, size_t, int);
	ssize_t (*send)(int, const void *, size_t, int);
	ssize_t (*sendmsg)(int, const struct msghdr *, int);
	/* as on Linux, with no time-out: how many were moved, or -1 if the
	 * first could not be */
	int (*recvmmsg)(int, struct gyre__mmsghdr *, unsigned count, int);
	int (*sendmmsg)(int, struct gyre__mmsghdr *, unsigned count, int);
	int (*shutdown)(int, int);
	/* close-on-exec and non-blocking, on every platform */
	int (*accept)(int, struct sockaddr *, socklen_t *);

	/* whose process is at the other end of a local socket */
	int (*peer_user)(int, uid_t *ret_user);

	/* paths */
	int (*lstat)(const char *path, struct stat *);
	int (*chmod)(const char *path, mode_t);
	int (*unlink)(const char *path);

	/* names; both as in POSIX, and the first one blocks */
	int (*getaddrinfo)(const char *host, const char *service,
			   const struct addrinfo *hints,
			   struct addrinfo **ret_list);
	void (*freeaddrinfo)(struct addrinfo *list);

#if defined(GYRE__KQUEUE)
	int (*kqueue)(void); /* close-on-exec */
	int (*kevent)(int, const struct kevent *, int, struct kevent *, int,
		      const struct timespec *);
#endif
#if defined(__linux__)
	int (*eventfd)(unsigned, int);
	int (*epoll_create1)(int);
	int (*epoll_ctl)(int, int, int, struct epoll_event *);
	int (*epoll_wait)(int, struct epoll_event *, int, int);
	int (*epoll_pwait2)(int, struct epoll_event *, int,
			    const struct timespec *, const sigset_t *);
	int (*getaffinity)(pthread_t, size_t, cpu_set_t *);
	int (*setaffinity)(pthread_t, size_t, const cpu_set_t *);
#endif
};

extern const struct gyre_sys gyre__sys_default;

/* The same where the system moves one message a call. */
int gyre__recvmmsg_each(int fd, struct gyre__mmsghdr *messages, unsigned count,
			int flags);
int gyre__sendmmsg_each(int fd, struct gyre__mmsghdr *messages, unsigned count,
			int flags);

/* The given table, or the default one. */
static inline const struct gyre_sys *
gyre__sys(const struct gyre_sys *sys)
{
	return sys != NULL ? sys : &gyre__sys_default;
}

/* Zeroed memory, or NULL; align as for allocate. */
void *gyre__allocate(const struct gyre_sys *sys, size_t size, size_t align);

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t gyre__now_ns(const struct gyre_sys *sys);

/* So long, or that instant; what is before zero has passed like zero. */
static inline struct timespec
gyre__timespec(int64_t ns)
{
	if (ns < 0)
		ns = 0;
	return (struct timespec){
		.tv_sec = ns / 1000000000,
		.tv_nsec = ns % 1000000000,
	};
}

#endif
