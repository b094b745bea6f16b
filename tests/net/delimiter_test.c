/* The delimiter is found where it first ends, however the bytes come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "net/delimiter.h"

static struct gyre__delimiter
delimiter_of(const char *text)
{
	return (struct gyre__delimiter){ (const unsigned char *)text,
					 strlen(text) };
}

/* By definition: the shortest beginning that ends with it. */
static size_t
find_plainly(const struct gyre__delimiter *delimiter, const unsigned char *data,
	     size_t length)
{
	for (size_t end = delimiter->length; end <= length; end++) {
		if (memcmp(data + end - delimiter->length, delimiter->bytes,
			   delimiter->length) == 0)
			return end;
	}
	return 0;
}

static void
it_is_found_where_it_first_ends(void **state)
{
	static const struct {
		const char *delimiter, *text;
		size_t end;
	} cases[] = {
		{ "\n", "", 0 },
		{ "\n", "\n", 1 },
		{ "\n", "one\ntwo\n", 4 },
		{ "\r\n", "one\r", 0 },
		{ "\r\n", "one\r\n", 5 },
		{ "\r\n", "\r\r\r\n", 4 },
		{ "aab", "aaaaab", 6 },
		{ "aa", "baaa", 3 },
		{ "abcabd", "abcabcabd", 9 },
		/* more false starts than are tried one by one */
		{ "ab", "aaaaaaaaaaaaaaaaaaaaaaaab", 25 },
		{ "ab", "aaaaaaaaaaaaaaaaaaaaaaaa", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gyre__delimiter delimiter =
			delimiter_of(cases[i].delimiter);
		size_t searched = 0;

		assert_int_equal(gyre__delimiter_find(
					 &delimiter,
					 (const unsigned char *)cases[i].text,
					 strlen(cases[i].text), &searched),
				 cases[i].end);
	}
}

static unsigned seed = 1;

static unsigned
draw(unsigned below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 16) % below;
}

/* Of few letters, so that there are many that nearly fit. */
static size_t
draw_letters(unsigned char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (unsigned char)('a' + draw(2));
	return length;
}

static void
it_is_found_in_whatever_pieces_the_bytes_come(void **state)
{
	unsigned char sought[9];
	unsigned char data[300];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct gyre__delimiter delimiter = {
			sought, draw_letters(sought, 1 + draw(8))
		};
		size_t length = draw_letters(data, draw(sizeof(data)));
		size_t searched = 0;
		size_t end = 0;
		size_t there = 0;

		while (there < length && end == 0) {
			there += 1 + draw(1 + (unsigned)(length - there));
			if (there > length)
				there = length;
			end = gyre__delimiter_find(&delimiter, data, there,
						   &searched);
		}
		assert_int_equal(end, find_plainly(&delimiter, data, length));
	}
}

/* What was searched is so for good: the rest is shorter than the delimiter. */
static void
no_byte_is_searched_again_and_again(void **state)
{
	static unsigned char data[100000];
	struct gyre__delimiter delimiter = delimiter_of("\r\n\r\n");
	size_t searched = 0;

	(void)state;
	memset(data, '\r', sizeof(data));
	for (size_t length = 1; length <= sizeof(data); length++) {
		assert_int_equal(gyre__delimiter_find(&delimiter, data, length,
						      &searched),
				 0);
		assert_true(length - searched < delimiter.length);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_found_where_it_first_ends),
		cmocka_unit_test(it_is_found_in_whatever_pieces_the_bytes_come),
		cmocka_unit_test(no_byte_is_searched_again_and_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
