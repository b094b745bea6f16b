/*
 * Growth by doubling, so that what is appended byte by byte is copied a
 * constant number of times.
 */
#include "bytes.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#define CAPACITY_MIN 256

static int
resize(struct bytes *bytes, size_t capacity)
{
	char *data = realloc(bytes->data, capacity);

	if (data == NULL) {
		bytes->failed = true;
		return -ENOMEM;
	}
	bytes->data = data;
	bytes->capacity = capacity;
	return 0;
}

int
bytes_reserve_exact(struct bytes *bytes, size_t more)
{
	if (bytes->failed || more > SIZE_MAX / 2 - bytes->length) {
		bytes->failed = true;
		return -ENOMEM;
	}
	if (bytes->length + more <= bytes->capacity)
		return 0;
	return resize(bytes, bytes->length + more);
}

int
bytes_reserve(struct bytes *bytes, size_t more)
{
	size_t capacity = bytes->capacity;

	if (bytes->failed || more > SIZE_MAX / 4 - bytes->length) {
		bytes->failed = true;
		return -ENOMEM;
	}
	if (bytes->length + more <= capacity)
		return 0;
	if (capacity < CAPACITY_MIN)
		capacity = CAPACITY_MIN;
	while (capacity < bytes->length + more)
		capacity *= 2;
	return resize(bytes, capacity);
}

void
bytes_reset(struct bytes *bytes, size_t keep_max)
{
	if (bytes->capacity > keep_max)
		bytes_free(bytes);
	bytes->length = 0;
	bytes->failed = false;
}

void
bytes_free(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){ 0 };
}
