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
	timeouts->places[key->slot] = place;
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

/* The key that a slot's deadline makes. */
static struct gyre__timeout_key
key_of(const struct gyre__timeouts *timeouts, uint32_t number)
{
	const struct gyre__timeout_slot *slot = &timeouts->slots[number];

	return (struct gyre__timeout_key){
		.when_ns = slot->when_ns,
		.sequence = slot->sequence,
		.slot = number,
	};
}

/* -- slots --------------------------------------------------------------- */

/* The arrays are one block, the slots at its beginning. */
static int
grow(struct gyre__timeouts *timeouts)
{
	size_t old = timeouts->capacity;
	size_t capacity = old == 0 ? CAPACITY_MIN : old * 2;
	struct gyre__timeout_slot *slots;
	struct gyre__timeout_key *heap;
	uint32_t *places;

	if (capacity > CAPACITY_MAX)
		return -ENOMEM;
	slots = timeouts->sys->allocate(
		capacity * (sizeof(*slots) + sizeof(*heap) + sizeof(*places)),
		0);
	if (slots == NULL)
		return -ENOMEM;
	heap = (struct gyre__timeout_key *)(slots + capacity);
	places = (uint32_t *)(heap + capacity);
	if (old > 0) {
		memcpy(slots, timeouts->slots, old * sizeof(*slots));
		memcpy(heap, timeouts->heap, old * sizeof(*heap));
		memcpy(places, timeouts->places, old * sizeof(*places));
	}
	timeouts->sys->release(timeouts->slots);
	timeouts->slots = slots;
	timeouts->heap = heap;
	timeouts->places = places;
	timeouts->capacity = (uint32_t)capacity;
	return 0;
}

/* Each begins where the one before ends, whatever the capacity. */
_Static_assert(sizeof(struct gyre__timeout_slot) %
			       _Alignof(struct gyre__timeout_key) ==
		       0,
	       "the heap is aligned behind the slots");

static int
take_slot(struct gyre__timeouts *timeouts, uint32_t *ret_number)
{
	if (timeouts->free != NONE) {
		*ret_number = timeouts->free;
		timeouts->free = timeouts->slots[timeouts->free].link.next;
		return 0;
	}
	if (timeouts->used == timeouts->capacity) {
		int result = grow(timeouts);

		if (result < 0)
			return result;
	}
	*ret_number = timeouts->used++;
	timeouts->slots[*ret_number].generation = 1;
	return 0;
}

/* From now on its handles are stale. */
static void
free_slot(struct gyre__timeouts *timeouts, uint32_t number)
{
	struct gyre__timeout_slot *slot = &timeouts->slots[number];

	slot->state = GYRE__TIMEOUT_FREE;
	slot->generation++;
	slot->link.next = timeouts->free;
	timeouts->free = number;
}

static gyre_timeout
handle_of(const struct gyre__timeouts *timeouts, uint32_t number)
{
	return (uint64_t)timeouts->slots[number].generation << 32 |
	       ((uint64_t)number + 1);
}

/* The slot a handle names, or NULL if it is stale. One that another loop gave
 * out may look like what a free slot will give out next: that is no name. */
static struct gyre__timeout_slot *
find_slot(const struct gyre__timeouts *timeouts, gyre_timeout timeout)
{
	uint32_t number = (uint32_t)timeout - 1;
	struct gyre__timeout_slot *slot;

	if ((uint32_t)timeout == 0 || number >= timeouts->used)
		return NULL;
	slot = &timeouts->slots[number];
	if (slot->generation != (uint32_t)(timeout >> 32) ||
	    slot->state == GYRE__TIMEOUT_FREE)
		return NULL;
	return slot;
}

/* -- what is due ---------------------------------------------------------- */

static void
link_due(struct gyre__timeouts *timeouts, uint32_t number)
{
	struct gyre__timeout_slot *slot = &timeouts->slots[number];

	slot->state = GYRE__TIMEOUT_DUE;
	slot->link.next = NONE;
	slot->link.previous = timeouts->due_last;
	if (slot->link.previous == NONE)
		timeouts->due = number;
	else
		timeouts->slots[slot->link.previous].link.next = number;
	timeouts->due_last = number;
}

