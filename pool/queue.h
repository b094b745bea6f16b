/*
 * What waits in a lane, and whose turn it is.
 *
 * Each source, the loop that a job comes from, has lines of its own, one a
 * priority. The next turn is a source's that has the fewest jobs running, and
 * among those in turn: so no loop holds more than its share of the threads
 * while others wait, though what runs is left alone. Priorities order one
 * source's jobs: a loop that calls all it has urgent gains nothing over the
 * others. Sources have places in a table of fixed size; when all are taken,
 * two share one, and their lines.
 *
 * One thread at a time: the lane's mutex.
 */
#ifndef GYRE_POOL_QUEUE_H
#define GYRE_POOL_QUEUE_H

#include "pool/job.h"

#define GYRE__QUEUE_PLACES     64u /* the first is for tasks without a source */
#define GYRE__QUEUE_PRIORITIES 3u

struct gyre__queue_line {
	struct gyre_task *head;
	struct gyre_task **end; /* where the next one is linked */
};

struct gyre__queue_place {
	const struct gyre_inbox *source;
	struct gyre__queue_line lines[GYRE__QUEUE_PRIORITIES];
	unsigned waiting;
	unsigned running;
	unsigned passed; /* turns in which a lower priority was passed over */
};

struct gyre__queue {
	unsigned waiting;
	unsigned next;     /* the place that has the next turn, among equals */
	uint64_t occupied; /* a bit for each place where something waits */
	struct gyre__queue_place places[GYRE__QUEUE_PLACES];
};

void gyre__queue_init(struct gyre__queue *queue);

void gyre__queue_push(struct gyre__queue *queue, struct gyre_task *task);

/*
 * Take what has the next turn, or NULL. It counts as running in its place until
 * gyre__queue_finish().
 */
struct gyre_task *gyre__queue_pop(struct gyre__queue *queue,
				  unsigned *ret_place);

void gyre__queue_finish(struct gyre__queue *queue, unsigned place);

/* How many of a source's jobs wait or run. */
unsigned gyre__queue_count(const struct gyre__queue *queue,
			   const struct gyre_inbox *source);

/* Take out a job that may have been taken before; whether it was there. */
bool gyre__queue_remove(struct gyre__queue *queue, struct gyre_job *job);

#endif
