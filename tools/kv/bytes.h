/*
 * A byte buffer that grows.
 *
 * Running out of memory is sticky: `failed` stays set and what is appended
 * later is ignored, so that a reply is built without a check at every step
 * and looked at once, when it is sent.
 */
#ifndef KV_BYTES_H
#define KV_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct bytes {
	char *data;
	size_t length;
	size_t capacity;
	bool failed;
};

/* Make room for `more` bytes behind the length. 0 or -ENOMEM. */
int bytes_reserve(struct bytes *bytes, size_t more);

/* Make room for exactly `more`, for a buffer whose final size is known. */
int bytes_reserve_exact(struct bytes *bytes, size_t more);

/* Forget the contents; keep the memory if it is at most keep_max bytes. */
void bytes_reset(struct bytes *bytes, size_t keep_max);

void bytes_free(struct bytes *bytes);

/* Append, or set `failed`. */
static inline void
bytes_append(struct bytes *bytes, const void *data, size_t length)
{
	if (length == 0 || (bytes->capacity - bytes->length < length &&
			    bytes_reserve(bytes, length) < 0))
		return;
	memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

#endif
