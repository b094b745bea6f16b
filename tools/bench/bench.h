/*
 * What every bench program shares: gyre's own, each peer's, and the raw limits.
 *
 * A bench is a function that does something many times, checks that it was done
 * as promised, and leaves how long it took. The programs have one command line,
 * PROGRAM BENCH [KEY=VALUE]..., and print one line of JSON, so that they can be
 * run in turns and compared.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_SAMPLES_MAX 65536u

/* The KEY=VALUE arguments; a key that no bench asks for is an error. */
struct params {
	char **pairs;
	unsigned count;
	uint64_t used; /* a bit each */
};

/* A number from 1 to the limit, or the fallback. */
uint64_t params_number(struct params *params, const char *key,
		       uint64_t fallback, uint64_t limit);
const char *params_text(struct params *params, const char *key,
			const char *fallback);

struct result {
	uint64_t operations;
	double wall_ns;
	double cpu_ns;
	/* The length of some operations, from begin to end. */
	uint32_t samples[BENCH_SAMPLES_MAX];
	unsigned samples_count;
	/* What the loops did to wait; below 0: not known. */
	double sleeps;
	double rings;
	/* What is measured if it is not the time of an operation; NULL. */
	const char *unit;
	double value;
	/* -- between begin and end -- */
	int64_t wall_begun_ns;
	int64_t cpu_begun_ns;
};

int64_t bench_now_ns(void);

/* The measured part begins, and ends with so many operations done. */
void result_begin(struct result *result);
void result_end(struct result *result, uint64_t operations);

/* One operation's length, of those that are sampled. */
void result_sample(struct result *result, int64_t length_ns);

/* Something else was measured than the time of an operation: less is better. */
void result_measured(struct result *result, const char *unit, double value);

/* What half of the samples are below. */
double result_median(struct result *result);

/* What was promised was not kept, or cannot be had: say so and end. */
void bench_fail(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/* -- what cannot be done without: it fails, or it is there -- */

/* Zeroed memory. */
void *bench_allocate(size_t count, size_t size);

/* The thread's CPU time. */
int64_t bench_thread_cpu_ns(void);

/* That as many descriptors can be open. */
void bench_want_descriptors(uint64_t count);

struct bench {
	const char *name;
	const char *what;
	void (*run)(struct params *params, struct result *result);
};

/* Run the bench that the arguments ask for, and print its line; --list and
 * --help too. The benches end with an empty one. */
int bench_main(int argc, char **argv, const struct bench *benches);

#ifdef __cplusplus
}
#endif

#endif
