/*
 * What one client of a soak knows of its keys, which nobody else touches.
 *
 * A key's state is a number, its version, which each write makes larger: the
 * value is made of the key's name and the version, or absent at some of them.
 * So what a reply must be is one number, and what was under way when a
 * connection was cut is a range of them. A key in such doubt gets another name
 * (its epoch), and the old name is looked at later: it must be in the range,
 * and is then removed.
 */
#ifndef STRESS_SOAK_KEYS_H
#define STRESS_SOAK_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "soak_reply.h"

#define SOAK_KEYS     16u /* of a client */
#define SOAK_MULTIPLE 4u  /* keys of one MSET or MGET */

enum soak_kind {
	SOAK_VALUE,    /* SET, MSET, DEL */
	SOAK_COUNTER,  /* INCRBY: the version is the number */
	SOAK_TEXT,     /* APPEND, DEL: the version is what was ever appended */
	SOAK_EXPIRING, /* SET PX */
	SOAK_KINDS,
};

struct soak_key {
	unsigned client;
	unsigned slot; /* its kind is slot % SOAK_KINDS */
	unsigned epoch;
	uint64_t low;  /* what was replied to */
	uint64_t high; /* what was sent */
	/* of the last SET PX: when it was sent and replied to, and how long */
	int64_t set_sent_ns;
	int64_t set_done_ns; /* 0: not yet */
	int64_t ttl_ns;
};

/* A command that was sent, and what the reply must be. */
enum soak_step_type {
	SOAK_STEP_OK,       /* +OK */
	SOAK_STEP_PONG,     /* +PONG */
	SOAK_STEP_NUMBER,   /* number */
	SOAK_STEP_ANY,      /* some number */
	SOAK_STEP_VALUES,   /* of `count` keys at versions[]; GET or MGET */
	SOAK_STEP_DOUBTFUL, /* of one key, anything from low to high */
};

struct soak_step {
	enum soak_step_type type;
	bool is_array; /* VALUES: MGET's */
	bool is_write; /* the keys have come to these versions */
	uint64_t number;
	unsigned count; /* of keys */
	unsigned slots[SOAK_MULTIPLE];
	uint64_t versions[SOAK_MULTIPLE];
	int64_t sent_ns;
	struct soak_key doubtful;
};

/* Bytes to be sent. */
struct soak_text {
	char *bytes;
	size_t length;
	size_t capacity;
};

void soak_text_add(struct soak_text *text, const void *bytes, size_t length);
void soak_text_reset(struct soak_text *text);

/* Write a command; the words end with a NULL. */
void soak_command(struct soak_text *text, ...) __attribute__((sentinel));

/* Write a random command on the client's keys, and what is to come of it. */
void soak_keys_ask(struct soak_key keys[SOAK_KEYS], uint64_t *random,
		   struct soak_text *text, struct soak_step *ret_step);

/* Write the command that reads one key, or that removes it. */
void soak_keys_read(const struct soak_key *key, struct soak_text *text,
		    struct soak_step *ret_step);
void soak_keys_remove(const struct soak_key *key, struct soak_text *text,
		      struct soak_step *ret_step);

/* Write the command that reads a key in doubt. */
void soak_keys_read_doubtful(const struct soak_key *key, struct soak_text *text,
			     struct soak_step *ret_step);

/*
 * Check a reply. NULL, or what is wrong: "lost", "stale" or the like, with the
 * key's name and versions in `detail`.
 */
const char *soak_keys_check(struct soak_key keys[SOAK_KEYS],
			    const struct soak_step *step,
			    const struct soak_reply *reply, char *detail,
			    size_t detail_size);

#endif