static void
unlink_due(struct gyre__timeouts *timeouts, uint32_t number)
{
	uint32_t next = timeouts->slots[number].link.next;
	uint32_t previous = timeouts->slots[number].link.previous;

	if (previous == NONE)
		timeouts->due = next;
	else
		timeouts->slots[previous].link.next = next;
	if (next == NONE)
		timeouts->due_last = previous;
	else
		timeouts->slots[next].link.previous = previous;
}

/* Whether the first key of the heap is what its slot says. If not, the slot
 * has been moved later: the key is put right, and another may be first. */
static bool
settle_first(struct gyre__timeouts *timeouts)
{
	uint32_t number = timeouts->heap[0].slot;

	if (timeouts->heap[0].sequence == timeouts->slots[number].sequence)
		return true;
	sift_down(timeouts, 0, key_of(timeouts, number));
	return false;
}

/* -- what the loop calls -------------------------------------------------- */

/* It counts as added now. */
static void
set_deadline(struct gyre__timeouts *timeouts, uint32_t number, int64_t when_ns)
{
	struct gyre__timeout_slot *slot = &timeouts->slots[number];

	slot->when_ns = when_ns;
	slot->sequence = timeouts->sequence++;
}

static void
insert(struct gyre__timeouts *timeouts, uint32_t number, int64_t when_ns)
{
	set_deadline(timeouts, number, when_ns);
	timeouts->slots[number].state = GYRE__TIMEOUT_SCHEDULED;
	sift_up(timeouts, timeouts->count++, key_of(timeouts, number));
}

int
gyre__timeouts_add(struct gyre__timeouts *timeouts, int64_t when_ns,
		   const struct gyre_callback *callback,
		   gyre_timeout *ret_timeout)
{
	uint32_t number;
	int result = take_slot(timeouts, &number);

	if (result < 0)
		return result;
	timeouts->slots[number].callback = *callback;
	insert(timeouts, number, when_ns);
	if (ret_timeout != NULL)
		*ret_timeout = handle_of(timeouts, number);
	return 0;
}

int
gyre__timeouts_update(struct gyre__timeouts *timeouts, gyre_timeout timeout,
		      int64_t when_ns)
{
	struct gyre__timeout_slot *slot = find_slot(timeouts, timeout);
	uint32_t number = (uint32_t)timeout - 1;
	bool later;

	if (slot == NULL)
		return -ENOENT;
	if (slot->state == GYRE__TIMEOUT_DUE) {
		unlink_due(timeouts, number);
		insert(timeouts, number, when_ns);
		return 0;
	}
	/* Asked of the slot before the heap, which need not be looked at. */
	later = when_ns >= slot->when_ns ||
		when_ns >= timeouts->heap[timeouts->places[number]].when_ns;
	set_deadline(timeouts, number, when_ns);
	if (!later)
		sift_up(timeouts, timeouts->places[number],
			key_of(timeouts, number));
	return 0;
}

bool
gyre__timeouts_remove(struct gyre__timeouts *timeouts, gyre_timeout timeout,
		      struct gyre_callback *ret_callback)
{
	struct gyre__timeout_slot *slot = find_slot(timeouts, timeout);
	uint32_t number = (uint32_t)timeout - 1;

	if (slot == NULL)
		return false;
	if (slot->state == GYRE__TIMEOUT_DUE)
		unlink_due(timeouts, number);
	else
		take_from_heap(timeouts, timeouts->places[number]);
	*ret_callback = slot->callback;
	free_slot(timeouts, number);
	return true;
}

int64_t
gyre__timeouts_next(struct gyre__timeouts *timeouts)
{
	if (timeouts->count == 0)
		return GYRE_FOREVER;
	while (!settle_first(timeouts))
		continue;
	return timeouts->heap[0].when_ns;
}

