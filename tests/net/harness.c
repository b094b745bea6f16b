/* The fixture of net's tests. The table is one for all: tests run in turn. */
#include "tests/net/harness.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Only a test that fails waits so long. */
#define PATIENCE_NS GYRE_SECONDS(30)

struct faults faults;
struct gyre_loop *loop;
unsigned log_lines;
char log_last[512];

static struct gyre_sys table;
static int fds_before;

/* -- the table ------------------------------------------------------------ */

void
inject(struct fault *fault, unsigned n, unsigned more, int error)
{
	fault->fail_at = fault->calls + n;
	fault->fail_more = more;
	fault->error = error;
}

static bool
fails(struct fault *fault)
{
	unsigned call = ++fault->calls;

	if (fault->fail_at == 0 || call < fault->fail_at ||
	    call - fault->fail_at > fault->fail_more)
		return false;
	errno = fault->error;
	return true;
}

static void *
fault_allocate(size_t size, size_t align)
{
	void *memory;

	if (fails(&faults.allocate))
		return NULL;
	memory = gyre__sys_default.allocate(size, align);
	faults.live++;
	faults.live_bytes += malloc_usable_size(memory);
	return memory;
}

static void
fault_release(void *memory)
{
	if (memory != NULL) {
		faults.live--;
		faults.live_bytes -= malloc_usable_size(memory);
	}
	gyre__sys_default.release(memory);
}

static int
fault_socket(int domain, int type, int protocol)
{
	return fails(&faults.socket) ? -1 : socket(domain, type, protocol);
}

/* The port, which is at the same place in IPv4 and IPv6. */
static int
fault_connect(int fd, const struct sockaddr *address, socklen_t length)
{
	struct sockaddr_in in = { .sin_port = 0 };
	unsigned call = faults.connect.calls;

	memcpy(&in, address, length < sizeof(in) ? length : sizeof(in));
	if (call < sizeof(faults.connect_ports) / sizeof(uint16_t))
		faults.connect_ports[call] = ntohs(in.sin_port);
	return fails(&faults.connect) ? -1 : connect(fd, address, length);
}

static int
fault_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	return fails(&faults.getsockopt)
		       ? -1
		       : getsockopt(fd, level, name, value, size);
}

static int
fault_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	return fails(&faults.setsockopt)
		       ? -1
		       : setsockopt(fd, level, name, value, size);
}

static int
fault_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	return fails(&faults.bind) ? -1 : bind(fd, address, length);
}

static int
fault_listen(int fd, int backlog)
{
	return fails(&faults.listen) ? -1 : listen(fd, backlog);
}

static int
fault_getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
	return fails(&faults.getsockname) ? -1
					  : getsockname(fd, address, length);
}

static int
fault_fcntl(int fd, int command, ...)
{
	va_list arguments;
	int argument;

	va_start(arguments, command);
	argument = va_arg(arguments, int);
	va_end(arguments);
	return fails(&faults.fcntl) ? -1 : fcntl(fd, command, argument);
}

static int
fault_accept(int fd, struct sockaddr *address, socklen_t *length)
{
	return fails(&faults.accept)
		       ? -1
		       : gyre__sys_default.accept(fd, address, length);
}

static int
fault_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	return fails(&faults.watch) ? -1
				    : epoll_ctl(epoll, operation, fd, event);
}

/* The pollers without a kernel's memory look before they take one. */
static int
fault_fstat(int fd, struct stat *status)
{
	return fails(&faults.watch) ? -1 : fstat(fd, status);
}

#if defined(GYRE__KQUEUE)
static int
fault_kevent(int queue, const struct kevent *changes, int change_count,
	     struct kevent *events, int event_count,
	     const struct timespec *timeout)
{
	if (change_count > 0 && changes[0].filter != EVFILT_USER &&
	    fails(&faults.watch))
		return -1;
	return gyre__sys_default.kevent(queue, changes, change_count, events,
					event_count, timeout);
}
#endif

