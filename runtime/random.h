/*
 * Random numbers of a seed: splitmix64, whose every seed is as good as any
 * other, and which is the same on every machine.
 */
#ifndef GYRE_RUNTIME_RANDOM_H
#define GYRE_RUNTIME_RANDOM_H

#include <stdint.h>

static inline uint64_t
gyre__random_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Less than `limit`, which is not 0; the bias is nobody's concern here. */
static inline uint64_t
gyre__random_below(uint64_t *state, uint64_t limit)
{
	return gyre__random_next(state) % limit;
}

#endif
