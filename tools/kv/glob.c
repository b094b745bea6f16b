/*
 * A match goes back to the last `*` alone: an earlier one could only leave
 * that `*` less to choose from. So the work is bounded by pattern times text,
 * whatever a client sends; recursing at every `*` would be exponential.
 */
#include "glob.h"

/* A position in the pattern. */
struct cursor {
	const char *at;
	const char *end;
};

/* One member of a set, `\x`, `a-z` or `x`; an open range takes its end. */
static bool
member_matches(struct cursor *set, unsigned char byte)
{
	unsigned char low = (unsigned char)set->at[0];
	size_t left = (size_t)(set->end - set->at);
	unsigned char high;

	if (low == '\\' && left >= 2) {
		low = (unsigned char)set->at[1];
		set->at += 2;
		return byte == low;
	}
	if (left < 3 || set->at[1] != '-') {
		set->at++;
		return byte == low;
	}
	high = (unsigned char)set->at[2];
	set->at += 3;
	return low <= high ? byte >= low && byte <= high
			   : byte >= high && byte <= low;
}

/* The set behind a `[`; one that never closes ends with the pattern. */
static bool
set_matches(struct cursor *set, unsigned char byte)
{
	bool negated = set->at < set->end && *set->at == '^';
	bool found = false;

	set->at += negated;
	while (set->at < set->end && *set->at != ']')
		found |= member_matches(set, byte);
	if (set->at < set->end)
		set->at++;
	return found != negated;
}

/* Match one byte against what is next in the pattern, which is no `*`. */
static bool
one_matches(struct cursor *pattern, unsigned char byte)
{
	unsigned char c = (unsigned char)*pattern->at++;

	if (c == '?')
		return true;
	if (c == '[')
		return set_matches(pattern, byte);
	if (c == '\\' && pattern->at < pattern->end)
		c = (unsigned char)*pattern->at++;
	return c == byte;
}

bool
glob_match(const char *pattern, size_t pattern_length, const char *text,
	   size_t text_length)
{
	struct cursor at = { pattern, pattern + pattern_length };
	struct cursor behind_star = { NULL, NULL };
	const char *text_end = text + text_length;
	const char *star_text = NULL;

	if (text_length == 0)
		return pattern_length == 0;
	while (text < text_end) {
		if (at.at < at.end && *at.at == '*') {
			at.at++;
			behind_star = at;
			star_text = text;
		} else if (at.at < at.end &&
			   one_matches(&at, (unsigned char)*text)) {
			text++;
		} else if (star_text != NULL) {
			at = behind_star;
			text = ++star_text;
		} else {
			return false;
		}
	}
	while (at.at < at.end && *at.at == '*')
		at.at++;
	return at.at == at.end;
}
