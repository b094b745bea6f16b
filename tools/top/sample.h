/*
 * What a process said of itself at one moment.
 */
#ifndef TOP_SAMPLE_H
#define TOP_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLE_PROTOCOL 1

struct times {
	uint64_t p50_ns;
	uint64_t p99_ns;
	uint64_t max_ns;
};

struct loop_sample {
	int cpu;
	uint64_t connections;
	uint64_t iterations;
	uint64_t waiting;
	uint64_t rings;
	uint64_t timeouts_run;
	uint64_t timeouts_waiting;
	uint64_t busy_ns;
	uint64_t spinning_ns;
	uint64_t stalls;
	struct times lag; /* from a push until it began to run */
};

struct lane_sample {
	char name[32];
	unsigned threads;
	uint64_t running;
	uint64_t waiting;
	uint64_t run;
	uint64_t refused;
	struct times delay;
};

/* One that the process keeps, the latest first. */
struct stall_sample {
	unsigned loop;
	char kind[16];
	char callback[96];
	char wait[96];
	int64_t began_ns;
	uint64_t duration_ns;
	bool is_over;
};

struct sample {
	int64_t pid;
	int64_t now_ns;
	char version[32];
	char phase[16]; /* where the process is in its life; or "?" */
	unsigned loops_count;
	struct loop_sample *loops;
	uint64_t *sent; /* by sender, then receiver */
	unsigned lanes_count;
	struct lane_sample *lanes;
	unsigned stalls_count;
	struct stall_sample *stalls;
};

/* Read an answer: 0, or -1 with a line that says what is wrong with it. */
int sample_read(struct sample *sample, const char *text, char *ret_error,
		size_t error_bytes);
void sample_free(struct sample *sample);

#endif
