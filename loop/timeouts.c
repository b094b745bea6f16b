/*
 * The heap of timeouts. Keys are in the heap itself, so that sifting reads
 * one array; four children share a cache line and a half, which makes the
 * tree shallow. Rejected: lazy cancellation, which holds memory and needs
 * counters that drift.
 */
#include "loop/timeouts.h"

#include "base/check.h"

#include <errno.h>
#include <string.h>

#define NONE UINT32_MAX

/* Values of `place` that are no index of the heap. */
#define PLACE_FREE     (UINT32_MAX)
#define PLACE_DUE      (UINT32_MAX - 1)
#define PLACE_CANCELED (UINT32_MAX - 2) /* was due; freed when popped */

#define CHILDREN     4
#define CAPACITY_MIN 16
#define CAPACITY_MAX (UINT32_MAX / 4)

void
gyre__timeouts_init(struct gyre__timeouts *timeouts, const struct gyre_sys *sys)
{
	*timeouts = (struct gyre__timeouts){
		.sys = sys,
		.free = NONE,
		.due = NONE,
		.due_last = NONE,
	};
}

void
gyre__timeouts_fini(struct gyre__timeouts *timeouts)
{
	timeouts->sys->release(timeouts->slots);
	timeouts->sys->release(timeouts->heap);
	gyre__timeouts_init(timeouts, timeouts->sys);
}

/* -- the heap ------------------------------------------------------------ */

static bool
before(const struct gyre__timeout_key *a, const struct gyre__timeout_key *b)
{
	if (a->when_ns != b->when_ns)
		return a->when_ns < b->when_ns;
	return a->sequence < b->sequence;
}

static void
put(struct gyre__timeouts *timeouts, uint32_t place,
    const struct gyre__timeout_key *key)
{
	timeouts->heap[place] = *key;
	timeouts->slots[key->slot].place = place;
}

static void
sift_up(struct gyre__timeouts *timeouts, uint32_t place,
	struct gyre__timeout_key key)
{
	while (place > 0) {
		uint32_t parent = (place - 1) / CHILDREN;

		if (!before(&key, &timeouts->heap[parent]))
			break;
		put(timeouts, place, &timeouts->heap[parent]);
		place = parent;
	}
	put(timeouts, place, &key);
}

/* The first of a place's children, or the count if it has none. */
static uint32_t
first_child(const struct gyre__timeouts *timeouts, uint32_t place)
{
	uint32_t child = place * CHILDREN + 1;
	uint32_t end = child + CHILDREN;
	uint32_t first = child;

	if (child >= timeouts->count)
		return timeouts->count;
	if (end > timeouts->count)
		end = timeouts->count;
	for (child++; child < end; child++)
		if (before(&timeouts->heap[child], &timeouts->heap[first]))
			first = child;
	return first;
}

static void
sift_down(struct gyre__timeouts *timeouts, uint32_t place,
	  struct gyre__timeout_key key)
{
	uint32_t child;

	while ((child = first_child(timeouts, place)) < timeouts->count) {
		if (!before(&timeouts->heap[child], &key))
			break;
		put(timeouts, place, &timeouts->heap[child]);
		place = child;
	}
	put(timeouts, place, &key);
}

static void
take_from_heap(struct gyre__timeouts *timeouts, uint32_t place)
{
	struct gyre__timeout_key last = timeouts->heap[--timeouts->count];

	if (place == timeouts->count)
		return;
	if (place > 0 && before(&last, &timeouts->heap[(place - 1) / CHILDREN]))
		sift_up(timeouts, place, last);
	else
		sift_down(timeouts, place, last);
}

/* -- slots --------------------------------------------------------------- */

static int
grow(struct gyre__timeouts *timeouts)
{
	const struct gyre_sys *sys = timeouts->sys;
	size_t capacity = timeouts->capacity == 0
				  ? CAPACITY_MIN
				  : (size_t)timeouts->capacity * 2;
	struct gyre__timeout_slot *slots;
	struct gyre__timeout_key *heap;

	if (capacity > CAPACITY_MAX)
		return -ENOMEM;
	slots = sys->allocate(capacity * sizeof(*slots), 0);
	heap = sys->allocate(capacity * sizeof(*heap), 0);
	if (slots == NULL || heap == NULL) {
		sys->release(slots);
		sys->release(heap);
		return -ENOMEM;
	}
	if (timeouts->capacity > 0) {
		memcpy(slots, timeouts->slots, timeouts->used * sizeof(*slots));
		memcpy(heap, timeouts->heap, timeouts->count * sizeof(*heap));
	}
	sys->release(timeouts->slots);
	sys->release(timeouts->heap);
	timeouts->slots = slots;
	timeouts->heap = heap;
	timeouts->capacity = (uint32_t)capacity;
	return 0;
}

static int
take_slot(struct gyre__timeouts *timeouts, uint32_t *ret_slot)
{
	if (timeouts->free != NONE) {
		*ret_slot = timeouts->free;
		timeouts->free = timeouts->slots[timeouts->free].next;
		return 0;
	}
	if (timeouts->used == timeouts->capacity) {
		int result = grow(timeouts);

		if (result < 0)
			return result;
	}
	*ret_slot = timeouts->used++;
	timeouts->slots[*ret_slot].generation = 1;
	return 0;
}

