/*
 * The production table: the C library's functions, and the few wrappers that
 * give one contract on every platform.
 */
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/eventfd.h>
#include <sys/resource.h>
#endif
#if !defined(__OpenBSD__)
#include <sys/random.h>
#endif

static void *
sys_allocate(size_t size, size_t align)
{
	if (align == 0)
		return malloc(size);
	return aligned_alloc(align, (size + align - 1) / align * align);
}

static ssize_t
sys_getrandom(void *buffer, size_t size, unsigned flags)
{
#if defined(__APPLE__) || defined(__OpenBSD__)
	(void)flags;
	return getentropy(buffer, size) == 0 ? (ssize_t)size : -1;
#else
	return getrandom(buffer, size, flags);
#endif
}

static uint64_t
sys_preemptions(void)
{
#if defined(__linux__)
	struct rusage usage;

	if (getrusage(RUSAGE_THREAD, &usage) == 0)
		return (uint64_t)usage.ru_nivcsw;
#endif
	return 0;
}

static int
sys_accept(int fd, struct sockaddr *address, socklen_t *length)
{
#if defined(__linux__)
	return accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
	int accepted = accept(fd, address, length);

	if (accepted >= 0) {
		fcntl(accepted, F_SETFL, O_NONBLOCK);
		fcntl(accepted, F_SETFD, FD_CLOEXEC);
	}
	return accepted;
#endif
}

int
gyre__recvmmsg_each(int fd, struct gyre__mmsghdr *messages, unsigned count,
		    int flags)
{
	unsigned done = 0;

	for (; done < count; done++) {
		ssize_t length = recvmsg(fd, &messages[done].msg_hdr, flags);

		if (length < 0)
			break;
		messages[done].msg_len = (unsigned)length;
	}
	return done > 0 || count == 0 ? (int)done : -1;
}

int
gyre__sendmmsg_each(int fd, struct gyre__mmsghdr *messages, unsigned count,
		    int flags)
{
	unsigned done = 0;

	for (; done < count; done++) {
		ssize_t length = sendmsg(fd, &messages[done].msg_hdr, flags);

		if (length < 0)
			break;
		messages[done].msg_len = (unsigned)length;
	}
	return done > 0 || count == 0 ? (int)done : -1;
}

#if defined(__linux__)
static int
sys_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	return recvmmsg(fd, messages, count, flags, NULL);
}
#endif

static int
sys_peer_user(int fd, uid_t *ret_user)
{
#if defined(__linux__)
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return -1;
	*ret_user = peer.uid;
	return 0;
#else
	gid_t group;

	return getpeereid(fd, ret_user, &group);
#endif
}

static int
sys_poll(struct pollfd *fds, nfds_t count, const struct timespec *timeout)
{
#if defined(__APPLE__)
	int64_t ms = -1;

	if (timeout != NULL && timeout->tv_sec < INT32_MAX / 1000)
		ms = timeout->tv_sec * 1000 +
		     (timeout->tv_nsec + 999999) / 1000000;
	else if (timeout != NULL)
		ms = INT32_MAX;
	return poll(fds, count, (int)ms);
#else
	return ppoll(fds, count, timeout, NULL);
#endif
}

#if defined(GYRE__KQUEUE)
static int
sys_kqueue(void)
{
	int fd = kqueue();

	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/* The counts are of other types on some systems. */
static int
sys_kevent(int fd, const struct kevent *changes, int change_count,
	   struct kevent *events, int event_count,
	   const struct timespec *timeout)
{
	return kevent(fd, changes, change_count, events, event_count, timeout);
}
#endif

const struct gyre_sys gyre__sys_default = {
	.allocate = sys_allocate,
	.release = free,
	.clock_gettime = clock_gettime,
	.getrandom = sys_getrandom,
	.thread_create = pthread_create,
	.thread_join = pthread_join,
	.sched_yield = sched_yield,
	.sysconf = sysconf,
	.preemptions = sys_preemptions,
	.thread_sigmask = pthread_sigmask,
	.thread_kill = pthread_kill,
	.sigaction = sigaction,
	.nanosleep = nanosleep,
	.open = open,
	.close = close,
	.read = read,
	.write = write,
	.fcntl = fcntl,
	.fstat = fstat,
	.pipe = pipe,
	.poll = sys_poll,
	.fork = fork,
	.dup2 = dup2,
	.execve = execve,
	.waitpid = waitpid,
	.socket = socket,
	.connect = connect,
	.bind = bind,
	.listen = listen,
	.setsockopt = setsockopt,
	.getsockopt = getsockopt,
	.getsockname = getsockname,
	.getpeername = getpeername,
	.recv = recv,
	.send = send,
	.sendmsg = sendmsg,
#if defined(__linux__)
	.recvmmsg = sys_recvmmsg,
	.sendmmsg = sendmmsg,
#else
	.recvmmsg = gyre__recvmmsg_each,
	.sendmmsg = gyre__sendmmsg_each,
#endif
	.shutdown = shutdown,
	.accept = sys_accept,
	.peer_user = sys_peer_user,
	.lstat = lstat,
	.chmod = chmod,
	.unlink = unlink,
	.getaddrinfo = getaddrinfo,
	.freeaddrinfo = freeaddrinfo,
#if defined(GYRE__KQUEUE)
	.kqueue = sys_kqueue,
	.kevent = sys_kevent,
#endif
#if defined(__linux__)
	.eventfd = eventfd,
	.epoll_create1 = epoll_create1,
	.epoll_ctl = epoll_ctl,
	.epoll_wait = epoll_wait,
	.epoll_pwait2 = epoll_pwait2,
	.getaffinity = pthread_getaffinity_np,
	.setaffinity = pthread_setaffinity_np,
#endif
};

void *
gyre__allocate(const struct gyre_sys *sys, size_t size, size_t align)
{
	void *memory = sys->allocate(size, align);

	if (memory != NULL)
		memset(memory, 0, size);
	return memory;
}

int64_t
gyre__now_ns(const struct gyre_sys *sys)
{
	struct timespec now;

	sys->clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
