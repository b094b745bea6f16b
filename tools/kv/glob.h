/*
 * Patterns as SCAN MATCH and CONFIG GET take them.
 */
#ifndef KV_GLOB_H
#define KV_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Tell whether all of the text matches: `*` any run, `?` one byte, `[a-z]`
 * and `[^a-z]` one of a set, `\` takes the next byte as it is.
 */
bool glob_match(const char *pattern, size_t pattern_length, const char *text,
		size_t text_length);

#endif
