/*
 * The stack of a port's free slots. A take and a put are one exchange each;
 * nobody waits for anybody.
 *
 * Rejected: a counter of messages beside an allocation for each, which is two
 * shared words to keep in step, and memory that crosses threads; a ring of
 * slots, whose senders wait for a preempted one.
 */
#include "bus/slots.h"

#include "base/atomics.h"
#include "base/check.h"

#include <errno.h>

#define USED_BITS (GYRE__SLOTS_TOP * GYRE__SLOTS_ONE_USED)
#define TAG_BITS  (GYRE__SLOTS_CLOSED - GYRE__SLOTS_ONE_TAG)

_Static_assert(GYRE_PORT_CAPACITY_MAX == GYRE__SLOTS_TOP,
	       "each slot has a number that is not 0");
_Static_assert(sizeof(struct gyre__slot) == GYRE__CACHE_PAIR,
	       "what a message without a copy needs is on one line");

void
gyre__slots_init(struct gyre__slots *slots, struct gyre__slot *array,
		 uint32_t capacity)
{
	slots->slots = array;
	slots->capacity = capacity;
	slots->word = 1;
	for (uint32_t i = 0; i < capacity; i++) {
		array[i].number = i + 1;
		array[i].next = i + 1 < capacity ? i + 2 : 0;
	}
}

/* The tag is 23 bits: a thread would have to sleep here through 2^23 takes,
 * to the one, and find the same slot on top with as many in use. */
int
gyre__slots_take(struct gyre__slots *slots, struct gyre__slot **ret_slot)
{
	for (;;) {
		/* slots.W1 acquire: the slot's fields after the word that
		 * leads to it; pairs with slots.W4 */
		uint64_t seen = gyre__load_64_acquire(&slots->word);
		uint32_t top = (uint32_t)(seen & GYRE__SLOTS_TOP);
		uint64_t made;

		if (gyre__slots_closed(seen))
			return -ESHUTDOWN;
		if (top == 0)
			return -EAGAIN;
		/* slots.N1 relaxed: if the slot has left meanwhile this is
		 * stale, and the tag makes the exchange fail */
		made = gyre__load_32_relaxed(&slots->slots[top - 1].next);
		made |= (seen + GYRE__SLOTS_ONE_TAG) & TAG_BITS;
		made |= (seen & USED_BITS) + GYRE__SLOTS_ONE_USED;
		/* slots.W2 relaxed: the slot's fields were acquired above */
		if (gyre__cas_64_relaxed(&slots->word, &seen, made)) {
			*ret_slot = &slots->slots[top - 1];
			return 0;
		}
	}
}

uint64_t
gyre__slots_put(struct gyre__slots *slots, struct gyre__slot *slot)
{
	/* slots.W3 relaxed: a guess, which the exchange verifies */
	uint64_t seen = gyre__load_64_relaxed(&slots->word);
	uint64_t made;

	do {
		/* slots.N2 relaxed: published by the exchange below */
		gyre__store_32_relaxed(&slot->next,
				       (uint32_t)(seen & GYRE__SLOTS_TOP));
		made = (seen & ~GYRE__SLOTS_TOP) - GYRE__SLOTS_ONE_USED;
		made |= slot->number;
		/* slots.W4 acq_rel: the slot's fields before the word that
		 * leads to it, and all who gave theirs back before the last
		 * to do so; pairs with slots.W1, slots.W4, slots.W5 */
	} while (!gyre__cas_64_acq_rel(&slots->word, &seen, made));
	GYRE_DEBUG_ASSERT(gyre__slots_used(seen) > 0);
	return made;
}

uint64_t
gyre__slots_close(struct gyre__slots *slots)
{
	/* slots.W5 acq_rel: as for a put, if none is out; pairs with
	 * slots.W4 */
	uint64_t seen = gyre__add_64_acq_rel(&slots->word, GYRE__SLOTS_CLOSED);

	GYRE_INSIST(!gyre__slots_closed(seen));
	return seen + GYRE__SLOTS_CLOSED;
}

uint64_t
gyre__slots_look(const struct gyre__slots *slots)
{
	/* slots.W6 relaxed: a guess, and no more */
	return gyre__load_64_relaxed(&slots->word);
}
