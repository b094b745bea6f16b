/*
 * Keys that are gone for whoever asks, and whose memory is given back a little
 * in each of the loop's iterations: FLUSHALL of millions of them takes no
 * longer than of one, and so does DEL of a list of millions of elements.
 */
#ifndef KV_DISCARDS_H
#define KV_DISCARDS_H

#include <stdbool.h>

#include "keytable.h"

struct discard;
struct expiries;
struct gyre_loop;
struct object;

struct discards {
	struct gyre_loop *loop;
	struct discard *first; /* the oldest table; NULL: there is none */
	struct discard *last;
	struct object *first_object; /* likewise, and freed before tables are */
	struct object *last_object;
	bool called;  /* a callback is on its way */
	bool stopped; /* the loop is to do no more about it */
};

/* Begin. */
void discards_init(struct discards *discards, struct gyre_loop *loop);

/* Take over a table's entries and their expiries, and leave both empty. */
void discards_add(struct discards *discards, struct keytable *table,
		  struct expiries *expiries);

/* Take over an object, which is freed at once if it is small. */
void discards_add_object(struct discards *discards, struct object *object);

/* Free a piece now, for who needs the memory. Tells whether there was any. */
bool discards_hurry(struct discards *discards);

/*
 * Free so many keys or elements now, if there are any. Whoever adds some calls
 * this for a few more, so that what waits does not become more and more.
 */
void discards_free_some(struct discards *discards, size_t count);

/* Leave the rest to discards_free(), so that the loop can end. */
void discards_stop(struct discards *discards);

/* Free all that is left; the loop may be closed. */
void discards_free(struct discards *discards);

/* Free a table's entries at once, with their expiries. */
void discards_free_entries(struct keytable *table, struct expiries *expiries);

#endif
