/*
 * Rejected: an equal part of the limit for each shard, since one that has the
 * large values would be full while others are empty; one counter for all,
 * since every command that writes would write to it.
 */
#include "budget.h"

#include "check.h"

#define CHUNK_MAX ((size_t)1024 * 1024)

/* What all shards have claimed and don't use is a part of this of the limit. */
#define CHUNKS 64

void
budget_pool_init(struct budget_pool *pool, size_t max, unsigned shards)
{
	size_t chunk = max / (CHUNKS * shards);

	pool->max = max;
	pool->chunk = chunk < CHUNK_MAX ? chunk : CHUNK_MAX;
	atomic_init(&pool->left, (long long)max);
}

void
budget_init(struct budget *budget, struct budget_pool *pool)
{
	bool limited = pool != NULL && pool->max > 0;

	*budget = (struct budget){ .pool = limited ? pool : NULL };
}

static bool
claim(struct budget *budget, size_t size)
{
	struct budget_pool *pool = budget->pool;
	/* Relaxed: see the field. */
	long long left =
		atomic_load_explicit(&pool->left, memory_order_relaxed);

	do {
		if (left < (long long)size)
			return false;
		/* Relaxed: see the field. */
	} while (!atomic_compare_exchange_weak_explicit(
		&pool->left, &left, left - (long long)size,
		memory_order_relaxed, memory_order_relaxed));
	budget->claimed += size;
	return true;
}

bool
budget_reserve(struct budget *budget, size_t more)
{
	size_t missing;

	if (budget->pool == NULL || budget->used + more <= budget->claimed)
		return true;
	missing = budget->used + more - budget->claimed;
	return claim(budget, missing + budget->pool->chunk) ||
	       claim(budget, missing);
}

void
budget_add(struct budget *budget, size_t size)
{
	size_t missing;

	budget->used += size;
	if (budget->pool == NULL || budget->used <= budget->claimed)
		return;
	missing = budget->used - budget->claimed;
	budget->claimed += missing;
	/* Relaxed: see the field. */
	atomic_fetch_sub_explicit(&budget->pool->left, (long long)missing,
				  memory_order_relaxed);
}

void
budget_sub(struct budget *budget, size_t size)
{
	size_t spare;

	KV_INSIST(size <= budget->used);
	budget->used -= size;
	if (budget->pool == NULL ||
	    budget->claimed - budget->used <= 2 * budget->pool->chunk)
		return;
	spare = budget->claimed - budget->used - budget->pool->chunk;
	budget->claimed -= spare;
	/* Relaxed: see the field. */
	atomic_fetch_add_explicit(&budget->pool->left, (long long)spare,
				  memory_order_relaxed);
}
