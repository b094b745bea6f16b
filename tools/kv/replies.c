/*
 * A ring of slots and a buffer that is moved to its front when more than half
 * of it has been taken.
 */
#include "replies.h"

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "gather.h"
#include "publication.h"

#define SLOTS_MIN  16
#define SLOTS_KEEP 64
#define LOCAL_KEEP ((size_t)4 * 1024)
/* Below this, moving what waits is not worth it. */
#define MOVE_MIN ((size_t)64 * 1024)

void
replies_free(struct replies *replies)
{
	while (replies->count > 0)
		replies_remove_first(replies);
	free(replies->slots);
	bytes_free(&replies->local);
	*replies = (struct replies){ 0 };
}

static struct slot *
slot_at(const struct replies *replies, size_t index)
{
	return &replies->slots[(replies->first + index) &
			       (replies->capacity - 1)];
}

int
replies_reserve(struct replies *replies)
{
	size_t capacity =
		replies->capacity > 0 ? replies->capacity * 2 : SLOTS_MIN;
	struct slot *slots;

	if (replies->count + 2 <= replies->capacity)
		return 0;
	slots = malloc(capacity * sizeof(*slots));
	if (slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < replies->count; i++)
		slots[i] = *slot_at(replies, i);
	free(replies->slots);
	replies->slots = slots;
	replies->capacity = capacity;
	replies->first = 0;
	return 0;
}

static struct slot *
add(struct replies *replies, enum slot_kind kind)
{
	struct slot *slot;

	KV_INSIST(replies->count < replies->capacity);
	slot = slot_at(replies, replies->count++);
	*slot = (struct slot){ .kind = kind };
	return slot;
}

void
replies_add_local(struct replies *replies, size_t length)
{
	struct slot *last = NULL;

	if (replies->count > 0)
		last = slot_at(replies, replies->count - 1);
	if (last != NULL && last->kind == SLOT_LOCAL)
		last->length += length;
	else if (length > 0)
		add(replies, SLOT_LOCAL)->length = length;
}

void
replies_add_lane(struct replies *replies, struct lane *lane)
{
	add(replies, SLOT_LANE)->lane = lane;
}

void
replies_add_unseen(struct replies *replies, struct lane *lane)
{
	add(replies, SLOT_UNSEEN)->lane = lane;
}

void
replies_add_gather(struct replies *replies, struct gather *gather)
{
	add(replies, SLOT_GATHER)->gather = gather;
}

void
replies_add_publication(struct replies *replies,
			struct publication *publication)
{
	add(replies, SLOT_PUBLICATION)->publication = publication;
}

struct slot *
replies_first(const struct replies *replies)
{
	return replies->count > 0 ? slot_at(replies, 0) : NULL;
}

size_t
replies_local_waiting(const struct replies *replies)
{
	return replies->local.length - replies->local_taken;
}

/* What is taken need not be kept. */
static void
tidy_local(struct replies *replies)
{
	struct bytes *local = &replies->local;
	size_t waiting = replies_local_waiting(replies);

	if (waiting == 0) {
		bytes_reset(local, LOCAL_KEEP);
		replies->local_taken = 0;
	} else if (replies->local_taken >= MOVE_MIN &&
		   replies->local_taken > waiting) {
		memmove(local->data, local->data + replies->local_taken,
			waiting);
		local->length = waiting;
		replies->local_taken = 0;
	}
}

const char *
replies_take_local(struct replies *replies, size_t length)
{
	const char *data;

	KV_INSIST(length <= replies_local_waiting(replies));
	if (length == 0)
		return "";
	data = replies->local.data + replies->local_taken;
	replies->local_taken += length;
	return data;
}

void
replies_remove_first(struct replies *replies)
{
	struct slot *slot = replies_first(replies);

	if (slot->kind == SLOT_GATHER)
		gather_free(slot->gather);
	else if (slot->kind == SLOT_PUBLICATION)
		publication_unref(slot->publication);
	replies->first = (replies->first + 1) & (replies->capacity - 1);
	replies->count--;
	tidy_local(replies);
	if (replies->count == 0 && replies->capacity > SLOTS_KEEP) {
		free(replies->slots);
		replies->slots = NULL;
		replies->capacity = 0;
		replies->first = 0;
	}
}
