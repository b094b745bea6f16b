/*
 * A thread's state letter alone does not tell one that computes from one that
 * waits for a CPU: both are R. So the time it had is read twice. What is
 * blocked is asleep (S, D) or stopped; the kernel names the system call by its
 * number, which differs by machine, and the function of its own that waits.
 */
#include "runtime/thread_state.h"

#include "runtime/small_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

/* Of the time between two looks, what a thread that has a CPU gets at least. */
#define RUNNING_SHARE 4

unsigned
gyre__thread_number(const struct gyre_sys *sys)
{
	char text[512];

	if (gyre__small_file_read(sys, "/proc/thread-self/stat", text,
				  sizeof(text)) <= 0)
		return 0;
	return (unsigned)strtoul(text, NULL, 10);
}

static ssize_t
read_file(const struct gyre_sys *sys, unsigned number, const char *name,
	  char *ret_text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%u/%s", number, name);
	return gyre__small_file_read(sys, path, ret_text, size);
}

/* The letter stands behind the name, which may have brackets of its own. */
static char
letter_in(const char *stat)
{
	const char *end = strrchr(stat, ')');

	return end != NULL && end[1] == ' ' ? end[2] : '\0';
}

void
gyre__thread_state_read(const struct gyre_sys *sys, unsigned number,
			int64_t now_ns, struct gyre__thread_state *ret)
{
	char stat[512];
	char times[128];

	*ret = (struct gyre__thread_state){ .at_ns = now_ns };
	if (number == 0 ||
	    read_file(sys, number, "stat", stat, sizeof(stat)) <= 0 ||
	    read_file(sys, number, "schedstat", times, sizeof(times)) <= 0)
		return;
	ret->letter = letter_in(stat);
	ret->cpu_ns = strtoll(times, NULL, 10);
	ret->is_known = ret->letter != '\0';
}

enum gyre_stall_kind
gyre__thread_state_judge(const struct gyre__thread_state *before,
			 const struct gyre__thread_state *after)
{
	int64_t passed_ns = after->at_ns - before->at_ns;
	int64_t cpu_ns = after->cpu_ns - before->cpu_ns;

	if (!after->is_known)
		return GYRE_STALL_UNKNOWN;
	if (after->letter != 'R')
		return GYRE_STALL_BLOCKED;
	if (!before->is_known || passed_ns <= 0)
		return GYRE_STALL_UNKNOWN;
	return cpu_ns >= passed_ns / RUNNING_SHARE ? GYRE_STALL_RUNNING
						   : GYRE_STALL_DESCHEDULED;
}

/* -- what it waits in ------------------------------------------------------ */

struct call {
	long number;
	const char *name;
};

#define CALL(name)                \
	{                         \
		SYS_##name, #name \
	}
static const struct call calls[] = {
#if defined(__linux__)
	CALL(read),       CALL(write),     CALL(readv),
	CALL(writev),     CALL(pread64),   CALL(pwrite64),
	CALL(close),      CALL(openat),    CALL(fsync),
	CALL(fdatasync),  CALL(ftruncate), CALL(unlinkat),
	CALL(flock),      CALL(fcntl),     CALL(ioctl),
	CALL(ppoll),      CALL(pselect6),  CALL(epoll_pwait),
	CALL(connect),    CALL(accept),    CALL(accept4),
	CALL(sendto),     CALL(recvfrom),  CALL(sendmsg),
	CALL(recvmsg),    CALL(sendfile),  CALL(splice),
	CALL(futex),      CALL(nanosleep), CALL(clock_nanosleep),
	CALL(wait4),      CALL(waitid),    CALL(rt_sigtimedwait),
	CALL(madvise),    CALL(munmap),    CALL(getrandom),
#if defined(SYS_open)
	CALL(open),
#endif
#if defined(SYS_poll)
	CALL(poll),
#endif
#if defined(SYS_select)
	CALL(select),
#endif
#if defined(SYS_epoll_wait)
	CALL(epoll_wait),
#endif
#if defined(SYS_pause)
	CALL(pause),
#endif
#endif
	{ -1, NULL },
};

static const char *
name_of(long number)
{
	for (const struct call *call = calls; call->name != NULL; call++)
		if (call->number == number)
			return call->name;
	return NULL;
}

/* "running", "-1 …" for none, or the number first. */
static void
write_call(const char *text, char *ret_text, size_t size)
{
	char *end;
	long number = strtol(text, &end, 10);

	ret_text[0] = '\0';
	if (end == text || number < 0)
		return;
	if (name_of(number) != NULL)
		snprintf(ret_text, size, "%s", name_of(number));
	else
		snprintf(ret_text, size, "system call %ld", number);
}

void
gyre__thread_state_wait(const struct gyre_sys *sys, unsigned number,
			char *ret_text, size_t size)
{
	char text[256];
	char call[32] = "";
	ssize_t length;

	if (read_file(sys, number, "syscall", text, sizeof(text)) > 0)
		write_call(text, call, sizeof(call));
	length = read_file(sys, number, "wchan", text, 64);
	/* "0": the kernel does not say. */
	if (length <= 0 || strcmp(text, "0") == 0)
		text[0] = '\0';
	snprintf(ret_text, size, "%s%s%s", call,
		 call[0] != '\0' && text[0] != '\0' ? ", in " : "", text);
}
