/*
 * A chain of tasks in first-in order: what a loop has ready to run.
 *
 * `messages` counts what the user sent: a task counts one, a block as many as
 * it holds callbacks, a block that comes home nothing.
 */
#ifndef GYRE_BUS_CHAIN_H
#define GYRE_BUS_CHAIN_H

#include <gyre/task.h>

struct gyre__chain {
	struct gyre_task *head;
	struct gyre_task *tail;
	size_t messages;
};

static inline void
gyre__chain_append(struct gyre__chain *chain, struct gyre_task *task,
		   size_t messages)
{
	task->_next = NULL;
	if (chain->tail != NULL)
		chain->tail->_next = task;
	else
		chain->head = task;
	chain->tail = task;
	chain->messages += messages;
}

/* Move all of `rest` behind `chain`, and leave `rest` empty. */
static inline void
gyre__chain_concat(struct gyre__chain *chain, struct gyre__chain *rest)
{
	if (rest->head == NULL)
		return;
	if (chain->tail != NULL)
		chain->tail->_next = rest->head;
	else
		chain->head = rest->head;
	chain->tail = rest->tail;
	chain->messages += rest->messages;
	*rest = (struct gyre__chain){ 0 };
}

/* Take the first task, or NULL; the caller accounts for its messages. */
static inline struct gyre_task *
gyre__chain_pop(struct gyre__chain *chain)
{
	struct gyre_task *task = chain->head;

	if (task == NULL)
		return NULL;
	chain->head = task->_next;
	if (chain->head == NULL)
		chain->tail = NULL;
	return task;
}

#endif
