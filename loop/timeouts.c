/*
 * Timeouts: their slots and handles, and what is due. The heap and the wheel,
 * which find out what is next, have files of their own.
 */
#include "loop/timeouts.h"

#include "base/check.h"

#include <errno.h>
#include <string.h>

#define NONE GYRE__TIMEOUT_NONE

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
	gyre__wheel_init(timeouts);
}

void
gyre__timeouts_fini(struct gyre__timeouts *timeouts)
{
	timeouts->sys->release(timeouts->slots);
	gyre__timeouts_init(timeouts, timeouts->sys);
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
		GYRE__CACHE_LINE);
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
 * has been moved later and is put where it belongs. */
static bool
settle_first(struct gyre__timeouts *timeouts)
{
	uint32_t number = timeouts->heap[0].slot;

	if (timeouts->heap[0].sequence == timeouts->slots[number].sequence)
		return true;
	gyre__heap_remove(timeouts, number);
	gyre__wheel_place(timeouts, number);
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
	gyre__wheel_place(timeouts, number);
	if (timeouts->slots[number].state == GYRE__TIMEOUT_HEAPED)
		gyre__wheel_rewind(timeouts);
}

static void
take_out(struct gyre__timeouts *timeouts, uint32_t number)
{
	switch (timeouts->slots[number].state) {
	case GYRE__TIMEOUT_HEAPED:
		gyre__heap_remove(timeouts, number);
		break;
	case GYRE__TIMEOUT_LISTED:
		gyre__wheel_remove(timeouts, number);
		break;
	case GYRE__TIMEOUT_DUE:
		unlink_due(timeouts, number);
		break;
	case GYRE__TIMEOUT_FREE:
		break;
	}
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

/* Whether it is to be put elsewhere, or may stay until its turn comes. */
static bool
comes_earlier(const struct gyre__timeouts *timeouts, uint32_t number,
	      int64_t when_ns)
{
	switch (timeouts->slots[number].state) {
	case GYRE__TIMEOUT_HEAPED:
		return when_ns <
		       timeouts->heap[timeouts->places[number]].when_ns;
	case GYRE__TIMEOUT_LISTED:
		return gyre__wheel_is_before(timeouts, number, when_ns);
	case GYRE__TIMEOUT_DUE:
	case GYRE__TIMEOUT_FREE:
		break;
	}
	return true;
}

/* Not inlined, so that the store alone, the common case, saves no register. */
__attribute__((noinline)) static void
move(struct gyre__timeouts *timeouts, uint32_t number, int64_t when_ns)
{
	if (!comes_earlier(timeouts, number, when_ns)) {
		set_deadline(timeouts, number, when_ns);
		return;
	}
	take_out(timeouts, number);
	insert(timeouts, number, when_ns);
}

int
gyre__timeouts_update(struct gyre__timeouts *timeouts, gyre_timeout timeout,
		      int64_t when_ns)
{
	struct gyre__timeout_slot *slot = find_slot(timeouts, timeout);
	uint32_t number = (uint32_t)timeout - 1;

	if (slot == NULL)
		return -ENOENT;
	/* Asked of the slot first: the rest need not be looked at then. */
	if (when_ns >= slot->when_ns && slot->state != GYRE__TIMEOUT_DUE)
		set_deadline(timeouts, number, when_ns);
	else
		move(timeouts, number, when_ns);
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
	take_out(timeouts, number);
	*ret_callback = slot->callback;
	free_slot(timeouts, number);
	return true;
}

int64_t
gyre__timeouts_next(struct gyre__timeouts *timeouts)
{
	do {
		while (timeouts->heaped > 0)
			if (settle_first(timeouts))
				return timeouts->heap[0].when_ns;
	} while (gyre__wheel_turn(timeouts));
	return GYRE_FOREVER;
}

bool
gyre__timeouts_several(const struct gyre__timeouts *timeouts, int64_t when_ns)
{
	return gyre__heap_has_second(timeouts, when_ns) ||
	       gyre__wheel_has_by(timeouts, when_ns);
}

void
gyre__timeouts_collect(struct gyre__timeouts *timeouts, int64_t now_ns)
{
	int64_t when_ns;

	timeouts->now_tick = gyre__tick_of(now_ns);
	while ((when_ns = gyre__timeouts_next(timeouts)) <= now_ns &&
	       when_ns != GYRE_FOREVER) {
		uint32_t number = timeouts->heap[0].slot;

		gyre__heap_remove(timeouts, number);
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
	if (timeouts->heaped > 0)
		number = timeouts->heap[timeouts->heaped - 1].slot;
	else
		number = gyre__wheel_any(timeouts);
	if (number == NONE)
		return false;
	take_out(timeouts, number);
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

void
gyre__timeouts_validate(const struct gyre__timeouts *timeouts)
{
	uint32_t due = count_chain(timeouts, timeouts->due, GYRE__TIMEOUT_DUE);
	uint32_t free =
		count_chain(timeouts, timeouts->free, GYRE__TIMEOUT_FREE);

	GYRE_INSIST(timeouts->used <= timeouts->capacity);
	GYRE_INSIST(timeouts->heaped + timeouts->listed + due + free ==
		    timeouts->used);
	validate_due(timeouts);
	gyre__heap_validate(timeouts);
	gyre__wheel_validate(timeouts);
}
