/*
 * The search for a delimiter in bytes that keep coming.
 */
#ifndef GYRE_NET_DELIMITER_H
#define GYRE_NET_DELIMITER_H

#include <stddef.h>

struct gyre__delimiter {
	const unsigned char *bytes;
	size_t length; /* at least one */
};

/*
 * Find the delimiter in the data, and return how many bytes there are up to its
 * end, or 0 if it is not there.
 *
 * *searched is how many bytes at the front an earlier search of the same data,
 * when there was less of it, has found to begin no delimiter; it is moved on.
 * So each byte is looked at once, and as many more times at most as the
 * delimiter is long, however few bytes come at a time.
 */
size_t gyre__delimiter_find(const struct gyre__delimiter *delimiter,
			    const unsigned char *data, size_t length,
			    size_t *searched);

#endif
