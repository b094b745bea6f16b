/*
 * A JSON writer into memory that grows: commas, quotes and escapes are its
 * matter, nesting the caller's. When memory runs out it says so at the end.
 */
#ifndef GYRE_RUNTIME_JSON_H
#define GYRE_RUNTIME_JSON_H

#include "base/sys.h"

#include <stdbool.h>

struct gyre__json {
	const struct gyre_sys *sys;
	char *text; /* no terminator */
	size_t length;
	size_t room;
	bool needs_comma;
	bool has_failed; /* no memory: what is there is worth nothing */
};

void gyre__json_init(struct gyre__json *json, const struct gyre_sys *sys);

/* The text, the caller's to release, or NULL: there was no memory. */
char *gyre__json_take(struct gyre__json *json, size_t *ret_length);

/* Begin and end what has members; `name` is NULL inside an array. */
void gyre__json_open(struct gyre__json *json, const char *name, char bracket);
void gyre__json_close(struct gyre__json *json, char bracket);

void gyre__json_uint(struct gyre__json *json, const char *name, uint64_t value);
void gyre__json_int(struct gyre__json *json, const char *name, int64_t value);

/* Any bytes; those that are not ASCII are taken for UTF-8, as they are. */
void gyre__json_string(struct gyre__json *json, const char *name,
		       const char *value);

/* Bytes as they are, outside of any value. */
void gyre__json_raw(struct gyre__json *json, const char *text, size_t length);

#endif
