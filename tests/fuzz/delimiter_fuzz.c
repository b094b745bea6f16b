/*
 * The search for a delimiter finds it where a plain search does, however few
 * bytes come at a time.
 */
#include "fuzz.h"

#include "net/delimiter.h"

static size_t
plain_find(const struct gyre__delimiter *delimiter, const uint8_t *data,
	   size_t size)
{
	size_t length = delimiter->length;

	for (size_t end = length; end <= size; end++)
		if (memcmp(data + end - length, delimiter->bytes, length) == 0)
			return end;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gyre__delimiter delimiter;
	uint32_t random = fuzz_byte(&data, &size);
	unsigned char *bytes;
	size_t expected;
	size_t found = 0;
	size_t searched = 0;

	delimiter.length = 1 + random % 12;
	if (size < delimiter.length)
		return 0;
	bytes = fuzz_copy(data, delimiter.length);
	delimiter.bytes = bytes;
	data += delimiter.length;
	size -= delimiter.length;
	expected = plain_find(&delimiter, data, size);
	for (size_t have = 0; have < size && found == 0;) {
		unsigned char *copy;

		have = fuzz_piece(&random, have, size);
		copy = fuzz_copy(data, have);
		found = gyre__delimiter_find(&delimiter, copy, have, &searched);
		free(copy);
		assert(searched <= have);
		/* It is found as soon as it is there. */
		assert((found != 0) == (expected != 0 && expected <= have));
	}
	assert(found == expected);
	free(bytes);
	return 0;
}
