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

int
gyre__thread_start_blocked(const struct gyre_sys *sys, pthread_t *ret_thread,
			   void *(*main)(void *), void *arg)
{
	sigset_t blocked;
	sigset_t before;
	int result;

	fill_but_faults(&blocked);
	result = -sys->thread_sigmask(SIG_SETMASK, &blocked, &before);
	if (result < 0)
		return result;
	result = gyre__thread_start(sys, ret_thread, main, arg);
	sys->thread_sigmask(SIG_SETMASK, &before, NULL);
	return result;
}

void
gyre__thread_name(const char *prefix, unsigned index)
{
	char name[NAME_BYTES];

	snprintf(name, sizeof(name), "%s%u", prefix, index);
#if defined(__linux__)
	pthread_setname_np(pthread_self(), name);
#elif defined(__APPLE__)
	pthread_setname_np(name);
#endif
}

#if defined(__linux__)

void
gyre__cpus_allowed(const struct gyre_sys *sys, struct gyre__cpus *ret)
{
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

static int
count_known(const struct gyre__cpus *cpus)
{
	return cpus->known ? CPU_COUNT(&cpus->set) : 0;
}

#else

void
gyre__cpus_allowed(const struct gyre_sys *sys, struct gyre__cpus *ret)
{
	(void)sys;
	ret->known = false;
}

int
gyre__cpus_apply(const struct gyre_sys *sys, const struct gyre__cpus *cpus)
{
	(void)sys;
	(void)cpus;
	return 0;
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
	long count = count_known(cpus);

	if (count == 0)
		count = sysconf(_SC_NPROCESSORS_ONLN);
	return count < 1 ? 1 : (unsigned)count;
}
