/*
 * What the targets share: a target reads bytes that may be anything and
 * asserts what must hold whatever they are.
 *
 * libFuzzer brings main() and looks for bytes that break it (tools/test
 * --fuzz). Without libFuzzer replay.c does, and runs the target on the corpus:
 * that is a test like others.
 */
#ifndef GYRE_TESTS_FUZZ_FUZZ_H
#define GYRE_TESTS_FUZZ_FUZZ_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy that ends where its bytes do, so that a step past the end is seen. */
static inline void *
fuzz_copy(const void *data, size_t size)
{
	void *copy = malloc(size > 0 ? size : 1);

	assert(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

/* The same, with a zero behind them. */
static inline char *
fuzz_text(const void *data, size_t size)
{
	char *text = malloc(size + 1);

	assert(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* Take a byte off the front; 0: there is none. */
static inline unsigned
fuzz_byte(const uint8_t **data, size_t *size)
{
	if (*size == 0)
		return 0;
	(*size)--;
	return *(*data)++;
}

/* How far the next piece reaches, more or less at random: at least one byte
 * beyond `have`, at most up to `size`. */
static inline size_t
fuzz_piece(uint32_t *state, size_t have, size_t size)
{
	size_t step;

	*state = *state * 1664525u + 1013904223u;
	step = 1 + (*state >> 24) % ((*state >> 20 & 3) == 0 ? 200 : 7);
	return step < size - have ? have + step : size;
}

#endif
