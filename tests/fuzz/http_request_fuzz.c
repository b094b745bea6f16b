/*
 * The example's HTTP parser: a head is there when its last byte is, no sooner
 * and no later, and a body in pieces has the same bytes as a whole one.
 */
#include "fuzz.h"

#include <stdbool.h>

#include "examples/http_server/request.h"

struct body_reading {
	long status; /* 0, or what it was refused with */
	bool is_over;
	size_t used;
	size_t data_length;
	unsigned char *data;
};

/* What one sees who has `size` bytes of the head. */
static int
read_head(const uint8_t *data, size_t size, struct http_request *ret_request)
{
	char *copy = fuzz_copy(data, size);
	int status = http_request_read(copy, size, ret_request);

	assert(status <= (int)size);
	if (status > 0) {
		assert(ret_request->method.bytes >= copy &&
		       ret_request->method.bytes + ret_request->method.length <=
			       copy + status);
		assert(ret_request->target.bytes >= copy &&
		       ret_request->target.bytes + ret_request->target.length <=
			       copy + status);
	}
	free(copy);
	return status;
}

static void
read_body(struct body_reading *reading, const struct http_request *request,
	  const uint8_t *bytes, size_t size, bool in_pieces, uint32_t random)
{
	struct http_body body;
	size_t have = in_pieces ? 0 : size;

	reading->data = malloc(size + 1);
	assert(reading->data != NULL);
	http_body_begin(&body, request);
	while (body.place != HTTP_BODY_OVER) {
		size_t length = have - reading->used;
		char *copy = fuzz_copy(bytes + reading->used, length);
		struct http_text data = { NULL, 0 };
		long used = http_body_read(&body, copy, length, &data);

		assert(used <= (long)length);
		if (used > 0) {
			assert(data.length <= (size_t)used);
			if (data.length > 0)
				memcpy(reading->data + reading->data_length,
				       data.bytes, data.length);
			reading->data_length += data.length;
			reading->used += (size_t)used;
		}
		free(copy);
		if (used < 0) {
			reading->status = used;
			return;
		}
		if (used == 0 && body.place != HTTP_BODY_OVER) {
			if (have == size)
				return;
			have = fuzz_piece(&random, have, size);
		}
	}
	reading->is_over = true;
}

static void
compare_bodies(const struct http_request *request, const uint8_t *bytes,
	       size_t size, uint32_t random)
{
	struct body_reading whole = { .status = 0 };
	struct body_reading pieces = { .status = 0 };

	read_body(&whole, request, bytes, size, false, 0);
	read_body(&pieces, request, bytes, size, true, random);
	assert(whole.status == pieces.status);
	assert(whole.is_over == pieces.is_over);
	if (whole.is_over)
		assert(whole.used == pieces.used);
	assert(whole.data_length == pieces.data_length);
	assert(memcmp(whole.data, pieces.data, whole.data_length) == 0);
	free(whole.data);
	free(pieces.data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t random = fuzz_byte(&data, &size);
	struct http_request request;
	struct http_request other;
	int whole;

	if (size == 0)
		return 0;
	whole = read_head(data, size, &request);
	for (size_t have = 0; have < size;) {
		int status;

		have = fuzz_piece(&random, have, size);
		status = read_head(data, have, &other);
		if (status < 0) {
			assert(whole < 0);
			break;
		}
		assert(status == 0 || status == whole);
		assert((whole > 0 && have >= (size_t)whole) == (status > 0));
	}
	if (whole > 0)
		compare_bodies(&request, data + whole, size - (size_t)whole,
			       random);
	return 0;
}
