/*
 * Replies as RESP2 writes them, appended to a buffer.
 */
#ifndef KV_REPLY_H
#define KV_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "arg.h"
#include "bytes.h"

void reply_status(struct bytes *reply, const char *text);
void reply_ok(struct bytes *reply);
void reply_integer(struct bytes *reply, int64_t number);
void reply_bulk(struct bytes *reply, const void *data, size_t length);
void reply_text(struct bytes *reply, const char *text); /* as a bulk string */
void reply_null(struct bytes *reply);
void reply_array(struct bytes *reply, size_t count);

/* `-ERR text`; what would break the line becomes a space. */
void reply_error(struct bytes *reply, const char *text);
__attribute__((format(printf, 2, 3))) void reply_errorf(struct bytes *reply,
							const char *format,
							...);

/* An error with a code of its own: `-CODE text`. */
void reply_error_code(struct bytes *reply, const char *code_and_text);

/* The errors that more than one command gives. */
void reply_wrong_arity(struct bytes *reply, const char *command);
void reply_syntax_error(struct bytes *reply);
void reply_not_integer(struct bytes *reply);
void reply_no_memory(struct bytes *reply);

#endif
