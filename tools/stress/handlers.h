/*
 * Handlers on pipes that producers write numbers to: each comes once and in
 * order, and no handler is called after it was removed.
 */
#ifndef STRESS_HANDLERS_H
#define STRESS_HANDLERS_H

#include <stdbool.h>
#include <stdint.h>

#define HANDLERS_MAX 4u /* a loop; as many producers have one each */

struct place;

struct conduit {
	struct place *place;
	unsigned index; /* the producer's */
	int read_fd;
	int write_fd;
	uint64_t written; /* the producer's */
	uint64_t read;    /* the loop's */
	bool is_registered;
};

struct handlers {
	struct conduit conduits[HANDLERS_MAX];
	unsigned count;
};

/* Before there are threads; and after. 0, or a negative errno. */
int handlers_open(struct place *place);
void handlers_close(struct place *place);

/* On the loop's thread, before it runs. */
void handlers_register(struct place *place);

/* From the producer of that number. */
void handlers_write(struct place *place, unsigned producer);

/* At the end: what is left in the pipes is all that was not read. */
void handlers_check(struct place *place);

#endif
