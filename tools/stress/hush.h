/* Everything has come to rest: what must hold then. */
#ifndef STRESS_HUSH_H
#define STRESS_HUSH_H

#include <stdint.h>

struct life;

/* Wait for rest, check, pass one task around. Adds to *hops. */
void hush(struct life *life, uint64_t *rng, uint64_t *hops);

#endif
