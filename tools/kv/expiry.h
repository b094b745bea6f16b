/*
 * The times to expire that clients give, in their four units.
 */
#ifndef KV_EXPIRY_H
#define KV_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "command.h"

struct expiry_unit {
	int64_t milliseconds; /* in one of it */
	bool absolute;        /* Unix time, not from now */
};

#define EXPIRY_SECONDS      ((struct expiry_unit){ 1000, false })
#define EXPIRY_MILLISECONDS ((struct expiry_unit){ 1, false })

/* The unit that EX, PX, EXAT or PXAT stands for; false: none of them. */
bool expiry_unit_find(const struct arg *arg, struct expiry_unit *ret_unit);

bool expiry_unit_equals(struct expiry_unit one, struct expiry_unit other);

/*
 * Read a time to expire as Unix time in milliseconds. It must be positive and
 * fit; if it doesn't, reply so and answer false.
 */
bool expiry_parse(struct call *call, const struct arg *text,
		  struct expiry_unit unit, int64_t *ret_when_ms);

/* Reply that the command's time to expire is none. */
void expiry_reply_invalid(struct call *call);

#endif
