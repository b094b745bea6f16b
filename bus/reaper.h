/*
 * The reaper: the one thread of a runtime that waits for grace periods.
 *
 * Whoever takes something away from readers retires it: the reaper waits until
 * no reader can have it any more, and sends it home, to be freed on the loop
 * that retired it. One grace period serves all that came before it began.
 *
 *     retire --> the reaper's inbox --grace period--> home's inbox --> free
 *                                                 home is closed --> free here
 */
#ifndef GYRE_BUS_REAPER_H
#define GYRE_BUS_REAPER_H

#include <gyre/task.h>

#include "base/sys.h"
#include "base/thread.h"

struct gyre__reaper;

/* Embedded in what is retired. */
struct gyre__retired {
	struct gyre_task task;
	struct gyre_inbox *home; /* a reference, while it is away; or NULL */
	void (*free)(struct gyre__retired *retired);
};

/* A reaper whose thread does not run yet, or NULL. */
struct gyre__reaper *gyre__reaper_new(const struct gyre_sys *sys);

/* Where its thread will run; before it is made. */
void gyre__reaper_set_cpus(struct gyre__reaper *reaper,
			   const struct gyre__cpus *cpus);

/* Make its thread: 0 or a negative errno. */
int gyre__reaper_start(struct gyre__reaper *reaper);

/* Have it finish what it has, and join it; no thread is fine. What is retired
 * later waits for free. No reader. */
void gyre__reaper_stop(struct gyre__reaper *reaper);

/* Free it, and what it still has, which nobody reads any more; it must not
 * run. NULL is a no-op. */
void gyre__reaper_free(struct gyre__reaper *reaper);

/*
 * Free this when no reader can have it any more, on the loop of `home`, or on
 * whatever thread if that is NULL or closed. It is unreachable for those who
 * begin to read now. Any thread; allocates nothing.
 */
void gyre__reaper_retire(struct gyre__reaper *reaper,
			 struct gyre__retired *retired, struct gyre_inbox *home,
			 void (*free)(struct gyre__retired *retired));

/* Without a thread, and where no reader reads: whether something waits, and
 * free it. Whoever stands for the thread. */
bool gyre__reaper_has_work(const struct gyre__reaper *reaper);
void gyre__reaper_step(struct gyre__reaper *reaper);

/* How many grace periods it has waited for. Any thread. */
uint64_t gyre__reaper_periods(const struct gyre__reaper *reaper);

#endif
