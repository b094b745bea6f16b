/*
 * The one file that includes liburcu. Out of line and without _LGPL_SOURCE:
 * inlining would gain 3 ns an iteration and cost a licence statement.
 *
 * liburcu's own synchronisation is invisible to ThreadSanitizer; a release of
 * the token before each quiescent state is the edge from a reader's last use
 * to the end of a grace period, where it is acquired.
 */
#include "bus/rcu.h"

#include "base/fork.h"

#include <pthread.h>
#include <urcu/urcu-qsbr.h>

/*
 * What this thread is to liburcu: the fourth of the thread-locals. Whoever
 * registers it counts: a job may read on a pool's thread, and a visitor, which
 * is a thread that has read without a loop, may run one later.
 */
static _Thread_local struct reader {
	unsigned registrations;
	bool is_online;
	bool is_visitor; /* and registered until its thread ends */
	uint32_t forks;  /* when it became one */
} reader __attribute__((tls_model("initial-exec")));

/* Unregisters a visitor when its thread ends. */
static pthread_key_t end_of_thread;
static bool has_end_of_thread;

#if defined(GYRE__TSAN)
void __tsan_acquire(void *address);
void __tsan_release(void *address);

static char quiescent_token;

static void
release_uses(void)
{
	__tsan_release(&quiescent_token);
}

static void
acquire_uses(void)
{
	__tsan_acquire(&quiescent_token);
}
#else
static void
release_uses(void)
{
}

static void
acquire_uses(void)
{
}
#endif

/* -- loops ---------------------------------------------------------------- */

void
gyre__rcu_register(void)
{
	if (reader.registrations++ == 0)
		urcu_qsbr_register_thread();
	else
		urcu_qsbr_thread_online();
	reader.is_online = true;
}

void
gyre__rcu_unregister(void)
{
	release_uses();
	reader.is_online = false;
	if (--reader.registrations == 0)
		urcu_qsbr_unregister_thread();
	else
		urcu_qsbr_thread_offline();
}

void
gyre__rcu_quiescent(void)
{
	release_uses();
	urcu_qsbr_quiescent_state();
}

void
gyre__rcu_offline(void)
{
	release_uses();
	reader.is_online = false;
	urcu_qsbr_thread_offline();
}

void
gyre__rcu_online(void)
{
	urcu_qsbr_thread_online();
	reader.is_online = true;
}

/* -- visitors ------------------------------------------------------------- */

/* In a fork other threads may have left the registry locked. */
static void
end_visit(void *unused)
{
	(void)unused;
	if (!gyre__is_fork(reader.forks))
		gyre__rcu_unregister();
	reader.is_visitor = false;
}

static void
make_key(void)
{
	has_end_of_thread = pthread_key_create(&end_of_thread, end_visit) == 0;
}

/* Who could not be unregistered at its end is no visitor: it comes and goes
 * each time. */
static void
become_visitor(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_key);
	if (!has_end_of_thread ||
	    pthread_setspecific(end_of_thread, &reader) != 0)
		return;
	reader.is_visitor = true;
	reader.forks = gyre__forks();
	gyre__rcu_register();
}

bool
gyre__rcu_enter(void)
{
	if (reader.is_online)
		return false;
	if (reader.registrations == 0)
		become_visitor();
	gyre__rcu_register();
	return true;
}

void
gyre__rcu_leave(bool entered)
{
	if (entered)
		gyre__rcu_unregister();
}

/* -- the reaper ----------------------------------------------------------- */

void
gyre__rcu_synchronize(void)
{
	urcu_qsbr_synchronize_rcu();
	acquire_uses();
}
