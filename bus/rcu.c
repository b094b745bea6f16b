/*
 * The one file that includes liburcu. Out of line and without _LGPL_SOURCE:
 * inlining would gain 3 ns an iteration and cost a licence statement.
 *
 * liburcu's own synchronisation is invisible to ThreadSanitizer; a release of
 * the token before each quiescent state is the edge from a reader's last use
 * to the end of a grace period, where it is acquired.
 */
#include "bus/rcu.h"

#include <urcu/urcu-qsbr.h>

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

void
gyre__rcu_register(void)
{
	urcu_qsbr_register_thread();
}

void
gyre__rcu_unregister(void)
{
	release_uses();
	urcu_qsbr_unregister_thread();
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
	urcu_qsbr_thread_offline();
}

void
gyre__rcu_online(void)
{
	urcu_qsbr_thread_online();
}

void
gyre__rcu_synchronize(void)
{
	urcu_qsbr_synchronize_rcu();
	acquire_uses();
}
