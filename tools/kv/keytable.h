/*
 * A table from bytes to whatever embeds a node, which grows and shrinks one
 * bucket at a time: no addition or removal takes long, however many keys.
 *
 * It is a linear hash table. Buckets are added in their order, and each takes
 * over what is its own from one other, its parent. So what an addition costs
 * is bounded by the length of two chains, there is never a second table, and
 * the buckets lie in segments of which none ever moves or is freed for the
 * table's growth.
 *
 *   struct entry { struct keytable_node node; ... char key[]; };
 *   keytable_init(&table, offsetof(struct entry, key), &budget);
 *   node = keytable_find(&table, hash, key, length);
 *
 * The key lies in what embeds the node, the hash is the caller's. Out of
 * memory while it grows only makes chains longer; it grows later.
 */
#ifndef KV_KEYTABLE_H
#define KV_KEYTABLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A segment's buckets; only the first one is ever smaller. */
#define KEYTABLE_SEGMENT_BITS 12
#define KEYTABLE_SEGMENT      ((size_t)1 << KEYTABLE_SEGMENT_BITS)

/* The first member of what is in a table. */
struct keytable_node {
	struct keytable_node *next; /* of the bucket */
	uint32_t hash;
	uint32_t length; /* of the key */
};

struct budget;

struct keytable {
	struct keytable_node ***segments;
	size_t mask;    /* of the hash: a power of two, at least buckets, - 1 */
	size_t buckets; /* in use; 0: nothing was ever added */
	size_t count;   /* of keys */
	size_t key_offset;
	struct budget *budget; /* that the table's own memory is counted in */
	size_t first_capacity; /* buckets that the first segment has */
	size_t segments_capacity; /* places for segments */
};

typedef void (*keytable_fn)(struct keytable_node *node, void *arg);

/* Begin; the key of a node is so many bytes behind it. */
void keytable_init(struct keytable *table, size_t key_offset,
		   struct budget *budget);

/* Free the table, which holds no keys any more. */
void keytable_free(struct keytable *table);

/*
 * Add a node whose key is not there; its key, hash and length are set. 0 or
 * -ENOMEM, which only the first node that is ever added can meet.
 */
int keytable_add(struct keytable *table, struct keytable_node *node);

/* Remove a node that is there. */
void keytable_remove(struct keytable *table, struct keytable_node *node);

/* Remove any node, the cheapest to find; NULL: there is none. */
struct keytable_node *keytable_pop(struct keytable *table);

/*
 * Visit the nodes of one bucket and return the cursor of the next, 0 after the
 * last; begin with 0. The table may change between two calls, but not in one:
 * a key that is there from the walk's begin to its end is met at least once,
 * others may be, some twice.
 */
uint64_t keytable_scan(const struct keytable *table, uint64_t cursor,
		       keytable_fn visit, void *arg);

/* How much memory the table takes at most when it next grows. */
size_t keytable_next_size(const struct keytable *table);

/* How much memory the table takes, without what is in it. */
size_t keytable_memory(const struct keytable *table);

/* Visit every node; the table stays as it is meanwhile. */
void keytable_walk(const struct keytable *table, keytable_fn visit, void *arg);

/*
 * Return a node that a random number chooses: each bucket as often as the
 * hashes that it has, each of its nodes alike. There is one at least.
 */
struct keytable_node *keytable_choose(const struct keytable *table,
				      uint64_t *random);

/* Abort unless each node is in its bucket and all are counted. */
void keytable_validate(const struct keytable *table);

/* The bucket that has a hash: those that are not there yet are their parent. */
static inline struct keytable_node **
keytable_bucket(const struct keytable *table, uint32_t hash)
{
	size_t index = hash & table->mask;

	if (index >= table->buckets)
		index &= table->mask >> 1;
	return &table->segments[index >> KEYTABLE_SEGMENT_BITS]
			       [index & (KEYTABLE_SEGMENT - 1)];
}

static inline const char *
keytable_key(const struct keytable *table, const struct keytable_node *node)
{
	return (const char *)node + table->key_offset;
}

/* Find a key; NULL: it is not there. */
static inline struct keytable_node *
keytable_find(const struct keytable *table, uint32_t hash, const char *key,
	      size_t length)
{
	struct keytable_node *node;

	if (table->count == 0)
		return NULL;
	node = *keytable_bucket(table, hash);
	while (node != NULL &&
	       (node->hash != hash || node->length != length ||
		memcmp(keytable_key(table, node), key, length) != 0))
		node = node->next;
	return node;
}

#endif
