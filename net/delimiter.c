/*
 * Most delimiters are a byte or two, and their first byte is rare in what is
 * before them: memchr() finds that one faster than memmem() finds them all.
 * Where it is not rare, memmem() goes on, which is linear whatever is sought.
 */
#include "net/delimiter.h"

#include "base/check.h"

#include <string.h>

#define FALSE_STARTS_MAX 8

static const unsigned char *
find(const struct gyre__delimiter *delimiter, const unsigned char *at,
     const unsigned char *end)
{
	const unsigned char *bytes = delimiter->bytes;
	size_t length = delimiter->length;

	for (int i = 0; i < FALSE_STARTS_MAX; i++) {
		if ((size_t)(end - at) < length)
			return NULL;
		at = memchr(at, bytes[0], (size_t)(end - at) - length + 1);
		if (at == NULL || memcmp(at, bytes, length) == 0)
			return at;
		at++;
	}
	return memmem(at, (size_t)(end - at), bytes, length);
}

size_t
gyre__delimiter_find(const struct gyre__delimiter *delimiter,
		     const unsigned char *data, size_t length, size_t *searched)
{
	const unsigned char *found;

	GYRE_INSIST(delimiter->length > 0 && *searched <= length);
	if (length - *searched < delimiter->length)
		return 0;
	found = find(delimiter, data + *searched, data + length);
	if (found != NULL)
		return (size_t)(found - data) + delimiter->length;
	*searched = length - delimiter->length + 1;
	return 0;
}
