/*
 * What a careful user puts before a loop that has no queue of messages: two
 * buffers of messages by value, one being filled while the other is run, and
 * one wake-up from empty to full. For a loop's own messages without the lock.
 */
#ifndef BENCH_MAILBOX_H
#define BENCH_MAILBOX_H

#include <pthread.h>
#include <stdlib.h>

#include "driver.h"

struct message {
	driver_fn fn;
	void *arg;
};

struct messages {
	struct message *items;
	size_t count;
	size_t capacity;
};

/* Run from one thread, which also fills it. */
struct queue {
	struct messages in;
	struct messages out;
};

/* Run from one thread, filled from any. */
struct mailbox {
	pthread_mutex_t lock;
	struct queue queue;
};

static inline void
messages_grow(struct messages *messages)
{
	size_t capacity = messages->capacity == 0 ? 64 : messages->capacity * 2;
	void *items =
		realloc(messages->items, capacity * sizeof(struct message));

	if (items == NULL)
		bench_fail("no memory for messages");
	messages->items = (struct message *)items;
	messages->capacity = capacity;
}

/* True: it was empty. */
static inline bool
queue_add(struct queue *queue, driver_fn fn, void *arg)
{
	struct messages *in = &queue->in;

	if (in->count == in->capacity)
		messages_grow(in);
	in->items[in->count].fn = fn;
	in->items[in->count].arg = arg;
	return in->count++ == 0;
}

static inline void
queue_swap(struct queue *queue)
{
	struct messages out = queue->out;

	out.count = 0;
	queue->out = queue->in;
	queue->in = out;
}

static inline void
queue_run_out(struct queue *queue)
{
	for (size_t i = 0; i < queue->out.count; i++)
		queue->out.items[i].fn(queue->out.items[i].arg);
}

/* Run what is there; what is added meanwhile is for the next time. */
static inline void
queue_run(struct queue *queue)
{
	queue_swap(queue);
	queue_run_out(queue);
}

static inline bool
queue_is_empty(const struct queue *queue)
{
	return queue->in.count == 0;
}

static inline void
queue_free(struct queue *queue)
{
	free(queue->in.items);
	free(queue->out.items);
}

static inline void
mailbox_init(struct mailbox *mailbox)
{
	pthread_mutex_init(&mailbox->lock, NULL);
	mailbox->queue = (struct queue){ { NULL, 0, 0 }, { NULL, 0, 0 } };
}

static inline void
mailbox_free(struct mailbox *mailbox)
{
	queue_free(&mailbox->queue);
	pthread_mutex_destroy(&mailbox->lock);
}

/* True: the loop is to be woken. */
static inline bool
mailbox_put(struct mailbox *mailbox, driver_fn fn, void *arg)
{
	bool was_empty;

	pthread_mutex_lock(&mailbox->lock);
	was_empty = queue_add(&mailbox->queue, fn, arg);
	pthread_mutex_unlock(&mailbox->lock);
	return was_empty;
}

static inline void
mailbox_run(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	queue_swap(&mailbox->queue);
	pthread_mutex_unlock(&mailbox->lock);
	queue_run_out(&mailbox->queue);
}

#endif
