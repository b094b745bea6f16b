/*
 * Berths: how a thread without an outbox sends callbacks to an inbox.
 *
 * A berth is a ring of blocks that one thread at a time fills: its guest. A
 * block is pushed with its first callback, and what follows is added to it
 * where it is, until the consumer takes it: so the head, which all senders
 * exchange, is exchanged once a block. The block's word says how far it is
 * filled, and whose it is:
 *
 *           push                 add              take         ran
 *     FREE ------> filled by 1 -------> by 2 ... ------> TAKEN ----> FREE
 *      the guest's     both's: whoever exchanges it      the consumer's
 *
 * Nothing is added to a block that something was pushed after, whoever sent
 * that: so what was sent before, as far as anybody can tell, is taken before.
 *
 * Berths live as long as their inbox. A guest that ends, or has too many,
 * leaves them to others. It has a reference from each, and knows them by its
 * places; the inbox's end empties those. What is sent may end the inbox, so
 * that a guest touches nothing but its place after the exchange that sends.
 */
#ifndef GYRE_BUS_BERTH_H
#define GYRE_BUS_BERTH_H

#include "bus/block.h"
#include "bus/inbox.h"

/* All that one inbox's berths keep: 4 MiB. Then there are the cells. */
#define GYRE__BERTH_BLOCKS_MAX 8192u
#ifndef GYRE__GUEST_SETS /* the explorer's are fewer */
#define GYRE__GUEST_SETS 16u
#define GYRE__GUEST_WAYS 4u
#endif

struct gyre__berth {
	/* -- immutable once it is there -- */
	struct gyre__berth *next; /* of its inbox */
	/* -- any thread, atomic -- */
	uint32_t claimed; /* by who would be its guest */
	/* -- whoever claimed it -- */
	struct gyre__guest *guest; /* a reference */
	/* -- its guest -- */
	struct gyre__block *last; /* used last, on its ring; or NULL */
};

struct gyre__place {
	struct gyre_inbox *inbox;
	/* Written by the guest, read by whoever claimed the berth, emptied when
	 * its inbox ends; a guest that finds its inbox there finds it whole. */
	struct gyre__berth *berth;
	/* What becomes known when something is sent: the berth may be gone
	 * with its inbox by then. */
	uint32_t word; /* what last's word should be */
};

/* A thread without an outbox that has sent callbacks. */
struct gyre__guest {
	const struct gyre_sys *sys;
	/* -- any thread, atomic -- */
	uint32_t refs;
	/* -- its thread -- */
	uint32_t evicted;           /* counts */
	struct gyre__place *latest; /* of its places: most send there again */
	struct gyre__place places[GYRE__GUEST_SETS][GYRE__GUEST_WAYS];
};

/* A guest with no berth yet, or NULL: no memory. */
struct gyre__guest *gyre__guest_new(const struct gyre_sys *sys);

/* Leave all berths to others. Its thread. */
void gyre__guest_end(struct gyre__guest *guest);

/* This thread's guest, or NULL: one of the thread-locals. */
extern _Thread_local struct gyre__guest *gyre__guest_of_thread
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Make this thread one, until it ends; NULL: it can't be. */
struct gyre__guest *gyre__guest_arrive(void);

/* Send a callback to an inbox, at the guest's berth or, if that has no room, by
 * gyre__send_cell(). Its thread. */
int gyre__berth_add(struct gyre__guest *guest, struct gyre_inbox *inbox,
		    gyre_callback_fn fn, void *arg, gyre_drop_fn drop);

/* Send all callbacks of a block in one of the guest's berth; false: none was
 * sent. Its thread, which has a reference to the inbox. */
bool gyre__berth_push(struct gyre__guest *guest, struct gyre_inbox *inbox,
		      const struct gyre__block *from);

/* Free an inbox's berths, with whatever is in them. Its last user. */
void gyre__berths_fini(struct gyre_inbox *inbox);

#endif
