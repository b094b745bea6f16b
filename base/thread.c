/*
 * Threads and their CPUs. The differences between platforms end here: names
 * and affinity are conveniences, and a system without them has neither.
 */
#include "base/thread.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define NAME_BYTES 16 /* Linux's limit, with the terminator */

int
gyre__thread_start(const struct gyre_sys *sys, pthread_t *ret_thread,
		   void *(*main)(void *), void *arg)
{
	return -sys->thread_create(ret_thread, NULL, main, arg);
}

/* A blocked fault would end the process without its crash handler. */
static void
fill_but_faults(sigset_t *set)
{
	static const int faults[] = { SIGSEGV, SIGBUS,  SIGFPE,
				      SIGILL,  SIGTRAP, SIGABRT };

	sigfillset(set);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(set, faults[i]);
}

bool
gyre__thread_can_have_stack(size_t stack_bytes)
{
	pthread_attr_t attributes;
	bool can;

	if (stack_bytes == 0)
		return true;
	pthread_attr_init(&attributes);
	can = pthread_attr_setstacksize(&attributes, stack_bytes) == 0;
	pthread_attr_destroy(&attributes);
	return can;
}

static int
start_with_stack(const struct gyre_sys *sys, pthread_t *ret_thread,
		 size_t stack_bytes, void *(*main)(void *), void *arg)
{
	pthread_attr_t attributes;
	int result;

	if (stack_bytes == 0)
		return gyre__thread_start(sys, ret_thread, main, arg);
	pthread_attr_init(&attributes);
	result = -pthread_attr_setstacksize(&attributes, stack_bytes);
	if (result == 0)
		result =
			-sys->thread_create(ret_thread, &attributes, main, arg);
	pthread_attr_destroy(&attributes);
	return result;
}

int
gyre__thread_start_blocked(const struct gyre_sys *sys, pthread_t *ret_thread,
			   size_t stack_bytes, void *(*main)(void *), void *arg)
{
	sigset_t blocked;
	sigset_t before;
	int result;

	fill_but_faults(&blocked);
	result = -sys->thread_sigmask(SIG_SETMASK, &blocked, &before);
	if (result < 0)
		return result;
	result = start_with_stack(sys, ret_thread, stack_bytes, main, arg);
	sys->thread_sigmask(SIG_SETMASK, &before, NULL);
	return result;
}

_Thread_local bool gyre__thread_is_ours;

void
gyre__thread_enter(const char *prefix, unsigned index)
{
	char name[NAME_BYTES];

	gyre__thread_is_ours = true;
	snprintf(name, sizeof(name), "%s%u", prefix, index);
#if defined(__linux__)
	pthread_setname_np(pthread_self(), name);
#elif defined(__APPLE__)
	pthread_setname_np(name);
#endif
}

static unsigned
count_online(const struct gyre_sys *sys)
{
	long count = sys->sysconf(_SC_NPROCESSORS_ONLN);

	return count < 1 ? 1 : (unsigned)count;
}

#if defined(__linux__)

void
gyre__cpus_allowed(const struct gyre_sys *sys, struct gyre__cpus *ret)
{
	ret->online = count_online(sys);
	CPU_ZERO(&ret->set);
	ret->known = sys->getaffinity(pthread_self(), sizeof(ret->set),
				      &ret->set) == 0;
}

int
gyre__cpus_apply(const struct gyre_sys *sys, const struct gyre__cpus *cpus)
{
	if (!cpus->known)
		return 0;
	return -sys->setaffinity(pthread_self(), sizeof(cpus->set), &cpus->set);
}

_Static_assert(GYRE__CPUS_MAX == CPU_SETSIZE, "what a set can hold");

bool
gyre__cpus_has(const struct gyre__cpus *cpus, unsigned cpu)
{
	return cpus->known && cpu < CPU_SETSIZE && CPU_ISSET(cpu, &cpus->set);
}

int
gyre__cpus_add(struct gyre__cpus *cpus, unsigned cpu)
{
	if (cpu >= CPU_SETSIZE)
		return -EINVAL;
	if (!cpus->known)
		CPU_ZERO(&cpus->set);
	cpus->known = true;
	CPU_SET(cpu, &cpus->set);
	return 0;
}

static int
count_known(const struct gyre__cpus *cpus)
{
	return cpus->known ? CPU_COUNT(&cpus->set) : 0;
}

#else

void
gyre__cpus_allowed(const struct gyre_sys *sys, struct gyre__cpus *ret)
{
	ret->online = count_online(sys);
	ret->known = false;
}

int
gyre__cpus_apply(const struct gyre_sys *sys, const struct gyre__cpus *cpus)
{
	(void)sys;
	(void)cpus;
	return 0;
}

bool
gyre__cpus_has(const struct gyre__cpus *cpus, unsigned cpu)
{
	(void)cpus;
	(void)cpu;
	return false;
}

int
gyre__cpus_add(struct gyre__cpus *cpus, unsigned cpu)
{
	(void)cpus;
	(void)cpu;
	return -ENOSYS;
}

static int
count_known(const struct gyre__cpus *cpus)
{
	(void)cpus;
	return 0;
}

#endif

unsigned
gyre__cpus_count(const struct gyre__cpus *cpus)
{
	int count = count_known(cpus);

	if (count > 0)
		return (unsigned)count;
	return cpus->online > 0 ? cpus->online : 1;
}
