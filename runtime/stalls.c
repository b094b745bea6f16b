#include "runtime/stalls.h"

void
gyre__stalls_init(struct gyre__stalls *stalls, struct gyre__stall_sum *sums)
{
	*stalls = (struct gyre__stalls){ .sums = sums };
	pthread_mutex_init(&stalls->mutex, NULL);
}

void
gyre__stalls_fini(struct gyre__stalls *stalls)
{
	pthread_mutex_destroy(&stalls->mutex);
}

static struct gyre_stall *
place_of(struct gyre__stalls *stalls, uint64_t number)
{
	return &stalls->latest[(number - 1) % GYRE_STALLS_KEPT];
}

uint64_t
gyre__stalls_add(struct gyre__stalls *stalls, const struct gyre_stall *stall)
{
	uint64_t number;

	pthread_mutex_lock(&stalls->mutex);
	number = ++stalls->count;
	*place_of(stalls, number) = *stall;
	stalls->sums[stall->shard].stalls++;
	stalls->sums[stall->shard].stalled_ns += stall->duration_ns;
	pthread_mutex_unlock(&stalls->mutex);
	return number;
}

void
gyre__stalls_extend(struct gyre__stalls *stalls, uint64_t number,
		    unsigned shard, int64_t more_ns, bool is_over)
{
	pthread_mutex_lock(&stalls->mutex);
	stalls->sums[shard].stalled_ns += more_ns;
	/* Others may have taken its place. */
	if (stalls->count - number < GYRE_STALLS_KEPT) {
		place_of(stalls, number)->duration_ns += more_ns;
		place_of(stalls, number)->is_over = is_over;
	}
	pthread_mutex_unlock(&stalls->mutex);
}

unsigned
gyre__stalls_read(struct gyre__stalls *stalls,
		  struct gyre_stall ret_latest[GYRE_STALLS_KEPT])
{
	unsigned count = 0;

	pthread_mutex_lock(&stalls->mutex);
	while (count < GYRE_STALLS_KEPT && count < stalls->count) {
		ret_latest[count] = *place_of(stalls, stalls->count - count);
		count++;
	}
	pthread_mutex_unlock(&stalls->mutex);
	return count;
}

struct gyre__stall_sum
gyre__stalls_of(struct gyre__stalls *stalls, unsigned shard)
{
	struct gyre__stall_sum sum;

	pthread_mutex_lock(&stalls->mutex);
	sum = stalls->sums[shard];
	pthread_mutex_unlock(&stalls->mutex);
	return sum;
}
