/*
 * The heap of timeouts that are due soon. Keys are in the heap itself, so that
 * sifting reads one array; four children share a cache line and a half, which
 * makes the tree shallow. Rejected: lazy cancellation, which holds memory and
 * needs counters that drift.
 */
#include "loop/timeouts.h"

#include "base/check.h"

#define CHILDREN 4

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

	if (child >= timeouts->heaped)
		return timeouts->heaped;
	if (end > timeouts->heaped)
		end = timeouts->heaped;
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

	while ((child = first_child(timeouts, place)) < timeouts->heaped) {
		if (!before(&timeouts->heap[child], &key))
			break;
		put(timeouts, place, &timeouts->heap[child]);
		place = child;
	}
	put(timeouts, place, &key);
}

void
gyre__heap_remove(struct gyre__timeouts *timeouts, uint32_t number)
{
	uint32_t place = timeouts->places[number];
	struct gyre__timeout_key last = timeouts->heap[--timeouts->heaped];

	if (place == timeouts->heaped)
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

void
gyre__heap_add(struct gyre__timeouts *timeouts, uint32_t number)
{
	timeouts->slots[number].state = GYRE__TIMEOUT_HEAPED;
	sift_up(timeouts, timeouts->heaped++, key_of(timeouts, number));
}

bool
gyre__heap_has_second(const struct gyre__timeouts *timeouts, int64_t when_ns)
{
	uint32_t second = first_child(timeouts, 0);

	return second < timeouts->heaped &&
	       timeouts->heap[second].when_ns <= when_ns;
}

/* -- for tests ------------------------------------------------------------ */

void
gyre__heap_validate(const struct gyre__timeouts *timeouts)
{
	for (uint32_t place = 0; place < timeouts->heaped; place++) {
		const struct gyre__timeout_key *key = &timeouts->heap[place];
		const struct gyre__timeout_slot *slot;

		GYRE_INSIST(key->slot < timeouts->used);
		GYRE_INSIST(timeouts->slots[key->slot].state ==
			    GYRE__TIMEOUT_HEAPED);
		GYRE_INSIST(timeouts->places[key->slot] == place);
		GYRE_INSIST(gyre__tick_of(key->when_ns) <= timeouts->tick);
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