void
gyre__timeouts_collect(struct gyre__timeouts *timeouts, int64_t now_ns)
{
	while (timeouts->count > 0 && timeouts->heap[0].when_ns <= now_ns &&
	       timeouts->heap[0].when_ns != GYRE_FOREVER) {
		uint32_t number = timeouts->heap[0].slot;

		if (!settle_first(timeouts))
			continue;
		take_from_heap(timeouts, 0);
		link_due(timeouts, number);
	}
}

bool
gyre__timeouts_due(const struct gyre__timeouts *timeouts, int64_t *ret_when_ns)
{
	if (timeouts->due == NONE)
		return false;
	*ret_when_ns = timeouts->slots[timeouts->due].when_ns;
	return true;
}

bool
gyre__timeouts_pop_due(struct gyre__timeouts *timeouts,
		       struct gyre_callback *ret_callback)
{
	uint32_t number = timeouts->due;

	if (number == NONE)
		return false;
	unlink_due(timeouts, number);
	*ret_callback = timeouts->slots[number].callback;
	free_slot(timeouts, number);
	return true;
}

bool
gyre__timeouts_pop_any(struct gyre__timeouts *timeouts,
		       struct gyre_callback *ret_callback)
{
	uint32_t number;

	if (gyre__timeouts_pop_due(timeouts, ret_callback))
		return true;
	if (timeouts->count == 0)
		return false;
	number = timeouts->heap[--timeouts->count].slot;
	*ret_callback = timeouts->slots[number].callback;
	free_slot(timeouts, number);
	return true;
}

/* -- for tests ------------------------------------------------------------ */

/* How many slots are linked from this one, all of them in this state. */
static uint32_t
count_chain(const struct gyre__timeouts *timeouts, uint32_t slot,
	    enum gyre__timeout_state state)
{
	uint32_t count = 0;

	for (; slot != NONE; slot = timeouts->slots[slot].link.next) {
		GYRE_INSIST(slot < timeouts->used);
		GYRE_INSIST(timeouts->slots[slot].state == state);
		GYRE_INSIST(++count <= timeouts->used);
	}
	return count;
}

static void
validate_due(const struct gyre__timeouts *timeouts)
{
	uint32_t previous = NONE;

	for (uint32_t slot = timeouts->due; slot != NONE;
	     slot = timeouts->slots[slot].link.next) {
		GYRE_INSIST(timeouts->slots[slot].link.previous == previous);
		previous = slot;
	}
	GYRE_INSIST(timeouts->due_last == previous);
}

static void
validate_heap(const struct gyre__timeouts *timeouts)
{
	for (uint32_t place = 0; place < timeouts->count; place++) {
		const struct gyre__timeout_key *key = &timeouts->heap[place];
		const struct gyre__timeout_slot *slot;

		GYRE_INSIST(key->slot < timeouts->used);
		GYRE_INSIST(timeouts->slots[key->slot].state ==
			    GYRE__TIMEOUT_SCHEDULED);
		GYRE_INSIST(timeouts->places[key->slot] == place);
		slot = &timeouts->slots[key->slot];
		/* The same key, or an earlier one of an earlier deadline. */
		GYRE_INSIST(key->when_ns <= slot->when_ns);
		GYRE_INSIST(key->sequence < slot->sequence ||
			    (key->sequence == slot->sequence &&
			     key->when_ns == slot->when_ns));
		if (place > 0)
			GYRE_INSIST(!before(
				key, &timeouts->heap[(place - 1) / CHILDREN]));
	}
}

void
gyre__timeouts_validate(const struct gyre__timeouts *timeouts)
{
	uint32_t due = count_chain(timeouts, timeouts->due, GYRE__TIMEOUT_DUE);
	uint32_t free =
		count_chain(timeouts, timeouts->free, GYRE__TIMEOUT_FREE);

	GYRE_INSIST(timeouts->used <= timeouts->capacity);
	GYRE_INSIST(timeouts->count + due + free == timeouts->used);
	validate_due(timeouts);
	validate_heap(timeouts);
}
