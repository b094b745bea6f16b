/*
 * Linear hashing (Litwin, 1980). With n buckets and 2^k < n <= 2^(k+1), those
 * below n - 2^k and those from 2^k on go by k + 1 bits of the hash, the others
 * by k. Adding bucket n splits bucket n - 2^k, removing the last one joins
 * both again.
 *
 * Rejected: two tables and a walk that moves keys from the one to the other,
 * as Redis does, since each look-up meanwhile is two, and since the old
 * table's memory, tens of megabytes, is given back in one moment.
 */
#include "keytable.h"

#include <errno.h>
#include <stdlib.h>

#include "budget.h"
#include "check.h"

#define BUCKETS_MIN 4

/* Below one key in so many buckets the table shrinks, by as many at a time. */
#define SPARSE 4

/* Of a bucket, when a key is chosen: one chain in a million is longer. */
#define CHOICE_PLACES 8

/* Who fell behind for want of memory catches up: so many at a time. */
#define SPLITS_MAX 2

void
keytable_init(struct keytable *table, size_t key_offset, struct budget *budget)
{
	*table =
		(struct keytable){ .key_offset = key_offset, .budget = budget };
}

static size_t
segment_size(size_t capacity)
{
	return budget_size(capacity * sizeof(struct keytable_node *));
}

/* What so many places for segments take. */
static size_t
directory_size(size_t capacity)
{
	return budget_size(capacity * sizeof(struct keytable_node **));
}

void
keytable_free(struct keytable *table)
{
	KV_INSIST(table->count == 0);
	for (size_t at = KEYTABLE_SEGMENT; at < table->buckets;
	     at += KEYTABLE_SEGMENT) {
		free(table->segments[at >> KEYTABLE_SEGMENT_BITS]);
		budget_sub(table->budget, segment_size(KEYTABLE_SEGMENT));
	}
	if (table->segments != NULL)
		free(table->segments[0]);
	free(table->segments);
	budget_sub(table->budget, segment_size(table->first_capacity));
	budget_sub(table->budget, directory_size(table->segments_capacity));
	keytable_init(table, table->key_offset, table->budget);
}

static struct keytable_node **
bucket_at(const struct keytable *table, size_t index)
{
	return &table->segments[index >> KEYTABLE_SEGMENT_BITS]
			       [index & (KEYTABLE_SEGMENT - 1)];
}

static size_t
parent_of(const struct keytable *table, size_t index)
{
	return index & (table->mask >> 1);
}

/* -- room ------------------------------------------------------------------ */

size_t
keytable_next_size(const struct keytable *table)
{
	size_t capacity =
		table->first_capacity > 0 ? table->first_capacity : BUCKETS_MIN;

	return segment_size(capacity) +
	       directory_size(table->segments_capacity + 1);
}

size_t
keytable_memory(const struct keytable *table)
{
	size_t segments = table->buckets >> KEYTABLE_SEGMENT_BITS;

	if ((table->buckets & (KEYTABLE_SEGMENT - 1)) != 0)
		segments++;
	return directory_size(table->segments_capacity) +
	       segment_size(table->first_capacity) +
	       (segments > 1 ? segments - 1 : 0) *
		       segment_size(KEYTABLE_SEGMENT);
}

/* Make the first segment so large; what it holds is kept. 0 or -ENOMEM. */
static int
resize_first(struct keytable *table, size_t capacity)
{
	struct keytable_node **segment = realloc(
		table->segments[0], capacity * sizeof(struct keytable_node *));

	if (segment == NULL)
		return -ENOMEM;
	table->segments[0] = segment;
	budget_sub(table->budget, segment_size(table->first_capacity));
	budget_add(table->budget, segment_size(capacity));
	table->first_capacity = capacity;
	return 0;
}

static int
grow_directory(struct keytable *table)
{
	size_t capacity =
		table->segments_capacity > 0 ? table->segments_capacity * 2 : 1;
	struct keytable_node ***segments =
		realloc(table->segments, capacity * sizeof(*segments));

	if (segments == NULL)
		return -ENOMEM;
	segments[table->segments_capacity] = NULL;
	table->segments = segments;
	budget_sub(table->budget, directory_size(table->segments_capacity));
	budget_add(table->budget, directory_size(capacity));
	table->segments_capacity = capacity;
	return 0;
}

