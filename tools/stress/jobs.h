/* Jobs on the runtime's pool: each runs once or is dropped once, and its
 * completion comes once, to the loop that submitted it. */
#ifndef STRESS_JOBS_H
#define STRESS_JOBS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define JOBS_MAX 64u

struct place;

struct job {
	struct place *place;
	uint64_t order;
	/* Two ends that come in either order when it is cancelled: on the
	 * pool, and on the loop. */
	_Atomic unsigned fate;
	bool is_awaited;
	bool is_canceled;
};

struct jobs {
	struct job jobs[JOBS_MAX];
};

void jobs_init(struct place *place);
void jobs_submit(struct place *place, uint64_t order);
void jobs_check(const struct place *place);

#endif