/* From now on its handles are stale. */
static void
free_slot(struct gyre__timeouts *timeouts, uint32_t number)
{
	struct gyre__timeout_slot *slot = &timeouts->slots[number];

	slot->place = PLACE_FREE;
	slot->generation++;
	slot->next = timeouts->free;
	timeouts->free = number;
}

static gyre_timeout
handle_of(const struct gyre__timeouts *timeouts, uint32_t slot)
{
	return (uint64_t)timeouts->slots[slot].generation << 32 |
	       ((uint64_t)slot + 1);
}

/* The slot a handle names, or NULL if it is stale. One that another loop gave
 * out may look like what a free slot will give out next: that is no name. */
static struct gyre__timeout_slot *
find_slot(struct gyre__timeouts *timeouts, gyre_timeout timeout)
{
	uint32_t number = (uint32_t)timeout - 1;
	struct gyre__timeout_slot *slot;

	if ((uint32_t)timeout == 0 || number >= timeouts->used)
		return NULL;
	slot = &timeouts->slots[number];
	if (slot->generation != (uint32_t)(timeout >> 32) ||
	    slot->place == PLACE_FREE)
		return NULL;
	return slot;
}

/* -- what the loop calls -------------------------------------------------- */

int
gyre__timeouts_add(struct gyre__timeouts *timeouts, int64_t when_ns,
		   gyre_callback_fn fn, void *arg, gyre_timeout *ret_timeout)
{
	struct gyre__timeout_key key = { .when_ns = when_ns };
	int result = take_slot(timeouts, &key.slot);

	if (result < 0)
		return result;
	key.sequence = timeouts->sequence++;
	timeouts->slots[key.slot].fn = fn;
	timeouts->slots[key.slot].arg = arg;
	sift_up(timeouts, timeouts->count++, key);
	if (ret_timeout != NULL)
		*ret_timeout = handle_of(timeouts, key.slot);
	return 0;
}

void
gyre__timeouts_remove(struct gyre__timeouts *timeouts, gyre_timeout timeout)
{
	struct gyre__timeout_slot *slot = find_slot(timeouts, timeout);

	if (slot == NULL || slot->place == PLACE_CANCELED)
		return;
	if (slot->place == PLACE_DUE) {
		slot->place = PLACE_CANCELED;
		return;
	}
	take_from_heap(timeouts, slot->place);
	free_slot(timeouts, (uint32_t)timeout - 1);
}

int64_t
gyre__timeouts_next(const struct gyre__timeouts *timeouts)
{
	return timeouts->count > 0 ? timeouts->heap[0].when_ns : GYRE_FOREVER;
}

void
gyre__timeouts_collect(struct gyre__timeouts *timeouts, int64_t now_ns)
{
	while (timeouts->count > 0 && timeouts->heap[0].when_ns <= now_ns &&
	       timeouts->heap[0].when_ns != GYRE_FOREVER) {
		uint32_t number = timeouts->heap[0].slot;

		take_from_heap(timeouts, 0);
		timeouts->slots[number].place = PLACE_DUE;
		timeouts->slots[number].next = NONE;
		if (timeouts->due == NONE)
			timeouts->due = number;
		else
			timeouts->slots[timeouts->due_last].next = number;
		timeouts->due_last = number;
	}
}

bool
gyre__timeouts_pop_due(struct gyre__timeouts *timeouts,
		       gyre_callback_fn *ret_fn, void **ret_arg)
{
	while (timeouts->due != NONE) {
		uint32_t number = timeouts->due;
		struct gyre__timeout_slot slot = timeouts->slots[number];

		timeouts->due = slot.next;
		free_slot(timeouts, number);
		if (slot.place == PLACE_DUE) {
			*ret_fn = slot.fn;
			*ret_arg = slot.arg;
			return true;
		}
	}
	return false;
}

/* How many slots are linked from this one, all of them in such places. */
static uint32_t
count_chain(const struct gyre__timeouts *timeouts, uint32_t slot,
	    uint32_t place, uint32_t or_place)
{
	uint32_t count = 0;

	for (; slot != NONE; slot = timeouts->slots[slot].next) {
		GYRE_INSIST(slot < timeouts->used);
		GYRE_INSIST(timeouts->slots[slot].place == place ||
			    timeouts->slots[slot].place == or_place);
		GYRE_INSIST(++count <= timeouts->used);
	}
	return count;
}

void
gyre__timeouts_validate(const struct gyre__timeouts *timeouts)
{
	uint32_t due =
		count_chain(timeouts, timeouts->due, PLACE_DUE, PLACE_CANCELED);
	uint32_t free =
		count_chain(timeouts, timeouts->free, PLACE_FREE, PLACE_FREE);

	GYRE_INSIST(timeouts->used <= timeouts->capacity);
	GYRE_INSIST(timeouts->count + due + free == timeouts->used);
	for (uint32_t place = 0; place < timeouts->count; place++) {
		const struct gyre__timeout_key *key = &timeouts->heap[place];

		GYRE_INSIST(key->slot < timeouts->used);
		GYRE_INSIST(timeouts->slots[key->slot].place == place);
		if (place > 0)
			GYRE_INSIST(!before(
				key, &timeouts->heap[(place - 1) / CHILDREN]));
	}
}