/* Now and then a call is interrupted, or finds nothing after all. */
static bool
spurious(const struct fault *fault)
{
	if (faults.again_every == 0 || fault->calls % faults.again_every != 0)
		return false;
	errno = fault->calls / faults.again_every % 2 ? EINTR : EAGAIN;
	return true;
}

static ssize_t
fault_recv(int fd, void *data, size_t length, int flags)
{
	if (fails(&faults.recv) || spurious(&faults.recv))
		return -1;
	if (faults.endless) {
		memset(data, 0, length);
		return (ssize_t)length;
	}
	if (faults.recv_max != 0 && length > faults.recv_max)
		length = faults.recv_max;
	return recv(fd, data, length, flags);
}

static ssize_t
fault_send(int fd, const void *data, size_t length, int flags)
{
	if (fails(&faults.send) || spurious(&faults.send))
		return -1;
	if (faults.send_max != 0 && length > faults.send_max)
		length = faults.send_max;
	return send(fd, data, length, flags);
}

/* As much of the parts as a send may move. */
static ssize_t
fault_sendmsg(int fd, const struct msghdr *message, int flags)
{
	char bytes[4096];
	size_t length = 0;

	if (faults.send_max == 0 || faults.send_max > sizeof(bytes)) {
		if (fails(&faults.send) || spurious(&faults.send))
			return -1;
		return sendmsg(fd, message, flags);
	}
	for (size_t i = 0; i < (size_t)message->msg_iovlen; i++) {
		const struct iovec *part = &message->msg_iov[i];
		size_t some = sizeof(bytes) - length;

		if (some > part->iov_len)
			some = part->iov_len;
		memcpy(bytes + length, part->iov_base, some);
		length += some;
	}
	return fault_send(fd, bytes, length, flags);
}

static unsigned
some(unsigned count)
{
	return faults.messages_max != 0 && count > faults.messages_max
		       ? faults.messages_max
		       : count;
}

static int
fault_recvmmsg(int fd, struct gyre__mmsghdr *messages, unsigned count,
	       int flags)
{
	if (fails(&faults.recvmmsg))
		return -1;
	return faults.each
		       ? gyre__recvmmsg_each(fd, messages, some(count), flags)
		       : gyre__sys_default.recvmmsg(fd, messages, some(count),
						    flags);
}

static int
fault_sendmmsg(int fd, struct gyre__mmsghdr *messages, unsigned count,
	       int flags)
{
	if (fails(&faults.sendmmsg))
		return -1;
	return faults.each
		       ? gyre__sendmmsg_each(fd, messages, some(count), flags)
		       : gyre__sys_default.sendmmsg(fd, messages, some(count),
						    flags);
}

static int
fault_shutdown(int fd, int how)
{
	faults.shutdown_calls++;
	if (faults.shutdown_error != 0) {
		errno = faults.shutdown_error;
		return -1;
	}
	return shutdown(fd, how);
}

static void
fill_table(void)
{
	table = gyre__sys_default;
	table.allocate = fault_allocate;
	table.release = fault_release;
	table.socket = fault_socket;
	table.connect = fault_connect;
	table.getsockopt = fault_getsockopt;
	table.setsockopt = fault_setsockopt;
	table.bind = fault_bind;
	table.listen = fault_listen;
	table.getsockname = fault_getsockname;
	table.fcntl = fault_fcntl;
	table.accept = fault_accept;
	table.epoll_ctl = fault_epoll_ctl;
	table.fstat = fault_fstat;
#if defined(GYRE__KQUEUE)
	table.kevent = fault_kevent;
#endif
	table.recv = fault_recv;
	table.send = fault_send;
	table.sendmsg = fault_sendmsg;
	table.recvmmsg = fault_recvmmsg;
	table.sendmmsg = fault_sendmmsg;
	table.shutdown = fault_shutdown;
}

/* -- the fixture ---------------------------------------------------------- */

static void
on_log(enum gyre_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	log_lines++;
	snprintf(log_last, sizeof(log_last), "%s", line);
}

int
count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(directory);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

static int64_t
clock_now(void *arg)
{
	(void)arg;
	return gyre__now_ns(&gyre__sys_default) + faults.late_ns;
}

