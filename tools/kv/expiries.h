/*
 * Which entries expire, by when: a sequence of them, the next one first.
 */
#ifndef KV_EXPIRIES_H
#define KV_EXPIRIES_H

#include "sequence.h"

struct entry;

struct expiries {
	struct sequence order;
};

/* Begin. */
void expiries_init(struct expiries *expiries, struct budget *budget);

/*
 * Add an entry, whose time is set; without memory it is not added, and is
 * `listed` or not accordingly.
 */
void expiries_add(struct expiries *expiries, struct entry *entry);

/* Remove an entry that is listed, before its time changes. */
void expiries_remove(struct expiries *expiries, struct entry *entry);

/* Return the entry that expires first; NULL: none does. */
struct entry *expiries_first(const struct expiries *expiries);

/*
 * Forget any of the entries, all of which go: who does so for each of them has
 * none left.
 */
void expiries_drop_one(struct expiries *expiries);

#endif
