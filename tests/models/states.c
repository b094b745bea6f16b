/* Open addressing with linear probes, doubled when half full. */
#include "tests/models/states.h"

#include <stdlib.h>

#define FIRST_CAPACITY (1u << 16)

static bool
is_empty(const struct machine_key *slot)
{
	return slot->words[0] == 0 && slot->words[1] == 0;
}

static bool
is_equal(const struct machine_key *a, const struct machine_key *b)
{
	return a->words[0] == b->words[0] && a->words[1] == b->words[1];
}

static void
allocate_slots(struct states *states, size_t capacity)
{
	states->slots = calloc(capacity, sizeof(*states->slots));
	if (states->slots == NULL)
		abort();
	states->capacity = capacity;
	states->count = 0;
}

void
states_init(struct states *states)
{
	allocate_slots(states, FIRST_CAPACITY);
}

void
states_fini(struct states *states)
{
	free(states->slots);
	*states = (struct states){ 0 };
}

static struct machine_key *
find_slot(const struct states *states, const struct machine_key *key)
{
	size_t at = key->words[0] & (states->capacity - 1);

	while (!is_empty(&states->slots[at]) &&
	       !is_equal(&states->slots[at], key))
		at = (at + 1) & (states->capacity - 1);
	return &states->slots[at];
}

static void
grow(struct states *states)
{
	struct states old = *states;

	allocate_slots(states, old.capacity * 2);
	for (size_t i = 0; i < old.capacity; i++)
		if (!is_empty(&old.slots[i]))
			*find_slot(states, &old.slots[i]) = old.slots[i];
	states->count = old.count;
	free(old.slots);
}

bool
states_add(struct states *states, struct machine_key key)
{
	struct machine_key *slot;

	if (states->count * 2 >= states->capacity)
		grow(states);
	slot = find_slot(states, &key);
	if (!is_empty(slot))
		return false;
	*slot = key;
	states->count++;
	return true;
}
