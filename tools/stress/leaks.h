/* What a life must leave as it found it: descriptors and threads. Memory is
 * AddressSanitizer's. */
#ifndef STRESS_LEAKS_H
#define STRESS_LEAKS_H

struct life;

struct leaks {
	unsigned descriptors;
	unsigned threads;
};

void leaks_begin(struct leaks *leaks);

/* After life_end(). */
void leaks_check(const struct leaks *leaks, struct life *life);

#endif
