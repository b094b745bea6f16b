/*
 * Numbers with a fraction as Redis reads and writes them.
 */
#ifndef KV_FLOAT_H
#define KV_FLOAT_H

#include <stdbool.h>
#include <stddef.h>

#include "arg.h"

/* Room for a long double that is written out. */
#define FLOAT_TEXT_MAX (5 * 1024)

/* Read all of an argument; false, and *ret untouched, if it is no number. */
bool float_parse(const struct arg *text, double *ret);
bool float_parse_long(const struct arg *text, long double *ret);

/*
 * Read as a range's end is read: spaces may come first, nothing is 0, and what
 * is behind a NUL is not looked at.
 */
bool float_parse_bound(const char *text, size_t length, double *ret);

/*
 * Write a finite number without an exponent, with 17 digits behind the point
 * but those that are 0 at the end. Returns the length.
 */
size_t float_format(long double number, char text[FLOAT_TEXT_MAX]);

#endif
