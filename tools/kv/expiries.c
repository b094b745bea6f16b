/*
 * Entries of one time are told apart by where they are, so that each is found
 * again without a look at any.
 */
#include "expiries.h"

#include "check.h"
#include "entry.h"

void
expiries_init(struct expiries *expiries, struct budget *budget)
{
	sequence_init(&expiries->order, budget);
}

/* Times before 1970 come first. */
static struct cell
cell_of(struct entry *entry)
{
	return (struct cell){
		.order = (uint64_t)entry->expires_ms ^ UINT64_C(1) << 63,
		.pointer = entry,
	};
}

static bool
is_before(const struct cell *cell, const void *arg)
{
	const struct cell *other = arg;

	if (cell->order != other->order)
		return cell->order < other->order;
	return (uintptr_t)cell->pointer < (uintptr_t)other->pointer;
}

void
expiries_add(struct expiries *expiries, struct entry *entry)
{
	struct cell cell = cell_of(entry);
	size_t index = sequence_search(&expiries->order, is_before, &cell);

	KV_INSIST(!entry->listed);
	entry->listed = sequence_insert(&expiries->order, index, cell) == 0;
}

void
expiries_remove(struct expiries *expiries, struct entry *entry)
{
	struct cell cell = cell_of(entry);
	size_t index = sequence_search(&expiries->order, is_before, &cell);

	cell = sequence_remove(&expiries->order, index);
	KV_INSIST(cell.pointer == entry);
	entry->listed = false;
}

struct entry *
expiries_first(const struct expiries *expiries)
{
	if (expiries->order.count == 0)
		return NULL;
	return sequence_at(&expiries->order, 0)->pointer;
}

void
expiries_drop_one(struct expiries *expiries)
{
	if (expiries->order.count > 0)
		sequence_remove(&expiries->order, expiries->order.count - 1);
}
