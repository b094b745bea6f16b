/*
 * A stream's user that asks for reads, by callback or by future, and writes
 * down in one line of text what comes of them, in its order.
 */
#ifndef GYRE_TESTS_NET_READER_H
#define GYRE_TESTS_NET_READER_H

#include "tests/net/harness.h"

#include <gyre/stream_read.h>

struct reader {
	struct gyre_stream *stream; /* NULL: on_close has come */
	int peer;                   /* the other end; -1: closed */
	bool by_future;
	struct gyre_future *future; /* the last one; a reference */
	/* Called when a read is over; may ask for the next. May be NULL. */
	void (*next)(struct reader *reader);
	size_t consume; /* so much of each peek; SIZE_MAX: all */
	unsigned reads; /* that brought bytes */
	int error;      /* of the last read */
	int close_error;
	bool asking;             /* a call that asks is on the stack */
	struct gyre_bytes bytes; /* of the last read; by future still valid */
	size_t length;
	char said[4096]; /* "(bytes)" "!EPIPE" "end" "close EPIPE" ... */
};

/* What a reader is opened with. */
struct reader_options {
	bool by_future;
	bool with_end; /* it has on_end, which writes "end" */
	struct gyre_stream_options stream;
};

/* Open a stream on fds[0], if that is possible; fds[1] is the peer. */
bool reader_try_open(struct reader *reader, const int fds[2],
		     const struct reader_options *options);
void reader_open(struct reader *reader, const int fds[2],
		 const struct reader_options *options);

/* Close, run until on_close, and close the peer. */
void reader_end(struct reader *reader);

/* Ask; the answer is 0, or by future what it was rejected with at once. */
int ask_until(struct reader *reader, const char *delimiter, size_t max_bytes);
int ask_bytes(struct reader *reader, size_t length, bool partial);
int ask_until_close(struct reader *reader);
int ask_peek(struct reader *reader, size_t min_bytes);

/* Send text; close the peer's end. */
void tell(struct reader *reader, const char *text);
void leave(struct reader *reader);

/* Run the loop until the reader has said all of that, and no more. */
void expect_said(struct reader *reader, const char *text);

#endif
