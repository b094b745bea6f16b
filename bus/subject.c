/*
 * Reading subjects byte by byte: one pass checks, measures and hashes.
 */
#include "bus/subject.h"

#include <errno.h>

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static bool
is_separator(char byte)
{
	return byte == '.' || byte == '\0';
}

static bool
is_forbidden(char byte)
{
	return (unsigned char)byte <= ' ' || byte == 0x7f;
}

/* Whether the token is this wildcard, and nothing else. */
static bool
is_wildcard(const char *token, char wildcard)
{
	return token[0] == wildcard && is_separator(token[1]);
}

/* FNV leaves the low bits of short texts alike. */
static uint64_t
mix(uint64_t hash)
{
	hash ^= hash >> 32;
	hash *= UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

/* Skip a token: its end, or NULL if it is none, or too long. */
static const char *
skip_token(const char *text, const char *token, uint64_t *hash)
{
	const char *end = token;

	for (; !is_separator(*end); end++) {
		if (is_forbidden(*end) || end - text >= GYRE_SUBJECT_MAX)
			return NULL;
		*hash = (*hash ^ (unsigned char)*end) * FNV_PRIME;
	}
	return end > token ? end : NULL;
}

int
gyre__subject_parse(const char *text, uint64_t seed,
		    struct gyre__subject *ret_subject)
{
	struct gyre__subject subject = { .hash = FNV_BASIS ^ seed };
	const char *token = text;

	for (;;) {
		const char *end = skip_token(text, token, &subject.hash);

		if (end == NULL)
			return -EINVAL;
		if (is_wildcard(token, '>') && *end != '\0')
			return -EINVAL;
		subject.is_wild |=
			is_wildcard(token, '*') || is_wildcard(token, '>');
		subject.length = (size_t)(end - text);
		if (*end == '\0')
			break;
		subject.hash = (subject.hash ^ '.') * FNV_PRIME;
		token = end + 1;
	}
	subject.hash = mix(subject.hash);
	*ret_subject = subject;
	return 0;
}

static const char *
end_of_token(const char *token)
{
	while (!is_separator(*token))
		token++;
	return token;
}

/* Whether the first tokens are alike; leaves both at their ends. */
static bool
match_token(const char **pattern, const char **subject)
{
	const char *p = *pattern;
	const char *s = *subject;

	*pattern = end_of_token(p);
	*subject = end_of_token(s);
	if (is_wildcard(p, '*'))
		return true;
	while (!is_separator(*p) && *p == *s) {
		p++;
		s++;
	}
	return is_separator(*p) && is_separator(*s);
}

bool
gyre__subject_matches(const char *pattern, const char *subject)
{
	for (;;) {
		if (is_wildcard(pattern, '>'))
			return true;
		if (!match_token(&pattern, &subject))
			return false;
		if (*pattern == '\0' || *subject == '\0')
			return *pattern == *subject;
		pattern++;
		subject++;
	}
}