int
net_setup(void **state)
{
	struct gyre_loop_options options = { .make_current =
						     GYRE_MAKE_CURRENT_NO };

	(void)state;
	memset(&faults, 0, sizeof(faults));
	log_lines = 0;
	log_last[0] = '\0';
	fill_table();
	fds_before = count_fds();
	options.clock.now_ns = clock_now;
	options.log.fn = on_log;
	options._sys = &table;
	assert_int_equal(gyre_loop_new(&options, &loop), 0);
	return 0;
}

void
close_loop(void)
{
	assert_int_equal(gyre_loop_close(loop, false), 0);
	gyre_loop_free(loop);
	loop = NULL;
}

int
net_teardown(void **state)
{
	(void)state;
	if (loop != NULL)
		close_loop();
	assert_int_equal(faults.live, 0);
	assert_int_equal(count_fds(), fds_before);
	return 0;
}

/* -- running -------------------------------------------------------------- */

static void
stop_loop(void *arg)
{
	(void)arg;
	gyre_loop_stop(loop);
}

void
run_for(int64_t delay_ns)
{
	assert_int_equal(
		gyre_loop_call_later(loop, delay_ns, stop_loop, NULL, NULL), 0);
	assert_int_equal(gyre_loop_start(loop), 0);
}

void
run_until(bool (*done)(void *arg), void *arg)
{
	int64_t deadline_ns = gyre_loop_time(loop) + PATIENCE_NS;

	while (!done(arg)) {
		assert_true(gyre_loop_time(loop) < deadline_ns);
		run_for(GYRE_MS(1));
	}
}

struct count {
	const unsigned *counted;
	unsigned wanted;
};

static bool
is_reached(void *arg)
{
	const struct count *count = arg;

	return *count->counted >= count->wanted;
}

void
run_until_counted(const unsigned *counted, unsigned wanted)
{
	struct count count = { counted, wanted };

	run_until(is_reached, &count);
	assert_int_equal(*counted, wanted);
}

uint64_t
iterations(void)
{
	struct gyre_loop_stats stats;

	gyre_loop_get_stats(loop, &stats);
	return stats.iterations;
}

/* -- peers ---------------------------------------------------------------- */

void
unix_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX,
				    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
				    0, fds),
			 0);
}

int
listen_at(int backlog, uint16_t *ret_port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length),
			 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

void
tcp_pair(int fds[2])
{
	uint16_t port;
	int listener = listen_at(1, &port);

	fds[1] = connect_to(port);
	fds[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fds[0] >= 0);
	close(listener);
}

int
connect_to(uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

void
reset(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

void
send_all(int fd, const void *data, size_t length)
{
	const char *at = data;

	while (length > 0) {
		ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);

		if (sent < 0) {
			assert_int_equal(errno, EAGAIN);
			run_for(GYRE_MS(1));
			continue;
		}
		at += sent;
		length -= (size_t)sent;
	}
}

int
receive_some(int fd, void *data, size_t length)
{
	ssize_t received = recv(fd, data, length, 0);

	return received >= 0 ? (int)received : -errno;
}

void
receive_all(int fd, void *data, size_t length)
{
	int64_t deadline_ns = gyre_loop_time(loop) + PATIENCE_NS;
	char *at = data;

	while (length > 0) {
		int received = receive_some(fd, at, length);

		if (received == -EAGAIN) {
			assert_true(gyre_loop_time(loop) < deadline_ns);
			run_for(GYRE_MS(1));
			continue;
		}
		assert_true(received > 0);
		at += received;
		length -= (size_t)received;
	}
}

void
expect_end(int fd)
{
	int64_t deadline_ns = gyre_loop_time(loop) + PATIENCE_NS;
	char byte;
	int received;

	while ((received = receive_some(fd, &byte, 1)) == -EAGAIN) {
		assert_true(gyre_loop_time(loop) < deadline_ns);
		run_for(GYRE_MS(1));
	}
	assert_int_equal(received, 0);
}
