/* Replies of a key-value server, as RESP2 has them. */
#ifndef STRESS_SOAK_REPLY_H
#define STRESS_SOAK_REPLY_H

#include <stddef.h>
#include <stdint.h>

#define SOAK_ITEMS_MAX 16u
#define SOAK_BROKEN    SIZE_MAX

struct soak_item {
	char type;        /* + - : $ *, and _ for nil */
	const char *text; /* of + - $ */
	size_t length;
	int64_t number; /* of : and *, of which it is how many there are */
};

struct soak_reply {
	struct soak_item head;
	struct soak_item items[SOAK_ITEMS_MAX]; /* of an array, no arrays */
};

/*
 * Read one reply, which points into the data. Returns its length, 0: it is not
 * there as a whole, or SOAK_BROKEN: it is none.
 */
size_t soak_reply_read(const char *data, size_t length,
		       struct soak_reply *ret_reply);

#endif
