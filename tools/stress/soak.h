/*
 * gyre-stress --kv: clients that come and go at a key-value server that
 * speaks RESP, with keys that are checked against what they must be.
 */
#ifndef STRESS_SOAK_H
#define STRESS_SOAK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "options.h"

struct soak {
	const struct options *options;
	int64_t started_ns;
	struct gyre_runtime *runtime;
	/* -- any thread, atomic -- */
	atomic_bool is_ending; /* clients read all keys, remove them and end */
	atomic_uint clients;   /* that have not ended */
};

/* Run until it is time to end; the process's exit status. */
int soak_run(const struct options *options);

/* Something broke: say what, with what repeats it, and exit with 1. */
_Noreturn void soak_broken(const struct soak *soak, const char *law,
			   const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
