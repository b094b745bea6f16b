/*
 * Spinning. What ends a spin is seen where it would end a sleep: in the head of
 * the inbox, which says meanwhile that the loop is awake, so that nobody rings;
 * in the poller, asked now and then without waiting; and in the clock. It says
 * nothing about the sleep that may follow: that arms the inbox as ever.
 *
 * Rejected: to learn from how long sleeps take, which is mostly the wake-up
 * that spinning saves, or the loop's own spin, if the sender has no other CPU.
 */
#include "loop/spin.h"

#include "base/thread.h"
#include "bus/inbox.h"
#include "bus/rcu.h"
#include "loop/loop.h"

/* Looks at the inbox between two at the rest: about a microsecond. */
#define LOOKS 32
/* Less than they take. */
#define LOOKS_NS 64

void
gyre__spin_init(struct gyre__spin *spin, int64_t max_ns)
{
	*spin = (struct gyre__spin){ .max_ns = max_ns, .every = 1 };
}

void
gyre__spin_begin(struct gyre__spin *spin, const struct gyre_sys *sys)
{
	struct gyre__cpus cpus;

	if (spin->max_ns == 0)
		return;
	gyre__cpus_allowed(sys, &cpus);
	spin->preemptions = sys->preemptions();
	spin->is_allowed =
		cpus.known && cpus.online > 1 && gyre__cpus_count(&cpus) == 1;
}

void
gyre__spin_end(struct gyre__spin *spin)
{
	spin->is_allowed = false;
}

static void
give_up(struct gyre__spin *spin, unsigned every)
{
	spin->left = 0;
	spin->sleeps = 0;
	spin->every =
		every < GYRE__SPIN_TRIAL_EVERY ? every : GYRE__SPIN_TRIAL_EVERY;
}

void
gyre__spin_learn(struct gyre__spin *spin, enum gyre__spin_end end,
		 int64_t spun_ns)
{
	spin->spins++;
	spin->spun_ns += spun_ns;
	spin->found += end == GYRE__SPIN_FOUND;
	if (end == GYRE__SPIN_PREEMPTED) {
		give_up(spin, GYRE__SPIN_TRIAL_EVERY);
	} else if (end == GYRE__SPIN_IN_VAIN) {
		if (--spin->left == 0)
			give_up(spin, spin->every * 2);
	} else {
		if (spin->left < GYRE__SPINS_KEPT_MAX)
			spin->left++;
		if (spin->every > 1)
			spin->every /= 2;
	}
}

void
gyre__spin_slept(struct gyre__spin *spin)
{
	if (!spin->is_allowed || spin->left > 0)
		return;
	if (++spin->sleeps < spin->every)
		return;
	spin->sleeps = 0;
	spin->left = 1;
}

/* -- the spin itself ------------------------------------------------------- */

static int64_t
smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static bool
comes_in(const struct gyre_inbox *inbox)
{
	for (unsigned i = 0; i < LOOKS; i++) {
		if (!gyre__inbox_is_empty(inbox))
			return true;
		gyre__pause();
	}
	return false;
}

/* Without handlers there is nothing that the poller could say. */
static int
look_at_descriptors(struct gyre_loop *loop)
{
	if (loop->handlers.count == 0)
		return 0;
	loop->polls++;
	return loop->poller_ops->wait(loop->handlers.poller, loop->events,
				      GYRE__POLL_EVENTS_MAX, 0);
}

/* One turn; whether something is there. */
static bool
look(struct gyre_loop *loop, int *ret_count)
{
	gyre__rcu_quiescent();
	if (comes_in(loop->inbox))
		return true;
	*ret_count = look_at_descriptors(loop);
	return *ret_count != 0;
}

/* A look that came late: an interrupt, or a hypervisor, or another thread. */
static bool
was_preempted(struct gyre_loop *loop)
{
	uint64_t before = loop->spin.preemptions;

	loop->spin.preemptions = loop->sys->preemptions();
	return loop->spin.preemptions != before;
}

/* Nothing has to be asked of the system but by a late look. */
static enum gyre__spin_end
spin_until(struct gyre_loop *loop, int64_t began_ns, int64_t timeout_ns,
	   int *ret_count)
{
	int64_t limit_ns = smaller(timeout_ns, loop->spin.max_ns);
	int64_t now_ns = began_ns;

	/* A clock may stand still. */
	for (int64_t i = limit_ns / LOOKS_NS; i >= 0; i--) {
		int64_t before_ns = now_ns;
		bool found = look(loop, ret_count);

		now_ns = gyre_loop_time(loop);
		if (found || now_ns - began_ns >= timeout_ns)
			return GYRE__SPIN_FOUND;
		if (now_ns - before_ns > GYRE__SPIN_LATE_NS &&
		    was_preempted(loop))
			return GYRE__SPIN_PREEMPTED;
		if (now_ns - began_ns >= limit_ns)
			break;
	}
	return GYRE__SPIN_IN_VAIN;
}

bool
gyre__loop_spin(struct gyre_loop *loop, int64_t timeout_ns, int *ret_count)
{
	enum gyre__spin_end end;
	int64_t began_ns;

	gyre__loop_publish(loop, GYRE__NEVER);
	*ret_count = look_at_descriptors(loop);
	if (*ret_count != 0) {
		gyre__rcu_quiescent();
		return true; /* without having spun */
	}
	began_ns = gyre_loop_time(loop);
	end = spin_until(loop, began_ns, timeout_ns, ret_count);
	gyre__spin_learn(&loop->spin, end, gyre_loop_time(loop) - began_ns);
	return end == GYRE__SPIN_FOUND;
}
