/*
 * gyre-kv's patterns against a search that tries everything: a line is the
 * pattern, the rest the text.
 */
#include "fuzz.h"

#include "glob.h"

#define LENGTH_MAX 128

/* Whether a set, of which `at` is behind the `[`, has the byte; moves on. */
static bool
set_has(const char *pattern, size_t length, size_t *at, unsigned char byte)
{
	bool negated = *at < length && pattern[*at] == '^';
	bool found = false;

	*at += negated;
	while (*at < length && pattern[*at] != ']') {
		unsigned char low = (unsigned char)pattern[*at];
		unsigned char high = low;
		size_t left = length - *at;

		if (low == '\\' && left > 1) {
			low = high = (unsigned char)pattern[*at + 1];
			*at += 2;
		} else if (left > 2 && pattern[*at + 1] == '-') {
			high = (unsigned char)pattern[*at + 2];
			*at += 3;
		} else {
			*at += 1;
		}
		found |= (byte >= low && byte <= high) ||
			 (byte >= high && byte <= low);
	}
	*at += *at < length;
	return found != negated;
}

/* Whether what is at `at`, no star, takes the byte; moves on. */
static bool
takes(const char *pattern, size_t length, size_t *at, unsigned char byte)
{
	char c = pattern[(*at)++];

	if (c == '[')
		return set_has(pattern, length, at, byte);
	if (c == '\\' && *at < length)
		c = pattern[(*at)++];
	else if (c == '?')
		return true;
	return (unsigned char)c == byte;
}

/* matches[i][j]: what of the pattern begins at i takes the text from j on. */
static bool
plain_match(const char *pattern, size_t length, const char *text,
	    size_t text_length)
{
	static bool matches[LENGTH_MAX + 1][LENGTH_MAX + 1];

	for (size_t j = 0; j <= text_length; j++)
		matches[length][j] = j == text_length;
	for (size_t i = length; i-- > 0;) {
		for (size_t j = text_length + 1; j-- > 0;) {
			size_t next = i;
			bool yes = false;

			if (pattern[i] == '*')
				yes = matches[i + 1][j] ||
				      (j < text_length && matches[i][j + 1]);
			else if (j < text_length &&
				 takes(pattern, length, &next,
				       (unsigned char)text[j]))
				yes = matches[next][j + 1];
			matches[i][j] = yes;
		}
	}
	return text_length > 0 ? matches[0][0] : length == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t length = line != NULL ? (size_t)(line - data) : size;
	size_t text_length = line != NULL ? size - length - 1 : 0;
	char *pattern;
	char *text;

	if (length > LENGTH_MAX || text_length > LENGTH_MAX)
		return 0;
	pattern = fuzz_copy(data, length);
	text = fuzz_copy(data + size - text_length, text_length);
	assert(glob_match(pattern, length, text, text_length) ==
	       plain_match(pattern, length, text, text_length));
	free(pattern);
	free(text);
	return 0;
}
