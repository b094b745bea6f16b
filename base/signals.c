/*
 * The table of watches. Handlers walk it without a lock, since they interrupt
 * anybody, the lock's holder too; so a watch that is taken out may still be
 * walked over, and whoever takes it out waits until no handler runs. That wait
 * is short: a handler posts, and ends.
 *
 * In a fork nobody is watched: the child's actions are those from before, and
 * the table is empty.
 */
#include "base/signals.h"

#include "base/atomics.h"
#include "base/check.h"

#include <errno.h>
#include <string.h>

#define SIGNALS 65 /* more than any system has */

struct signal {
	/* -- the lock's holder writes, handlers read, atomic -- */
	struct gyre__signal_watch *first;
	/* -- under the lock -- */
	struct sigaction before;
};

static struct {
	pthread_mutex_t lock;
	uint32_t handlers; /* that run, atomic */
	struct signal signals[SIGNALS];
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* -- in a handler -------------------------------------------------------- */

static void
on_signal(int signo)
{
	int error = errno;
	struct gyre__signal_watch *watch;

	/* signals.S1 acq_rel: a full barrier before the walk: who takes a
	 * watch out sees this handler, or it does not see the watch; pairs
	 * with signals.S2 */
	gyre__add_32_acq_rel(&table.handlers, 1);
	/* signals.A1 acquire: what the watch is; pairs with signals.R1 */
	watch = gyre__load_ptr_acquire(&table.signals[signo].first);
	while (watch != NULL) {
		watch->notify(watch);
		/* signals.A2 acquire: as A1; pairs with signals.R1,
		 * signals.R2 */
		watch = gyre__load_ptr_acquire(&watch->next);
	}
	/* signals.S3 acq_rel: the walk is over; pairs with signals.S2 */
	gyre__add_32_acq_rel(&table.handlers, (uint32_t)-1);
	errno = error;
}

/* -- installing ---------------------------------------------------------- */

static bool
is_ours(const struct sigaction *action)
{
	return (action->sa_flags & SA_SIGINFO) == 0 &&
	       action->sa_handler == on_signal;
}

static int
install(const struct gyre_sys *sys, int signo)
{
	struct sigaction ours = { .sa_flags = SA_RESTART | SA_ONSTACK };

	ours.sa_handler = on_signal;
	sigfillset(&ours.sa_mask);
	if (sys->sigaction(signo, &ours, &table.signals[signo].before) < 0)
		return -errno;
	return 0;
}

/* Unless the program has put another action in place of ours. */
static void
restore(const struct gyre_sys *sys, int signo)
{
	struct sigaction now;

	if (sys->sigaction(signo, NULL, &now) == 0 && is_ours(&now))
		sys->sigaction(signo, &table.signals[signo].before, NULL);
}

/* The child has one thread, and nobody whom a watch could tell. */
static void
forget_all(void)
{
	for (int signo = 1; signo < SIGNALS; signo++)
		if (table.signals[signo].first != NULL)
			restore(&gyre__sys_default, signo);
	memset(table.signals, 0, sizeof(table.signals));
	table.handlers = 0;
	pthread_mutex_init(&table.lock, NULL);
}

static void
watch_forks(void)
{
	pthread_atfork(NULL, NULL, forget_all);
}

/* -- for the rooms ------------------------------------------------------- */

int
gyre__signal_check(int signo)
{
	static const int refused[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS,
				       SIGFPE,  SIGILL,  SIGTRAP };
	sigset_t set;

	if (signo < 1 || signo >= SIGNALS)
		return -EINVAL;
	sigemptyset(&set);
	if (sigaddset(&set, signo) < 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (signo == refused[i])
			return -EINVAL;
	return 0;
}

int
gyre__signals_add(const struct gyre_sys *sys, struct gyre__signal_watch *watch)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct signal *signal = &table.signals[watch->signo];
	int result = 0;

	GYRE_REQUIRE(gyre__signal_check(watch->signo) == 0);
	pthread_once(&once, watch_forks);
	pthread_mutex_lock(&table.lock);
	watch->next = signal->first;
	/* signals.R1 release: what the watch is; pairs with signals.A1,
	 * signals.A2 */
	gyre__store_ptr_release(&signal->first, watch);
	if (watch->next == NULL)
		result = install(sys, watch->signo);
	if (result < 0)
		/* signals.R3 relaxed: no handler was there to see it */
		gyre__store_ptr_relaxed(&signal->first, NULL);
	pthread_mutex_unlock(&table.lock);
	return result;
}

void
gyre__signals_remove(const struct gyre_sys *sys,
		     struct gyre__signal_watch *watch)
{
	struct signal *signal = &table.signals[watch->signo];
	struct gyre__signal_watch **link = &signal->first;

	pthread_mutex_lock(&table.lock);
	while (*link != watch) {
		GYRE_INSIST(*link != NULL);
		link = &(*link)->next;
	}
	if (signal->first == watch && watch->next == NULL)
		restore(sys, watch->signo);
	/* signals.R2 release: the next one stays as it is; pairs with
	 * signals.A2 */
	gyre__store_ptr_release(link, watch->next);
	/* signals.S2 acq_rel: a handler that began before is waited for, and
	 * one that begins after does not see the watch; pairs with signals.S1,
	 * signals.S3 */
	while (gyre__add_32_acq_rel(&table.handlers, 0) != 0)
		sys->sched_yield();
	pthread_mutex_unlock(&table.lock);
}
