/*
 * The wheel of timeouts that are due later. Most never come to the heap: they
 * are cancelled or moved before, which costs what a list costs, however many
 * there are. One that does has been in a list of each level at most.
 *
 * Rejected: a wheel alone, which has no exact order within a tick, or must sort
 * each list; the heap alone, whose cost grows with what is far away; waking at
 * the beginning of a list to look what is in it.
 */
#include "loop/timeouts.h"

#include "base/check.h"

#define NONE GYRE__TIMEOUT_NONE
#define MASK (GYRE__WHEEL_LISTS - 1)

/* From so many on it pays to look for a better tick. */
#define REWIND_MIN 64u

_Static_assert(GYRE__TICK_BITS + GYRE__WHEEL_BITS * GYRE__WHEEL_LEVELS == 64,
	       "every instant has a place");

/* In the order of the instants, which may be negative. */
uint64_t
gyre__tick_of(int64_t when_ns)
{
	return ((uint64_t)when_ns ^ UINT64_C(1) << 63) >> GYRE__TICK_BITS;
}

void
gyre__wheel_init(struct gyre__timeouts *timeouts)
{
	for (uint32_t i = 0; i <= GYRE__WHEEL_NEVER; i++)
		timeouts->lists[i] = NONE;
}

/* The list of an instant whose tick is behind the heap's. A later one has a
 * larger number. */
static uint32_t
list_of(const struct gyre__timeouts *timeouts, int64_t when_ns)
{
	uint64_t tick = gyre__tick_of(when_ns);
	unsigned level;

	if (when_ns == GYRE_FOREVER)
		return GYRE__WHEEL_NEVER;
	level = (63 - (unsigned)__builtin_clzll(tick ^ timeouts->tick)) /
		GYRE__WHEEL_BITS;
	return level * GYRE__WHEEL_LISTS +
	       (uint32_t)(tick >> level * GYRE__WHEEL_BITS & MASK);
}

static bool
is_for_heap(const struct gyre__timeouts *timeouts, int64_t when_ns)
{
	return gyre__tick_of(when_ns) <= timeouts->tick &&
	       when_ns != GYRE_FOREVER;
}

static void
mark_filled(struct gyre__timeouts *timeouts, uint32_t list)
{
	if (list != GYRE__WHEEL_NEVER)
		timeouts->filled[list / GYRE__WHEEL_LISTS] |= UINT64_C(1)
							      << (list & MASK);
}

static void
mark_empty(struct gyre__timeouts *timeouts, uint32_t list)
{
	timeouts->lists[list] = NONE;
	if (list != GYRE__WHEEL_NEVER)
		timeouts->filled[list / GYRE__WHEEL_LISTS] &=
			~(UINT64_C(1) << (list & MASK));
}

static void
enlist(struct gyre__timeouts *timeouts, uint32_t number, uint32_t list)
{
	struct gyre__timeout_slot *slot = &timeouts->slots[number];
	uint32_t next = timeouts->lists[list];

	slot->state = GYRE__TIMEOUT_LISTED;
	slot->link.next = next;
	slot->link.previous = NONE;
	if (next != NONE)
		timeouts->slots[next].link.previous = number;
	timeouts->lists[list] = number;
	timeouts->places[number] = list;
	timeouts->listed++;
	mark_filled(timeouts, list);
}

void
gyre__wheel_place(struct gyre__timeouts *timeouts, uint32_t number)
{
	int64_t when_ns = timeouts->slots[number].when_ns;

	if (is_for_heap(timeouts, when_ns))
		gyre__heap_add(timeouts, number);
	else
		enlist(timeouts, number, list_of(timeouts, when_ns));
}

void
gyre__wheel_remove(struct gyre__timeouts *timeouts, uint32_t number)
{
	uint32_t next = timeouts->slots[number].link.next;
	uint32_t previous = timeouts->slots[number].link.previous;
	uint32_t list = timeouts->places[number];

	if (next != NONE)
		timeouts->slots[next].link.previous = previous;
	if (previous != NONE)
		timeouts->slots[previous].link.next = next;
	else if (next != NONE)
		timeouts->lists[list] = next;
	else
		mark_empty(timeouts, list);
	timeouts->listed--;
}

bool
gyre__wheel_is_before(const struct gyre__timeouts *timeouts, uint32_t number,
		      int64_t when_ns)
{
	return is_for_heap(timeouts, when_ns) ||
	       list_of(timeouts, when_ns) < timeouts->places[number];
}

/* The first list, by its number, or NEVER. */
static uint32_t
first_list(const struct gyre__timeouts *timeouts)
{
	for (uint32_t level = 0; level < GYRE__WHEEL_LEVELS; level++)
		if (timeouts->filled[level] != 0)
			return level * GYRE__WHEEL_LISTS +
			       (uint32_t)__builtin_ctzll(
				       timeouts->filled[level]);
	return GYRE__WHEEL_NEVER;
}