/* Make room for one more bucket behind the last. 0 or -ENOMEM. */
static int
reserve(struct keytable *table)
{
	size_t index = table->buckets >> KEYTABLE_SEGMENT_BITS;
	struct keytable_node **segment;

	if (table->buckets < table->first_capacity)
		return 0;
	if (table->first_capacity < KEYTABLE_SEGMENT)
		return resize_first(table, table->first_capacity * 2);
	if ((table->buckets & (KEYTABLE_SEGMENT - 1)) != 0)
		return 0;
	if (index == table->segments_capacity && grow_directory(table) < 0)
		return -ENOMEM;
	segment = malloc(KEYTABLE_SEGMENT * sizeof(struct keytable_node *));
	if (segment == NULL)
		return -ENOMEM;
	table->segments[index] = segment;
	budget_add(table->budget, segment_size(KEYTABLE_SEGMENT));
	return 0;
}

/* Give back what the bucket that has just been the last needed alone. */
static void
release(struct keytable *table)
{
	size_t index = table->buckets >> KEYTABLE_SEGMENT_BITS;

	if (index > 0) {
		if ((table->buckets & (KEYTABLE_SEGMENT - 1)) != 0)
			return;
		free(table->segments[index]);
		budget_sub(table->budget, segment_size(KEYTABLE_SEGMENT));
	} else if (table->buckets <= table->first_capacity / SPARSE &&
		   table->buckets >= BUCKETS_MIN) {
		/* If it can't be made smaller it stays as it is. */
		(void)resize_first(table, table->first_capacity / 2);
	}
}

static int
begin(struct keytable *table)
{
	if (table->segments == NULL && grow_directory(table) < 0)
		return -ENOMEM;
	if (resize_first(table, BUCKETS_MIN) < 0)
		return -ENOMEM;
	memset(table->segments[0], 0,
	       BUCKETS_MIN * sizeof(struct keytable_node *));
	table->buckets = BUCKETS_MIN;
	table->mask = BUCKETS_MIN - 1;
	return 0;
}

/* -- growth ---------------------------------------------------------------- */

/* Add a bucket, and move to it what is its own. 0 or -ENOMEM. */
static int
split(struct keytable *table)
{
	size_t index = table->buckets;
	struct keytable_node **parent;
	struct keytable_node **child;

	if (reserve(table) < 0)
		return -ENOMEM;
	if (index > table->mask)
		table->mask = table->mask * 2 + 1;
	parent = bucket_at(table, parent_of(table, index));
	child = bucket_at(table, index);
	while (*parent != NULL) {
		if (((*parent)->hash & table->mask) == index) {
			*child = *parent;
			*parent = (*parent)->next;
			child = &(*child)->next;
		} else {
			parent = &(*parent)->next;
		}
	}
	*child = NULL;
	table->buckets++;
	return 0;
}

/* Remove the last bucket; what it has goes to its parent. */
static void
join(struct keytable *table)
{
	size_t index = table->buckets - 1;
	struct keytable_node **parent;

	if (*bucket_at(table, index) != NULL) {
		parent = bucket_at(table, parent_of(table, index));
		while (*parent != NULL)
			parent = &(*parent)->next;
		*parent = *bucket_at(table, index);
	}
	table->buckets = index;
	if (index == table->mask / 2 + 1)
		table->mask /= 2;
	release(table);
}

static void
shrink(struct keytable *table)
{
	for (int i = 0; i < SPARSE && table->buckets > BUCKETS_MIN &&
			table->count < table->buckets / SPARSE;
	     i++)
		join(table);
}

/* -- keys ------------------------------------------------------------------ */

int
keytable_add(struct keytable *table, struct keytable_node *node)
{
	struct keytable_node **bucket;

	if (table->buckets == 0 && begin(table) < 0)
		return -ENOMEM;
	bucket = keytable_bucket(table, node->hash);
	node->next = *bucket;
	*bucket = node;
	table->count++;
	for (int i = 0; i < SPLITS_MAX && table->count > table->buckets; i++) {
		if (split(table) < 0)
			break;
	}
	return 0;
}

