/*
 * What passes an entry over is the store's doing; the walk is the table's.
 */
#include "scan.h"

struct visitor {
	scan_fn visit;
	void *arg;
	int64_t now_ms;
};

static void
visit_living(struct keytable_node *node, void *arg)
{
	const struct entry *entry = (const struct entry *)node;
	const struct visitor *visitor = arg;

	if (entry->expires_ms == ENTRY_FOREVER ||
	    entry->expires_ms >= visitor->now_ms)
		visitor->visit(entry, visitor->arg);
}

uint64_t
scan_bucket(struct store *store, uint64_t cursor, scan_fn visit, void *arg)
{
	struct visitor visitor = {
		.visit = visit,
		.arg = arg,
		.now_ms = store->expiring > 0 ? store_now_ms(store) : INT64_MIN,
	};

	return keytable_scan(&store->keys, cursor, visit_living, &visitor);
}
