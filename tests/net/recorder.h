/*
 * A stream's user that writes down what happens to it, and does in its
 * callbacks what a test wants done.
 */
#ifndef GYRE_TESTS_NET_RECORDER_H
#define GYRE_TESTS_NET_RECORDER_H

#include "tests/net/harness.h"

#define RECORDER_BYTES (1u << 20)

struct recorder {
	struct gyre_stream *stream; /* NULL: on_close has come */
	int peer;                   /* the other end */
	/* How much on_read uses; NULL: all. What is used is recorded. */
	size_t (*use)(struct recorder *recorder, const void *data,
		      size_t length);
	/* What the callbacks do besides; may be NULL. */
	void (*in_read)(struct recorder *recorder);
	void (*in_end)(struct recorder *recorder);
	void (*in_drain)(struct recorder *recorder);
	void (*in_close)(struct recorder *recorder);
	unsigned connects;
	unsigned reads;
	unsigned ends;
	unsigned drains;
	unsigned closes;
	int error;      /* on_close's */
	size_t offered; /* the length of the last on_read */
	bool inside;    /* a callback of this stream is running */
	size_t length;
	unsigned char bytes[RECORDER_BYTES];
};

/* One for each test: it is large. The first call forgets the last test's. */
struct recorder *recorder_new(void);
void recorder_free(struct recorder *recorder);

extern const struct gyre_stream_ops recorder_ops;
/* The same without on_end. */
extern const struct gyre_stream_ops recorder_ops_without_end;

/* Open a stream on fds[0]; fds[1] is the peer. */
void recorder_open(struct recorder *recorder, const int fds[2],
		   const struct gyre_stream_options *options);

/* Predicates for run_until(). */
bool is_established(void *recorder);
bool is_closed(void *recorder);
bool has_ended(void *recorder);
bool has_drained(void *recorder);

void run_until_closed(struct recorder *recorder);
void run_until_length(struct recorder *recorder, size_t length);

struct gyre_stream_stats stats_of(const struct recorder *recorder);

#endif
