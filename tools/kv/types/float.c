/*
 * strtod() reads and printf() writes, as in Redis, so that both round alike.
 */
#include "float.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A longer text is no number for Redis either; nor is it for us. */
#define PARSED_MAX (FLOAT_TEXT_MAX - 1)

/* Copy a text for strtod(); false: it is too long. */
static bool
copy_text(char copy[PARSED_MAX + 1], const char *text, size_t length)
{
	if (length > PARSED_MAX)
		return false;
	if (length > 0)
		memcpy(copy, text, length);
	copy[length] = '\0';
	return true;
}

bool
float_parse(const struct arg *text, double *ret)
{
	char copy[PARSED_MAX + 1];
	char *end;
	double value;

	if (text->length == 0 || !copy_text(copy, text->data, text->length) ||
	    isspace((unsigned char)copy[0]))
		return false;
	errno = 0;
	value = strtod(copy, &end);
	if ((size_t)(end - copy) != text->length || isnan(value) ||
	    (errno == ERANGE && (isinf(value) || value == 0)))
		return false;
	*ret = value;
	return true;
}

bool
float_parse_long(const struct arg *text, long double *ret)
{
	char copy[PARSED_MAX + 1];
	char *end;
	long double value;

	if (text->length == 0 || !copy_text(copy, text->data, text->length) ||
	    isspace((unsigned char)copy[0]))
		return false;
	errno = 0;
	value = strtold(copy, &end);
	if ((size_t)(end - copy) != text->length || isnan(value) ||
	    (errno == ERANGE && (isinf(value) || value == 0)))
		return false;
	*ret = value;
	return true;
}

bool
float_parse_bound(const char *text, size_t length, double *ret)
{
	char copy[PARSED_MAX + 1];
	char *end;
	double value;

	if (!copy_text(copy, text, length))
		return false;
	value = strtod(copy, &end);
	if (*end != '\0' || isnan(value))
		return false;
	*ret = value;
	return true;
}

size_t
float_format(long double number, char text[FLOAT_TEXT_MAX])
{
	size_t length =
		(size_t)snprintf(text, FLOAT_TEXT_MAX, "%.17Lf", number);

	while (text[length - 1] == '0')
		length--;
	if (text[length - 1] == '.')
		length--;
	if (length == 2 && memcmp(text, "-0", 2) == 0) {
		text[0] = '0';
		length = 1;
	}
	return length;
}