void
keytable_remove(struct keytable *table, struct keytable_node *node)
{
	struct keytable_node **at = keytable_bucket(table, node->hash);

	while (*at != node) {
		KV_INSIST(*at != NULL);
		at = &(*at)->next;
	}
	*at = node->next;
	table->count--;
	shrink(table);
}

/* Find the last bucket that is not empty; those behind it are removed. */
static struct keytable_node **
last_used(struct keytable *table)
{
	size_t index;

	while (table->buckets > BUCKETS_MIN &&
	       *bucket_at(table, table->buckets - 1) == NULL)
		join(table);
	index = table->buckets - 1;
	while (*bucket_at(table, index) == NULL) {
		KV_INSIST(index > 0);
		index--;
	}
	return bucket_at(table, index);
}

struct keytable_node *
keytable_pop(struct keytable *table)
{
	struct keytable_node **last;
	struct keytable_node *node;

	if (table->count == 0)
		return NULL;
	last = last_used(table);
	node = *last;
	*last = node->next;
	table->count--;
	return node;
}

/* -- walking --------------------------------------------------------------- */

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

/* The bits of the hash that the keys of a bucket have in common. */
static size_t
mask_of(const struct keytable *table, size_t index)
{
	size_t half = table->mask / 2 + 1;

	if (index >= half || index + half < table->buckets)
		return table->mask;
	return table->mask / 2;
}

/*
 * The cursor is a hash with its bits reversed: in that order a bucket's keys
 * are neighbours, whether it has been split or joined. So a walk goes on
 * behind the bucket that now has the place where it is, and has met what is
 * before that, whatever the buckets were then.
 */
uint64_t
keytable_scan(const struct keytable *table, uint64_t cursor, keytable_fn visit,
	      void *arg)
{
	struct keytable_node *node;
	size_t index;

	if (table->count == 0)
		return 0;
	index = cursor & table->mask;
	if (index >= table->buckets)
		index = parent_of(table, index);
	for (node = *bucket_at(table, index); node != NULL; node = node->next)
		visit(node, arg);
	return next_cursor(cursor, mask_of(table, index));
}

void
keytable_walk(const struct keytable *table, keytable_fn visit, void *arg)
{
	for (size_t i = 0; i < table->buckets; i++) {
		struct keytable_node *node = *bucket_at(table, i);

		for (; node != NULL; node = node->next)
			visit(node, arg);
	}
}

/* Xorshift (Marsaglia, 2003): what is chosen need not be hard to guess. */
static uint64_t
next_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/*
 * A bucket is drawn, and a place in it of which there are as many in each; if
 * nobody is there, again. So every key is as likely as every other, but that
 * one in a chain which is longer than the places comes a little too seldom.
 */
struct keytable_node *
keytable_choose(const struct keytable *table, uint64_t *random)
{
	struct keytable_node *node;
	struct keytable_node *first;
	uint64_t number;
	size_t length;

	KV_INSIST(table->count > 0);
	do {
		number = next_random(random);
		first = *bucket_at(table,
				   (number >> 32) * table->buckets >> 32);
		length = 0;
		for (node = first; node != NULL; node = node->next)
			length++;
	} while (length <= number % CHOICE_PLACES);
	for (number = (uint32_t)number %
		      (length > CHOICE_PLACES ? length : CHOICE_PLACES);
	     number > 0; number--)
		first = first->next;
	return first;
}

void
keytable_validate(const struct keytable *table)
{
	size_t count = 0;

	KV_INSIST((table->mask & (table->mask + 1)) == 0);
	KV_INSIST(table->buckets == 0 || (table->buckets <= table->mask + 1 &&
					  table->buckets > table->mask / 2));
	for (size_t i = 0; i < table->buckets; i++) {
		const struct keytable_node *node = *bucket_at(table, i);

		for (; node != NULL; node = node->next) {
			KV_INSIST(keytable_bucket(table, node->hash) ==
				  bucket_at(table, i));
			count++;
		}
	}
	KV_INSIST(count == table->count);
}
