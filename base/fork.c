/*
 * The count of forks. It is the process's, like its number, and hence the one
 * variable that hangs off nothing.
 */
#include "base/fork.h"

#include <pthread.h>

uint32_t gyre__fork_count;

static void
count_fork(void)
{
	gyre__fork_count++;
}

/* Without memory for the handler a fork is not noticed, as if nobody asked. */
static void
watch_forks(void)
{
	pthread_atfork(NULL, NULL, count_fork);
}

uint32_t
gyre__forks(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_forks);
	return gyre__fork_count;
}
