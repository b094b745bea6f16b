/*
 * One shard with a connection that has no stream: commands go in as inline
 * lines, replies come out as text. The clock moves by hand.
 */
#ifndef TESTS_KV_FIXTURE_H
#define TESTS_KV_FIXTURE_H

#include <stddef.h>

#include "connection.h"
#include "options.h"
#include "server.h"

/* The wall clock when the loop's clock is at 0, in milliseconds. */
#define FIXTURE_EPOCH_MS INT64_C(1700000000000)

struct fixture {
	int64_t now_ns; /* of the loop's clock */
	struct options options;
	struct server *server;
	struct shard shard;
	struct connection *connection;
	struct bytes reply; /* the last one, with a NUL behind */
};

/* For cmocka; *state is the fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Run a line, in Redis's inline quoting, and return the reply. */
const char *fixture_ask(struct fixture *fixture, const char *line);

/* The length of the last reply, which may hold NULs. */
size_t fixture_reply_length(const struct fixture *fixture);

/* Let time pass and what is due happen. */
void fixture_pass_ms(struct fixture *fixture, int64_t milliseconds);

/* Make an argument of a string, hashed as a key. */
struct arg fixture_arg(const struct fixture *fixture, const char *text);

/* For tests that have a `fixture`: the reply to a line is this. */
#define ASK(line, expected) \
	assert_string_equal(fixture_ask(fixture, line), expected)

#endif
