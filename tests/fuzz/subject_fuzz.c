/*
 * The topic matcher, against what its header says, written out: a line is a
 * pattern, the next one a subject.
 */
#include "fuzz.h"

#include "bus/subject.h"

#include <errno.h>
#include <stdbool.h>

#define TOKENS_MAX 4096

struct token {
	const char *bytes;
	size_t length;
};

static bool
token_is(struct token token, char c)
{
	return token.length == 1 && token.bytes[0] == c;
}

/* Split at the dots; how many there are, or -1 if it is no subject. */
static int
split(const char *text, struct token *tokens)
{
	int count = 0;

	for (;;) {
		size_t length = 0;

		for (; text[length] != '\0' && text[length] != '.'; length++) {
			unsigned char c = (unsigned char)text[length];

			if (c <= ' ' || c == 0x7f)
				return -1;
		}
		if (length == 0)
			return -1;
		tokens[count] = (struct token){ text, length };
		if (text[length] == '\0')
			return count + 1;
		if (token_is(tokens[count++], '>'))
			return -1;
		text += length + 1;
	}
}

static bool
plain_match(const struct token *pattern, int patterns,
	    const struct token *subject, int subjects)
{
	for (int i = 0; i < patterns; i++) {
		if (i == patterns - 1 && token_is(pattern[i], '>'))
			return subjects > i;
		if (i == subjects)
			return false;
		if (!token_is(pattern[i], '*') &&
		    (pattern[i].length != subject[i].length ||
		     memcmp(pattern[i].bytes, subject[i].bytes,
			    pattern[i].length) != 0))
			return false;
	}
	return patterns == subjects;
}

static bool
has_wildcard(const struct token *tokens, int count)
{
	for (int i = 0; i < count; i++)
		if (token_is(tokens[i], '*') ||
		    (i == count - 1 && token_is(tokens[i], '>')))
			return true;
	return false;
}

/* Read it both ways; how many tokens, or -1. */
static int
parse(const char *text, struct token *tokens, struct gyre__subject *subject)
{
	int count = split(text, tokens);
	int status = gyre__subject_parse(text, 1, subject);

	assert(status == 0 || status == -EINVAL);
	assert((status == 0) ==
	       (count > 0 && strlen(text) <= GYRE_SUBJECT_MAX));
	if (status < 0)
		return -1;
	assert(subject->length == strlen(text));
	assert(subject->is_wild == has_wildcard(tokens, count));
	return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct token patterns[TOKENS_MAX];
	static struct token subjects[TOKENS_MAX];
	const uint8_t *line = memchr(data, '\n', size);
	size_t length = line != NULL ? (size_t)(line - data) : size;
	size_t rest = line != NULL ? size - length - 1 : 0;
	struct gyre__subject about_pattern;
	struct gyre__subject about_subject;
	char *pattern;
	char *subject;
	int pattern_tokens;
	int subject_tokens;

	if (size > TOKENS_MAX)
		return 0;
	pattern = fuzz_text(data, length);
	subject = fuzz_text(data + size - rest, rest);
	pattern_tokens = parse(pattern, patterns, &about_pattern);
	subject_tokens = parse(subject, subjects, &about_subject);
	if (pattern_tokens > 0 && subject_tokens > 0 &&
	    !about_subject.is_wild) {
		bool expected = plain_match(patterns, pattern_tokens, subjects,
					    subject_tokens);

		assert(gyre__subject_matches(pattern, subject) == expected);
		if (strcmp(pattern, subject) == 0)
			assert(about_pattern.hash == about_subject.hash);
	}
	free(pattern);
	free(subject);
	return 0;
}
