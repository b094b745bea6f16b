/*
 * Replies as RESP2 or RESP3 writes them, appended to a buffer.
 *
 * Which of the two a client speaks is the reply's to know: a command says
 * what a reply is, such as a map, and gets what that is in the protocol.
 */
#ifndef KV_REPLY_H
#define KV_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arg.h"
#include "bytes.h"

/* A reply that is being written. */
struct reply {
	struct bytes *bytes; /* where to */
	bool resp3;          /* for a client that said HELLO 3 */
};

void reply_status(struct reply *reply, const char *text);
void reply_ok(struct reply *reply);
void reply_integer(struct reply *reply, int64_t number);
void reply_bulk(struct reply *reply, const void *data, size_t length);
void reply_text(struct reply *reply, const char *text); /* as a bulk string */
void reply_null(struct reply *reply);
void reply_array(struct reply *reply, size_t count);

/* The null that stands where an array would. */
void reply_null_array(struct reply *reply);

/* A map of so many pairs, which follow; in RESP2 an array of twice as many. */
void reply_map_begin(struct reply *reply, size_t pairs);

/* A set of so many; in RESP2 an array. */
void reply_set_begin(struct reply *reply, size_t count);

/* What nobody has asked for, such as a message; in RESP2 an array. */
void reply_push_begin(struct reply *reply, size_t count);

/* A number; in RESP2 a bulk string. */
void reply_double(struct reply *reply, double number);

/* Yes or no; in RESP2 1 or 0. */
void reply_boolean(struct reply *reply, bool yes);

/* A text to be read by people; in RESP2 a bulk string. */
void reply_verbatim(struct reply *reply, const void *data, size_t length);

/* `-ERR text`; what would break the line becomes a space. */
void reply_error(struct reply *reply, const char *text);
__attribute__((format(printf, 2, 3))) void reply_errorf(struct reply *reply,
							const char *format,
							...);

/* An error with a code of its own: `-CODE text`. */
void reply_error_code(struct reply *reply, const char *code_and_text);

/* The errors that more than one command gives. */
void reply_wrong_arity(struct reply *reply, const char *command);
void reply_syntax_error(struct reply *reply);
void reply_not_integer(struct reply *reply);
void reply_no_memory(struct reply *reply);

#endif
