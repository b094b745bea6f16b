/*
 * uthash finds a bucket by the hash's low bits and only ever doubles the
 * table (an emptied one begins anew), which is all the reversed cursor needs.
 */
#include "scan.h"

static uint64_t
reverse_bits(uint64_t value)
{
	uint64_t reversed = 0;

	for (int i = 0; i < 64; i++) {
		reversed = reversed << 1 | (value & 1);
		value >>= 1;
	}
	return reversed;
}

/* Count up in the mask's bits, the highest one first. */
static uint64_t
next_cursor(uint64_t cursor, uint64_t mask)
{
	cursor |= ~mask;
	return reverse_bits(reverse_bits(cursor) + 1);
}

uint64_t
scan_bucket(struct store *store, uint64_t cursor, scan_fn visit, void *arg)
{
	UT_hash_table *table;
	UT_hash_handle *handle;
	uint64_t mask;
	int64_t now_ms;

	if (store->entries == NULL)
		return 0;
	table = store->entries->hh.tbl;
	mask = table->num_buckets - 1;
	now_ms = store->expiring > 0 ? store_now_ms(store) : INT64_MIN;
	handle = table->buckets[cursor & mask].hh_head;
	for (; handle != NULL; handle = handle->hh_next) {
		struct entry *entry = ELMT_FROM_HH(table, handle);

		if (entry->expires_ms == ENTRY_FOREVER ||
		    entry->expires_ms >= now_ms)
			visit(entry, arg);
	}
	return next_cursor(cursor, mask);
}
