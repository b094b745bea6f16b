/*
 * The listening sockets of all shards, made at once and in their order: a
 * program of the kernel's, which chooses between them by the CPU, knows them by
 * the order in which they began to listen.
 *
 * The first is bound before it may share the port, so that it finds out whether
 * anybody has it. Rejected: SO_INCOMING_CPU, which needs no order but
 * Linux 6.2, and says nothing where two shards have one CPU.
 */
#include "net/listener.h"

#include "base/log.h"
#include "base/sys.h"
#include "net/address.h"
#include "net/socket.h"
#include "runtime/runtime.h"

#include <errno.h>

#if defined(__linux__)
#include <linux/filter.h>

/* Two instructions a shard, one before and one behind them. */
#define PROGRAM_MAX (2 * GYRE_SHARDS_MAX + 2)
_Static_assert(PROGRAM_MAX <= BPF_MAXINSNS, "all shards fit");

/* The number of the socket whose shard has this CPU; none: one that there is
 * not, and the kernel chooses as it does without a program. */
static unsigned
write_program(const struct gyre_runtime *runtime, struct sock_filter *program)
{
	unsigned length = 0;

	program[length++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_CPU));
	for (unsigned i = 0; i < runtime->shards_count; i++) {
		int cpu = runtime->shards[i].shard.cpu;

		if (cpu < 0)
			continue;
		program[length++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)cpu, 0, 1);
		program[length++] =
			(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, i);
	}
	program[length++] =
		(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	return length;
}

static int
attach(const struct gyre_runtime *runtime, int fd)
{
	struct sock_filter program[PROGRAM_MAX];
	struct sock_fprog all = { .filter = program };

	all.len = (unsigned short)write_program(runtime, program);
	if (runtime->sys->setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF,
				     &all, sizeof(all)) < 0)
		return -errno;
	return 0;
}
#else
static int
attach(const struct gyre_runtime *runtime, int fd)
{
	(void)runtime;
	(void)fd;
	return -EOPNOTSUPP;
}
#endif

static void
steer(const struct gyre_runtime *runtime, const struct gyre_log *log, int fd)
{
	unsigned pinned = 0;
	int status;

	for (unsigned i = 0; i < runtime->shards_count; i++)
		pinned += runtime->shards[i].shard.cpu >= 0;
	if (pinned == 0) {
		gyre__log(log, GYRE_LOG_WARN,
			  "connections are not steered: no shard is pinned");
		return;
	}
	status = attach(runtime, fd);
	if (status < 0)
		gyre__log(log, GYRE_LOG_WARN, "connections are not steered: %s",
			  gyre_error_name(status));
}

static int
refuse(const struct gyre_listener_options *options, const struct gyre_log *log)
{
	if (options->path == NULL && options->fd == 0 &&
	    !(options->steer && options->reuse_port))
		return 0;
	gyre__log(log, GYRE_LOG_ERROR,
		  "cannot make a socket per shard: there is a path or a "
		  "descriptor, or reuse_port with steer");
	return -EINVAL;
}

/* One more socket on the address, which the first makes definite. */
static int
add_socket(const struct gyre_sys *sys,
	   const struct gyre_listener_options *options, bool is_first,
	   struct gyre__address *address)
{
	bool exclusive = is_first && !options->reuse_port;
	int fd = gyre__socket_bound(sys, address, !exclusive);
	int status = 0;

	if (fd < 0)
		return fd;
	if (exclusive)
		status = gyre__socket_share(sys, fd);
	if (status == 0 && sys->listen(fd, gyre__listener_backlog(options)) < 0)
		status = -errno;
	if (status == 0)
		return fd;
	sys->close(fd);
	return status;
}

int
gyre_listener_sockets(const struct gyre_runtime *runtime,
		      const struct gyre_listener_options *options, int *ret_fds)
{
	const struct gyre_log *log =
		options->log.fn != NULL ? &options->log : &runtime->log;
	int fds[GYRE_SHARDS_MAX];
	struct gyre__address address;
	unsigned count = 0;
	int status = refuse(options, log);

	if (status == 0)
		status = gyre__address_for_bind(options->address, options->port,
						log, &address);
	while (status >= 0 && count < runtime->shards_count) {
		status =
			add_socket(runtime->sys, options, count == 0, &address);
		if (status >= 0)
			fds[count++] = status;
	}
	if (status < 0) {
		while (count > 0)
			runtime->sys->close(fds[--count]);
		return status;
	}
	if (options->steer)
		steer(runtime, log, fds[0]);
	for (unsigned i = 0; i < count; i++)
		ret_fds[i] = fds[i];
	return 0;
}
