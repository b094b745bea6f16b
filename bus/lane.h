/*
 * An outbox's lanes. All of it is for the outbox's own thread.
 */
#ifndef GYRE_BUS_LANE_H
#define GYRE_BUS_LANE_H

#include "base/check.h"
#include "bus/outbox.h"

/* As gyre__lane_find(), for any but the last. */
struct gyre__lane *gyre__lane_look_up(struct gyre__outbox *outbox,
				      struct gyre_inbox *inbox);

/* The lane to a destination, made if there is none; NULL: no memory. */
static inline struct gyre__lane *
gyre__lane_find(struct gyre__outbox *outbox, struct gyre_inbox *inbox)
{
	struct gyre__lane *lane = outbox->last;

	if (GYRE__LIKELY(lane != NULL && lane->inbox == inbox))
		return lane;
	return gyre__lane_look_up(outbox, inbox);
}

/* Put a task, or a block that callbacks will be put into, in the lane. */
void gyre__lane_add(struct gyre__lane *lane, struct gyre_task *task);

/* Put all tasks of a chain in the lane, which takes them over. */
void gyre__lane_add_chain(struct gyre__lane *lane,
			  const struct gyre_task_chain *chain);

/* Push the lane if it is full; else see to it that a flush does. */
void gyre__lane_settle(struct gyre__outbox *outbox, struct gyre__lane *lane);

/*
 * Count messages that were put in the lane. A full lane is pushed at once; if
 * that is refused, what is in it waits for the next flush to be dropped,
 * since no drop function may run inside a send.
 */
static inline void
gyre__lane_sent(struct gyre__outbox *outbox, struct gyre__lane *lane,
		size_t messages)
{
	lane->sent.messages += messages;
	if (GYRE__UNLIKELY(!lane->dirty ||
			   lane->sent.messages >= GYRE__LANE_MESSAGES_MAX))
		gyre__lane_settle(outbox, lane);
}

/* Put a block in the lane that goes home to the destination. */
void gyre__lane_return(struct gyre__outbox *outbox, struct gyre__lane *lane,
		       struct gyre__block *block);

/* Send home what is held of others' blocks, and forget the lanes. */
void gyre__lanes_close(struct gyre__outbox *outbox);

#endif
