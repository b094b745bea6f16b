/*
 * Walking a store's keys in pieces while it changes. A key that is there from
 * the walk's begin to its end is met at least once; others may be, some twice.
 */
#ifndef KV_SCAN_H
#define KV_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "store.h"

typedef void (*scan_fn)(const struct entry *entry, void *arg);

/*
 * Visit the keys of one bucket and return the cursor of the next, 0 after the
 * last; begin with 0. Keys that have expired are passed over.
 */
uint64_t scan_bucket(struct store *store, uint64_t cursor, scan_fn visit,
		     void *arg);

#endif
