/*
 * Integers as Redis reads and writes them: strict decimal, no sign but '-',
 * no leading zero, no space.
 */
#ifndef KV_NUMBER_H
#define KV_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for any int64_t: sign, 19 digits. */
#define NUMBER_TEXT_MAX 20

/* Read all of the text as a number; false, and *ret untouched, if it isn't. */
bool number_parse(const char *text, size_t length, int64_t *ret);

/* Write a number without a terminator and return its length. */
size_t number_format(int64_t number, char text[NUMBER_TEXT_MAX]);

#endif
