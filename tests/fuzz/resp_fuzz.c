/*
 * gyre-kv's parser: what comes in pieces is the same commands as what comes
 * whole, and no command is complete with less than it said it wants.
 */
#include "fuzz.h"

#include "resp.h"

#define COMMANDS_MAX 64

/* What a client's bytes are read as. */
struct reading {
	unsigned count;
	struct {
		enum resp_status status;
		size_t used;
		uint64_t digest; /* of the arguments */
	} steps[COMMANDS_MAX];
};

static uint64_t
digest(const struct args *args)
{
	uint64_t hash = UINT64_C(14695981039346656037) + args->count;

	for (size_t i = 0; i < args->count; i++) {
		const struct arg *arg = &args->items[i];

		hash = (hash ^ arg->length) * UINT64_C(1099511628211);
		for (size_t k = 0; k < arg->length; k++)
			hash = (hash ^ (unsigned char)arg->data[k]) *
			       UINT64_C(1099511628211);
	}
	return hash;
}

/* Note a step; false: it was the last. */
static bool
note(struct reading *reading, const struct resp *resp, enum resp_status status,
     size_t used)
{
	unsigned i = reading->count++;

	assert(status != RESP_ERROR || resp->error[0] != '\0');
	reading->steps[i].status = status;
	reading->steps[i].used = status == RESP_ERROR ? 0 : used;
	reading->steps[i].digest =
		status == RESP_COMMAND ? digest(&resp->args) : 0;
	return status != RESP_ERROR && reading->count < COMMANDS_MAX;
}

static void
begin(struct resp *resp, unsigned flags)
{
	resp_init(resp, flags & 1 ? 32 : RESP_BULK_MAX_DEFAULT);
	resp->is_stranger = (flags & 2) != 0;
}

static void
read_whole(struct reading *reading, const uint8_t *data, size_t size,
	   unsigned flags)
{
	struct resp resp;
	size_t start = 0;

	begin(&resp, flags);
	while (start < size) {
		char *copy = fuzz_copy(data + start, size - start);
		size_t used = 0;
		enum resp_status status =
			resp_parse(&resp, copy, size - start, &used);
		bool more = status != RESP_MORE;

		if (more) {
			assert(status == RESP_ERROR ||
			       (used > 0 && used <= size - start));
			more = note(reading, &resp, status, used);
		}
		free(copy);
		if (!more)
			break;
		start += used;
	}
	resp_free(&resp);
}

static void
read_pieces(struct reading *reading, const uint8_t *data, size_t size,
	    unsigned flags, uint32_t random)
{
	struct resp resp;
	size_t start = 0;
	size_t have = 0;
	size_t wanted = 0; /* no command is complete before */

	begin(&resp, flags);
	while (start < size) {
		char *copy;
		size_t used = 0;
		enum resp_status status;
		bool more = true;

		if (have == start)
			have = fuzz_piece(&random, have, size);
		copy = fuzz_copy(data + start, have - start);
		status = resp_parse(&resp, copy, have - start, &used);
		if (status == RESP_MORE) {
			size_t wants = resp_wants(&resp, have - start);

			assert(wants > 0);
			wanted = have + wants;
			more = have < size;
			if (more)
				have = fuzz_piece(&random, have, size);
		} else {
			assert(status == RESP_ERROR || start + used >= wanted);
			more = note(reading, &resp, status, used);
			start += used;
			wanted = 0;
		}
		free(copy);
		if (!more)
			break;
	}
	resp_free(&resp);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reading whole = { .count = 0 };
	struct reading pieces = { .count = 0 };
	unsigned flags = fuzz_byte(&data, &size);

	read_whole(&whole, data, size, flags);
	read_pieces(&pieces, data, size, flags, flags);
	assert(whole.count == pieces.count);
	for (unsigned i = 0; i < whole.count; i++) {
		assert(whole.steps[i].status == pieces.steps[i].status);
		assert(whole.steps[i].used == pieces.steps[i].used);
		assert(whole.steps[i].digest == pieces.steps[i].digest);
	}
	return 0;
}
