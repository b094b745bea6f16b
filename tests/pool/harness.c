#include "tests/pool/harness.h"

#include "base/fork.h"

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_uint fault_kinds;
static atomic_uint fault_countdown;
static atomic_bool fault_all;
static atomic_bool fault_fired;
static _Atomic(const char *) fault_call;
static atomic_long live_allocations;
static atomic_long live_threads;

static bool
fails(enum fault kind, const char *call)
{
	if (!(atomic_load(&fault_kinds) & kind))
		return false;
	if (!atomic_load(&fault_all) &&
	    atomic_fetch_sub(&fault_countdown, 1) != 1)
		return false;
	atomic_store(&fault_call, call);
	atomic_store(&fault_fired, true);
	return true;
}

static bool
fails_errno(const char *call, int error)
{
	if (!fails(FAULT_CALL, call))
		return false;
	errno = error;
	return true;
}

static void *
counted_allocate(size_t size, size_t align)
{
	void *memory = NULL;

	if (!fails(FAULT_ALLOCATE, "allocate"))
		memory = gyre__sys_default.allocate(size, align);
	if (memory != NULL)
		atomic_fetch_add(&live_allocations, 1);
	return memory;
}

static void
counted_release(void *memory)
{
	if (memory != NULL)
		atomic_fetch_sub(&live_allocations, 1);
	gyre__sys_default.release(memory);
}

static int
counted_thread_create(pthread_t *thread, const pthread_attr_t *attributes,
		      void *(*main)(void *), void *arg)
{
	int result = EAGAIN;

	if (!fails(FAULT_THREAD, "thread_create"))
		result = gyre__sys_default.thread_create(thread, attributes,
							 main, arg);
	if (result == 0)
		atomic_fetch_add(&live_threads, 1);
	return result;
}

static int
counted_thread_join(pthread_t thread, void **ret_value)
{
	int result = gyre__sys_default.thread_join(thread, ret_value);

	CHECK(result == 0);
	atomic_fetch_sub(&live_threads, 1);
	return result;
}

static int
failing_eventfd(unsigned value, int flags)
{
	if (fails_errno("eventfd", EMFILE))
		return -1;
	return gyre__sys_default.eventfd(value, flags);
}

static int
failing_epoll_create1(int flags)
{
	if (fails_errno("epoll_create1", EMFILE))
		return -1;
	return gyre__sys_default.epoll_create1(flags);
}

/* Taking a descriptor out does not fail, and nobody could help it. */
static int
failing_epoll_ctl(int fd, int operation, int watched, struct epoll_event *event)
{
	if (operation != EPOLL_CTL_DEL && fails_errno("epoll_ctl", ENOSPC))
		return -1;
	return gyre__sys_default.epoll_ctl(fd, operation, watched, event);
}

/* Nor does looking, or bringing back what was there. */
static int
failing_sigaction(int number, const struct sigaction *action,
		  struct sigaction *ret_before)
{
	if (action != NULL && ret_before != NULL &&
	    fails_errno("sigaction", EINVAL))
		return -1;
	return gyre__sys_default.sigaction(number, action, ret_before);
}

/* Undoing a mask does not fail. */
static int
failing_sigmask(int how, const sigset_t *set, sigset_t *ret_before)
{
	if (ret_before != NULL && fails(FAULT_CALL, "sigmask"))
		return EINVAL;
	return gyre__sys_default.thread_sigmask(how, set, ret_before);
}

static int
failing_getaffinity(pthread_t thread, size_t size, cpu_set_t *set)
{
	if (fails(FAULT_CALL, "getaffinity"))
		return EINVAL;
	return gyre__sys_default.getaffinity(thread, size, set);
}

static int
failing_setaffinity(pthread_t thread, size_t size, const cpu_set_t *set)
{
	if (fails(FAULT_CALL, "setaffinity"))
		return EINVAL;
	return gyre__sys_default.setaffinity(thread, size, set);
}

static struct gyre_sys sys;
static pthread_once_t sys_made = PTHREAD_ONCE_INIT;

static void
make_sys(void)
{
	sys = gyre__sys_default;
	sys.allocate = counted_allocate;
	sys.release = counted_release;
	sys.thread_create = counted_thread_create;
	sys.thread_join = counted_thread_join;
	sys.eventfd = failing_eventfd;
	sys.epoll_create1 = failing_epoll_create1;
	sys.epoll_ctl = failing_epoll_ctl;
	sys.sigaction = failing_sigaction;
	sys.thread_sigmask = failing_sigmask;
	sys.getaffinity = failing_getaffinity;
	sys.setaffinity = failing_setaffinity;
}

const struct gyre_sys *
harness_sys(void)
{
	pthread_once(&sys_made, make_sys);
	return &sys;
}

void
harness_fail(unsigned kinds, unsigned nth)
{
	atomic_store(&fault_kinds, 0);
	atomic_store(&fault_all, false);
	atomic_store(&fault_fired, false);
	atomic_store(&fault_call, "nothing");
	atomic_store(&fault_countdown, nth);
	atomic_store(&fault_kinds, nth > 0 ? kinds : 0);
}

void
harness_fail_all(unsigned kinds)
{
	harness_fail(kinds, 1);
	atomic_store(&fault_all, true);
}

bool
harness_has_failed(void)
{
	return atomic_load(&fault_fired);
}

const char *
harness_failed_call(void)
{
	return atomic_load(&fault_call);
}

void
harness_pretend_fork(bool forked)
{
	gyre__fork_count = forked ? 1 : 0;
}

static void *
do_nothing(void *arg)
{
	return arg;
}

/* A sanitizer makes a thread of its own beside the first one. */
static void
make_a_thread(void)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, do_nothing, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
}

static pthread_once_t thread_made = PTHREAD_ONCE_INIT;

static long
count_entries(const char *path)
{
	DIR *directory = opendir(path);
	long count = 0;

	CHECK(directory != NULL);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

void
harness_live(struct harness_live *ret)
{
	pthread_once(&thread_made, make_a_thread);
	ret->allocations = atomic_load(&live_allocations);
	ret->threads = atomic_load(&live_threads);
	ret->descriptors = count_entries("/proc/self/fd");
	ret->tasks = count_entries("/proc/self/task");
}

bool
harness_live_is(const struct harness_live *before)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	struct harness_live now;

	for (int i = 0; i < 2000; i++) {
		harness_live(&now);
		if (now.tasks <= before->tasks)
			break;
		nanosleep(&moment, NULL);
	}
	if (now.allocations == before->allocations &&
	    now.threads == before->threads &&
	    now.descriptors == before->descriptors &&
	    now.tasks <= before->tasks)
		return true;
	fprintf(stderr,
		"left: %ld allocations, %ld threads, %ld descriptors, "
		"%ld kernel threads\n",
		now.allocations - before->allocations,
		now.threads - before->threads,
		now.descriptors - before->descriptors,
		now.tasks - before->tasks);
	return false;
}

uint64_t
harness_seed(void)
{
	const char *text = getenv("GYRE_SEED");
	struct timespec now;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	if (text != NULL)
		seed = strtoull(text, NULL, 0);
	printf("GYRE_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

/* splitmix64 */
uint64_t
harness_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

unsigned
harness_scaled(unsigned number)
{
	const char *text = getenv("GYRE_SCALE");
	uint64_t scaled = number;

	if (text != NULL)
		scaled = (uint64_t)number * strtoull(text, NULL, 0) / 100;
	return scaled < 1 ? 1 : (unsigned)scaled;
}
