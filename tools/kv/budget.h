/*
 * How much memory a shard's keys take, and how much they may.
 *
 * What is counted are the allocations of keys, values and their tables, as
 * the allocator rounds them: not clients' buffers, which have limits of their
 * own. All shards share one pool, from which each claims more than it needs
 * at the moment, so that the pool is seldom touched: together they never claim
 * more than there is but for what one command takes beyond its estimate.
 */
#ifndef KV_BUDGET_H
#define KV_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All shards'. */
struct budget_pool {
	/* -- immutable after start -- */
	size_t max;   /* 0: no limit */
	size_t chunk; /* what a shard claims at a time */
	/* -- any thread, atomic -- */
	/*
	 * What nobody has claimed; below 0 if a shard took more than it had
	 * said. Relaxed: it is a sum, and orders nothing.
	 */
	atomic_llong left;
};

/* One shard's; touched on its loop alone. */
struct budget {
	struct budget_pool *pool; /* NULL: no limit */
	size_t used;
	size_t claimed;
};

void budget_pool_init(struct budget_pool *pool, size_t max, unsigned shards);

/* Begin; without a pool, or if it has no limit, all is allowed. */
void budget_init(struct budget *budget, struct budget_pool *pool);

/* Tell whether so much more may be taken, and see to it that it is there. */
bool budget_reserve(struct budget *budget, size_t more);

/* Memory was taken, reserved or not, or given back. */
void budget_add(struct budget *budget, size_t size);
void budget_sub(struct budget *budget, size_t size);

/*
 * What an allocation of a size takes: glibc puts a word before each and
 * rounds to 16, at least to 32.
 */
static inline size_t
budget_size(size_t size)
{
	if (size == 0)
		return 0;
	return size <= 24 ? 32 : (size + 8 + 15) & ~(size_t)15;
}

#endif
