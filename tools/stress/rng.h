/*
 * Random numbers that a seed repeats: splitmix64, and its mixing step alone,
 * which makes an independent number of what identifies a message. Whatever is
 * done on a loop is decided by the message that asks for it, not by a stream
 * of the loop's own, whose order would be the scheduler's.
 */
#ifndef STRESS_RNG_H
#define STRESS_RNG_H

#include <stdint.h>

static inline uint64_t
rng_mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static inline uint64_t
rng_next(uint64_t *state)
{
	return rng_mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

/* A number below `bound`, which is not 0. */
static inline uint64_t
rng_below(uint64_t *state, uint64_t bound)
{
	return rng_next(state) % bound;
}

#endif
