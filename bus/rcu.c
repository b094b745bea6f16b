/*
 * The one file that includes liburcu. Out of line and without _LGPL_SOURCE:
 * inlining would gain 3 ns an iteration and cost a licence statement.
 *
 * liburcu's own synchronisation is invisible to ThreadSanitizer; a release of
 * the token before each quiescent state is the edge from a reader's last use
 * to the end of a grace period, where it is acquired.
 *
 * In a child liburcu's registry still has its parent's readers, who never
 * report again, in memory that the C library gives to new threads, and its
 * locks may be held for ever. Nothing of it can be undone from outside. So we
 * count who uses it: in a child whose parent had other users it is lost, and
 * nobody registers or waits there any more. Rejected: to be offline in a fork's
 * `prepare`, since the parent's callback that forks goes on reading; an RCU of
 * our own for such children.
 */
#include "bus/rcu.h"

#include "base/check.h"

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
} reader __attribute__((tls_model("initial-exec")));

/* Unregisters a visitor when its thread ends. */
static pthread_key_t end_of_thread;
static bool has_end_of_thread;

/* Like liburcu's registry, the process's. */
static struct {
	/* -- any thread, atomic -- */
	uint32_t users; /* threads that are registered, or wait */
	/* -- written in a child that has one thread, read by all -- */
	bool is_lost;
} registry;

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

/* -- forks ---------------------------------------------------------------- */

static void
begin_use(void)
{
	/* rcu.U1 relaxed: a child alone looks, and the fork orders it */
	gyre__add_32_relaxed(&registry.users, 1);
}

static void
end_use(void)
{
	/* rcu.U2 relaxed: as rcu.U1 */
	gyre__add_32_relaxed(&registry.users, (uint32_t)-1);
}

/* What the thread reads is its parent's, whom nobody here reaps after: its
 * reading ends with the fork, whatever it is in the middle of. */
static void
leave_in_child(void)
{
	uint32_t own = reader.registrations > 0;

	/* rcu.U3 relaxed: no other thread is here */
	if (gyre__load_32_relaxed(&registry.users) != own)
		registry.is_lost = true;
	else if (own)
		urcu_qsbr_unregister_thread();
	reader = (struct reader){ 0 };
	/* rcu.U4 relaxed: as rcu.U3 */
	gyre__store_32_relaxed(&registry.users, 0);
}

/* Without memory for the handler a child is not noticed. */
static void
watch_forks(void)
{
	pthread_atfork(NULL, NULL, leave_in_child);
}

bool
gyre__rcu_is_lost(void)
{
	return registry.is_lost;
}

/* -- loops ---------------------------------------------------------------- */

static void
enroll(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_forks);
	if (registry.is_lost)
		return;
	begin_use();
	urcu_qsbr_register_thread();
}

static void
withdraw(void)
{
	if (registry.is_lost)
		return;
	urcu_qsbr_unregister_thread();
	end_use();
}

void
gyre__rcu_register(void)
{
	if (reader.registrations++ == 0)
		enroll();
	else
		urcu_qsbr_thread_online();
	reader.is_online = true;
}

void
gyre__rcu_unregister(void)
{
	GYRE_INSIST(reader.registrations > 0);
	release_uses();
	reader.is_online = false;
	if (--reader.registrations == 0)
		withdraw();
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

/* One whose thread has forked is none any more in the child. */
static void
end_visit(void *unused)
{
	(void)unused;
	if (reader.is_visitor)
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
	GYRE_INSIST(!registry.is_lost);
	begin_use();
	urcu_qsbr_synchronize_rcu();
	end_use();
	acquire_uses();
}
