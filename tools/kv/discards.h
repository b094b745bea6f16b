/*
 * Keys that are gone for whoever asks, and whose memory is given back a little
 * in each of the loop's iterations: FLUSHALL of millions of them takes no
 * longer than of one.
 */
#ifndef KV_DISCARDS_H
#define KV_DISCARDS_H

#include <stdbool.h>

#include "keytable.h"

struct discard;
struct gyre_loop;

struct discards {
	struct gyre_loop *loop;
	struct discard *first; /* the oldest; NULL: all is given back */
	struct discard *last;
	bool stopped; /* the loop is to do no more about it */
};

/* Begin. */
void discards_init(struct discards *discards, struct gyre_loop *loop);

/* Take over a table's entries, and leave the table empty. */
void discards_add(struct discards *discards, struct keytable *table);

/* Free a piece now, for who needs the memory. Tells whether there was any. */
bool discards_hurry(struct discards *discards);

/* Leave the rest to discards_free(), so that the loop can end. */
void discards_stop(struct discards *discards);

/* Free all that is left; the loop may be closed. */
void discards_free(struct discards *discards);

/* Free a table's entries at once; their timeouts are not looked at. */
void discards_free_entries(struct keytable *table);

#endif
