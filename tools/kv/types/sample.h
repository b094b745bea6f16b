/*
 * Random elements of a table.
 */
#ifndef KV_SAMPLE_H
#define KV_SAMPLE_H

#include "keytable.h"

/*
 * Visit so many different nodes, less than there are, that chance chooses. 0
 * or -ENOMEM, then none has been visited.
 */
int sample_nodes(const struct keytable *table, size_t count, uint64_t *random,
		 keytable_fn visit, void *arg);

#endif
