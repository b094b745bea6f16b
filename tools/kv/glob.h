/*
 * Patterns as SCAN MATCH, CONFIG GET and PSUBSCRIBE take them.
 */
#ifndef KV_GLOB_H
#define KV_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Tell whether all of the text matches: `*` any run, `?` one byte, `[a-z]`
 * and `[^a-z]` one of a set, `\` takes the next byte as it is. As in Redis
 * an empty text matches nothing but the empty pattern.
 */
bool glob_match(const char *pattern, size_t pattern_length, const char *text,
		size_t text_length);

#endif
