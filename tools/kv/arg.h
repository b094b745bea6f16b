/*
 * One argument of a command: bytes that somebody else keeps, never a string.
 */
#ifndef KV_ARG_H
#define KV_ARG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <strings.h>

struct arg {
	const char *data;
	size_t length;
	union {
		uint64_t hash; /* of a key, once the router has looked at it */
		size_t offset; /* while the parser waits for the rest */
	};
};

/* Tell whether the argument is this word, in either case. */
static inline bool
arg_is(const struct arg *arg, const char *word, size_t length)
{
	return arg->length == length &&
	       strncasecmp(arg->data, word, length) == 0;
}

#define ARG_IS(arg, literal) arg_is((arg), "" literal "", sizeof(literal) - 1)

#endif
