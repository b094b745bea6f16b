/*
 * Subjects and patterns: tokens with dots between, as in NATS.
 *
 * A token is one or more bytes, none of them a dot, a space or a control
 * character. In a pattern the token `*` stands for any one token, and `>` at
 * the end for one or more; inside a longer token both are bytes like others.
 */
#ifndef GYRE_BUS_SUBJECT_H
#define GYRE_BUS_SUBJECT_H

#include <gyre/topic.h>

struct gyre__subject {
	size_t length;
	uint64_t hash; /* of all its bytes, from the seed */
	bool is_wild;  /* it has a wildcard: a pattern, and no subject */
};

/* Read a subject or a pattern: 0, or -EINVAL if it is neither. */
int gyre__subject_parse(const char *text, uint64_t seed,
			struct gyre__subject *ret_subject);

/* Whether a subject is one of a pattern's; both must be valid. */
bool gyre__subject_matches(const char *pattern, const char *subject);

#endif
