/*
 * A pool is its lanes. Each has a mutex, a queue and threads of its own:
 * rejected was one set of threads that serves several queues, in which jobs
 * that block would still hold what those of another lane wait for.
 */
#include <gyre/pool.h>

#include "base/check.h"
#include "base/fork.h"
#include "pool/plan.h"
#include "pool/pool.h"

#include <errno.h>
#include <string.h>

struct gyre_pool {
	/* -- immutable after new -- */
	const struct gyre_sys *sys;
	uint32_t forks;
	unsigned lanes_count;
	struct gyre__pool_lane *lanes[];
};

/* -- life ---------------------------------------------------------------- */

static void
free_lanes(struct gyre_pool *pool)
{
	while (pool->lanes_count > 0)
		gyre__pool_lane_free(pool->lanes[--pool->lanes_count]);
	pool->sys->release(pool);
}

static int
make_lanes(const struct gyre_pool_options *options, const struct gyre_sys *sys,
	   const struct gyre__lane_plan *plans, struct gyre_pool **ret_pool)
{
	unsigned lanes_count = GYRE__LANES_BUILTIN + options->lanes_count;
	struct gyre_pool *pool;
	int result = 0;

	pool = gyre__allocate(
		sys, sizeof(*pool) + lanes_count * sizeof(pool->lanes[0]), 0);
	if (pool == NULL)
		return -ENOMEM;
	pool->sys = sys;
	pool->forks = gyre__forks();
	while (pool->lanes_count < lanes_count && result == 0) {
		unsigned i = pool->lanes_count;

		result = gyre__pool_lane_new(&plans[i], sys, &options->log,
					     &pool->lanes[i]);
		if (result == 0)
			pool->lanes_count++;
	}
	if (result < 0)
		free_lanes(pool);
	else
		*ret_pool = pool;
	return result;
}

int
gyre_pool_new(const struct gyre_pool_options *options,
	      struct gyre_pool **ret_pool)
{
	const struct gyre_pool_options defaults = { 0 };
	const struct gyre_sys *sys;
	struct gyre__lane_plan *plans;
	int result;

	GYRE_REQUIRE(ret_pool != NULL);
	if (options == NULL)
		options = &defaults;
	sys = gyre__sys(options->_sys);
	plans = gyre__allocate(sys,
			       (GYRE__LANES_BUILTIN + GYRE_POOL_LANES_MAX) *
				       sizeof(*plans),
			       0);
	if (plans == NULL)
		return -ENOMEM;
	result = gyre__pool_plan(options, sys, plans);
	if (result == 0)
		result = make_lanes(options, sys, plans, ret_pool);
	sys->release(plans);
	return result;
}

int
gyre_pool_shut_down(struct gyre_pool *pool, enum gyre_shut_down how,
		    int64_t deadline_ns)
{
	int result = 0;

	for (unsigned i = 0; i < pool->lanes_count && result == 0; i++)
		result = gyre__pool_close(pool->lanes[i], how);
	if (result < 0)
		return result;
	for (unsigned i = 0; i < pool->lanes_count; i++) {
		int one = gyre__pool_await_end(pool->lanes[i], deadline_ns);

		if (one < 0)
			result = one;
	}
	return result;
}

void
gyre_pool_free(struct gyre_pool *pool)
{
	/* In a fork its threads do not exist, and its mutexes may be held by
	 * them. */
	if (pool == NULL || gyre__is_fork(pool->forks))
		return;
	(void)!gyre_pool_shut_down(pool, GYRE_SHUT_DOWN_CANCEL, GYRE_FOREVER);
	free_lanes(pool);
}

int
gyre__pool_halt(struct gyre_pool *pool, int64_t deadline_ns)
{
	int result = 0;

	for (unsigned i = 0; i < pool->lanes_count; i++) {
		int one = gyre__pool_lane_halt(pool->lanes[i], deadline_ns);

		if (one < 0)
			result = one;
	}
	return result;
}

void
gyre__pool_go_on(struct gyre_pool *pool)
{
	for (unsigned i = 0; i < pool->lanes_count; i++)
		gyre__pool_lane_go_on(pool->lanes[i]);
}

void
gyre__pool_jobs(struct gyre_pool *pool, struct gyre__jobs *ret_jobs)
{
	*ret_jobs = (struct gyre__jobs){ 0 };
	for (unsigned i = 0; i < pool->lanes_count; i++)
		gyre__pool_lane_add_jobs(pool->lanes[i], ret_jobs);
}

unsigned
gyre__pool_jobs_of(struct gyre_pool *pool, const struct gyre_inbox *source)
{
	unsigned count = 0;

	for (unsigned i = 0; i < pool->lanes_count; i++)
		count += gyre__pool_lane_jobs_of(pool->lanes[i], source);
	return count;
}

/* -- lanes --------------------------------------------------------------- */

static struct gyre__pool_lane *
find_lane(const struct gyre_pool *pool, const char *name)
{
	for (unsigned i = 0; i < pool->lanes_count; i++)
		if (strcmp(pool->lanes[i]->plan.name, name) == 0)
			return pool->lanes[i];
	return NULL;
}

struct gyre_executor *
gyre_pool_executor(struct gyre_pool *pool)
{
	return &pool->lanes[GYRE__LANE_BLOCKING]->executor;
}

struct gyre_executor *
gyre_pool_lane(struct gyre_pool *pool, const char *name)
{
	struct gyre__pool_lane *lane = find_lane(pool, name);

	return lane != NULL ? &lane->executor : NULL;
}

const char *
gyre_pool_lane_name(const struct gyre_pool *pool, unsigned lane)
{
	return lane < pool->lanes_count ? pool->lanes[lane]->plan.name : NULL;
}

int
gyre_pool_get_lane_stats(struct gyre_pool *pool, const char *name,
			 struct gyre_pool_stats *ret_stats)
{
	struct gyre__pool_lane *lane = find_lane(pool, name);

	/* A worker may have held the lane's mutex. */
	if (gyre__is_fork(pool->forks))
		return -EPERM;
	if (lane == NULL)
		return -ENOENT;
	*ret_stats = (struct gyre_pool_stats){ 0 };
	gyre__pool_lane_add_stats(lane, ret_stats);
	return 0;
}

void
gyre_pool_get_stats(struct gyre_pool *pool, struct gyre_pool_stats *ret_stats)
{
	*ret_stats = (struct gyre_pool_stats){ 0 };
	if (gyre__is_fork(pool->forks))
		return;
	for (unsigned i = 0; i < pool->lanes_count; i++)
		gyre__pool_lane_add_stats(pool->lanes[i], ret_stats);
}