/* The first tick that a list can have. */
static uint64_t
first_tick(const struct gyre__timeouts *timeouts, uint32_t list)
{
	unsigned shift = list / GYRE__WHEEL_LISTS * GYRE__WHEEL_BITS;
	uint64_t above = timeouts->tick >> shift >> GYRE__WHEEL_BITS
							    << GYRE__WHEEL_BITS;

	return (above | (list & MASK)) << shift;
}

bool
gyre__wheel_has_by(const struct gyre__timeouts *timeouts, int64_t when_ns)
{
	uint32_t list = first_list(timeouts);
	unsigned level = list / GYRE__WHEEL_LISTS;
	uint64_t ticks;

	if (list == GYRE__WHEEL_NEVER)
		return false;
	ticks = UINT64_C(1) << level * GYRE__WHEEL_BITS;
	return first_tick(timeouts, list) + ticks <= gyre__tick_of(when_ns);
}

/* Place a whole list, which begins with this slot. */
static void
place_all(struct gyre__timeouts *timeouts, uint32_t number)
{
	while (number != NONE) {
		uint32_t next = timeouts->slots[number].link.next;

		gyre__wheel_place(timeouts, number);
		number = next;
	}
}

bool
gyre__wheel_turn(struct gyre__timeouts *timeouts)
{
	uint32_t list = first_list(timeouts);
	uint32_t number = timeouts->lists[list];

	GYRE_INSIST(timeouts->heaped == 0);
	if (list == GYRE__WHEEL_NEVER)
		return false;
	mark_empty(timeouts, list);
	timeouts->tick = first_tick(timeouts, list);
	timeouts->put_before = 0;
	while (number != NONE) {
		uint32_t next = timeouts->slots[number].link.next;

		timeouts->listed--;
		gyre__wheel_place(timeouts, number);
		number = next;
	}
	return true;
}

/* All that there are, in one list. */
static uint32_t
take_all(struct gyre__timeouts *timeouts)
{
	uint32_t all = NONE;

	for (uint32_t list = 0; list <= GYRE__WHEEL_NEVER; list++) {
		uint32_t number = timeouts->lists[list];

		while (number != NONE) {
			uint32_t next = timeouts->slots[number].link.next;

			timeouts->slots[number].link.next = all;
			all = number;
			number = next;
		}
		mark_empty(timeouts, list);
	}
	for (uint32_t i = 0; i < timeouts->heaped; i++) {
		uint32_t number = timeouts->heap[i].slot;

		timeouts->slots[number].link.next = all;
		all = number;
	}
	timeouts->heaped = 0;
	timeouts->listed = 0;
	return all;
}

/*
 * The tick is ahead of the present where a single timeout was, far away, when
 * the heap was empty. It goes back at the price of placing all anew, which is
 * paid by as many that were put into the heap meanwhile.
 */
void
gyre__wheel_rewind(struct gyre__timeouts *timeouts)
{
	uint32_t count = timeouts->heaped + timeouts->listed;

	if (++timeouts->put_before < REWIND_MIN ||
	    timeouts->put_before < count / 2 ||
	    timeouts->tick <= timeouts->now_tick)
		return;
	count = take_all(timeouts);
	timeouts->tick = timeouts->now_tick;
	timeouts->put_before = 0;
	place_all(timeouts, count);
}

uint32_t
gyre__wheel_any(const struct gyre__timeouts *timeouts)
{
	return timeouts->lists[first_list(timeouts)];
}

/* -- for tests ------------------------------------------------------------ */

static uint32_t
validate_list(const struct gyre__timeouts *timeouts, uint32_t list)
{
	uint32_t previous = NONE;
	uint32_t count = 0;

	for (uint32_t i = timeouts->lists[list]; i != NONE;
	     i = timeouts->slots[i].link.next) {
		const struct gyre__timeout_slot *slot = &timeouts->slots[i];

		GYRE_INSIST(i < timeouts->used);
		GYRE_INSIST(slot->state == GYRE__TIMEOUT_LISTED);
		GYRE_INSIST(slot->link.previous == previous);
		GYRE_INSIST(timeouts->places[i] == list);
		/* Its own list, or an earlier one of an earlier deadline. */
		GYRE_INSIST(!gyre__wheel_is_before(timeouts, i, slot->when_ns));
		GYRE_INSIST(++count <= timeouts->used);
		previous = i;
	}
	return count;
}

void
gyre__wheel_validate(const struct gyre__timeouts *timeouts)
{
	uint32_t count = 0;

	for (uint32_t list = 0; list <= GYRE__WHEEL_NEVER; list++) {
		uint32_t length = validate_list(timeouts, list);

		if (list != GYRE__WHEEL_NEVER)
			GYRE_INSIST(
				(length > 0) ==
				(timeouts->filled[list / GYRE__WHEEL_LISTS] >>
					 (list & MASK) &
				 1));
		count += length;
	}
	GYRE_INSIST(count == timeouts->listed);
}
