/*
 * The berths of an inbox, and what its guests do there. A guest writes an entry
 * and exchanges a word on a line that it mostly has to itself; the consumer
 * exchanges that word once a block. The ring grows while the next block of it
 * has not run, so one that nobody waits for stays small.
 *
 * Rejected: rings of entries at which the consumer looks by itself, since one
 * that would sleep has to look at every ring behind a fence; a store instead of
 * the exchange, since nobody would know whether the consumer still sees it.
 */
#include "bus/berth.h"

#include "base/atomics.h"
#include "base/check.h"
#include "bus/outbox.h"

#include <string.h>

/* -- guests --------------------------------------------------------------- */

struct gyre__guest *
gyre__guest_new(const struct gyre_sys *sys)
{
	struct gyre__guest *guest = gyre__allocate(sys, sizeof(*guest), 0);

	if (guest == NULL)
		return NULL;
	guest->sys = sys;
	guest->refs = 1;
	guest->latest = &guest->places[0][0];
	return guest;
}

static void
ref_guest(struct gyre__guest *guest)
{
	/* berth.G1 relaxed: whoever adds one has one */
	gyre__add_32_relaxed(&guest->refs, 1);
}

static void
unref_guest(struct gyre__guest *guest)
{
	/* berth.G2 acq_rel: every holder's uses before the release of the
	 * memory; pairs with berth.G2 */
	if (guest != NULL &&
	    gyre__add_32_acq_rel(&guest->refs, (uint32_t)-1) == 1)
		guest->sys->release(guest);
}

static struct gyre__place *
places_for(struct gyre__guest *guest, const struct gyre_inbox *inbox)
{
	size_t hash = (uintptr_t)inbox / GYRE__CACHE_PAIR;

	hash ^= hash >> 5;
	return guest->places[hash % GYRE__GUEST_SETS];
}

void
gyre__guest_end(struct gyre__guest *guest)
{
	for (unsigned set = 0; set < GYRE__GUEST_SETS; set++)
		for (unsigned way = 0; way < GYRE__GUEST_WAYS; way++)
			/* berth.P1 release: what the guest did to the berth;
			 * pairs with berth.P3 */
			gyre__store_ptr_release(&guest->places[set][way].berth,
						NULL);
	unref_guest(guest);
}

/* -- a guest's berth ------------------------------------------------------ */

/* Whether its guest still has it. Whoever claimed it. */
static bool
is_vacant(const struct gyre__berth *berth, const struct gyre_inbox *inbox)
{
	const struct gyre__place *places = places_for(berth->guest, inbox);

	for (unsigned way = 0; way < GYRE__GUEST_WAYS; way++)
		/* berth.P3 acquire: what the guest before did to it; pairs
		 * with berth.P1, berth.P2 */
		if (gyre__load_ptr_acquire(&places[way].berth) == berth)
			return false;
	return true;
}

/* One of the inbox's that nobody has, claimed; or NULL. */
static struct gyre__berth *
claim_vacant(struct gyre_inbox *inbox)
{
	/* berth.L1 acquire: the berth and those after it; pairs with
	 * berth.L2 */
	struct gyre__berth *berth = gyre__load_ptr_acquire(&inbox->berths);

	for (; berth != NULL; berth = berth->next) {
		/* berth.C1 acquire: what was done to it while it was claimed;
		 * pairs with berth.C2, berth.C3 */
		if (gyre__swap_32_acquire(&berth->claimed, 1) != 0)
			continue;
		if (is_vacant(berth, inbox))
			return berth;
		/* berth.C2 release: pairs with berth.C1 */
		gyre__store_32_release(&berth->claimed, 0);
	}
	return NULL;
}

/* A new one, claimed; or NULL. */
static struct gyre__berth *
add_berth(struct gyre_inbox *inbox)
{
	struct gyre__berth *berth =
		gyre__allocate(inbox->sys, sizeof(*berth), GYRE__CACHE_LINE);

	if (berth == NULL)
		return NULL;
	berth->claimed = 1;
	/* berth.L3 relaxed: a guess, which the exchange verifies */
	berth->next = gyre__load_ptr_relaxed(&inbox->berths);
	/* berth.L2 release: the berth before the list that leads to it; pairs
	 * with berth.L1 */
	while (!gyre__cas_ptr_release(&inbox->berths, &berth->next, berth))
		continue;
	return berth;
}

/* Where the guest keeps its next one for that inbox: the place is empty, or
 * what is there is left to others. */
static struct gyre__place *
place_for(struct gyre__guest *guest, const struct gyre_inbox *inbox)
{
	struct gyre__place *places = places_for(guest, inbox);

	for (unsigned way = 0; way < GYRE__GUEST_WAYS; way++)
		/* berth.P4 relaxed: nothing is read through it */
		if (gyre__load_ptr_relaxed(&places[way].berth) == NULL)
			return &places[way];
	return &places[guest->evicted++ % GYRE__GUEST_WAYS];
}

static struct gyre__place *
move_in(struct gyre__guest *guest, struct gyre_inbox *inbox)
{
	struct gyre__berth *berth;
	struct gyre__place *place;

	if (gyre__inbox_refuses(inbox))
		return NULL;
	berth = claim_vacant(inbox);
	if (berth == NULL)
		berth = add_berth(inbox);
	if (berth == NULL)
		return NULL;
	ref_guest(guest);
	unref_guest(berth->guest);
	berth->guest = guest;
	place = place_for(guest, inbox);
	place->inbox = inbox;
	place->word = GYRE__BLOCK_FULL; /* nothing is added to its last */
	/* berth.P2 release: what the guest did to the berth that it leaves;
	 * pairs with berth.P3 */
	gyre__store_ptr_release(&place->berth, berth);
	/* berth.C3 release: whose it is now; pairs with berth.C1 */
	gyre__store_32_release(&berth->claimed, 0);
	return place;
}

/* The guest's place for the inbox; NULL: no memory, or it has closed. */
static struct gyre__place *
find_place(struct gyre__guest *guest, struct gyre_inbox *inbox)
{
	struct gyre__place *places = places_for(guest, inbox);
	struct gyre__place *found = NULL;

	for (unsigned way = 0; way < GYRE__GUEST_WAYS; way++)
		/* berth.P5 relaxed: the guest's own; emptied by another thread
		 * before that inbox's memory could be another's */
		if (places[way].inbox == inbox &&
		    gyre__load_ptr_relaxed(&places[way].berth) != NULL)
			found = &places[way];
	if (found == NULL)
		found = move_in(guest, inbox);
	if (found != NULL)
		guest->latest = found;
	return found;
}

/* -- blocks --------------------------------------------------------------- */

/* What an entry or two bring to the word. */
static inline uint32_t
put(struct gyre__block *block, uint32_t used, gyre_callback_fn fn, void *arg,
    gyre_drop_fn drop)
{
	struct gyre__entry *entry = &block->entries[used];
	uint32_t added = GYRE__BLOCK_ONE;

	if (drop != NULL) {
		entry->fn = gyre__drop_mark;
		entry->drop = drop;
		entry++;
		added += GYRE__BLOCK_MARK;
	}
	entry->fn = fn;
	entry->arg = arg;
	return added;
}

/* Add to the block that the guest pushed last, if nobody pushed after it, and
 * it is not taken. */
static inline bool
add_to_last(struct gyre__place *place, const struct gyre__berth *berth,
	    gyre_callback_fn fn, void *arg, gyre_drop_fn drop)
{
	uint32_t seen = place->word;
	uint32_t used = GYRE__BLOCK_USED(seen);
	uint32_t word;

	if (used + (drop != NULL ? 2 : 1) > GYRE__BERTH_ENTRIES)
		return false;
	/* berth.H1 relaxed: nothing is read through it; a push that this
	 * thread may know of is seen */
	if (gyre__load_ptr_relaxed(&place->inbox->head) != &berth->last->task)
		return false;
	/* berth.W5 relaxed: a guess, which the exchange verifies; so both
	 * lines come at the same time, if the consumer has had them */
	if (gyre__load_32_relaxed(&berth->last->word) != seen)
		return false;
	word = seen + put(berth->last, used, fn, arg, drop);
	/* berth.W1 release: the entry; pairs with block.B1 */
	if (!gyre__cas_32_release(&berth->last->word, &seen, word))
		return false;
	place->word = word;
	return true;
}

static struct gyre__block *
add_block(struct gyre__berth *berth, struct gyre_inbox *inbox)
{
	struct gyre__block *block;

	/* berth.N1 relaxed: counts */
	if (gyre__add_32_relaxed(&inbox->berth_blocks, 1) >=
	    GYRE__BERTH_BLOCKS_MAX)
		block = NULL;
	else
		block = gyre__block_new_berthed(inbox->sys);
	if (block == NULL) {
		/* berth.N2 relaxed: counts */
		gyre__add_32_relaxed(&inbox->berth_blocks, (uint32_t)-1);
		return NULL;
	}
	if (berth->last == NULL) {
		block->ring = block;
		return block;
	}
	block->ring = berth->last->ring;
	berth->last->ring = block;
	return block;
}

/* A free block after the last, or NULL. */
static struct gyre__block *
next_block(struct gyre__berth *berth, struct gyre_inbox *inbox)
{
	struct gyre__block *block =
		berth->last != NULL ? berth->last->ring : NULL;

	/* berth.W3 acquire: the consumer's uses of the block; pairs with
	 * block.B2 */
	if (block != NULL &&
	    gyre__load_32_acquire(&block->word) == GYRE__BLOCK_FREE)
		return block;
	return add_block(berth, inbox);
}

/* The next block, to be filled and pushed; or NULL. */
static struct gyre__block *
begin_block(struct gyre__berth *berth, struct gyre_inbox *inbox)
{
	struct gyre__block *block;

	gyre__prefetch_write(&inbox->head);
	block = next_block(berth, inbox);
	if (block != NULL)
		berth->last = block;
	return block;
}

/* Push the last block, which the word says how far it is filled. */
static int
push_last(struct gyre__place *place, struct gyre__berth *berth, uint32_t word)
{
	struct gyre__block *block = berth->last;
	const struct gyre__block *next = block->ring;
	int result;

	block->task.run = gyre__block_untaken;
	/* berth.W2 relaxed: comes with the push */
	gyre__store_32_relaxed(&block->word, word);
	result = gyre__inbox_send(place->inbox, &block->task, &block->task);
	if (result < 0)
		/* berth.W4 relaxed: nobody else knows it */
		gyre__store_32_relaxed(&block->word, GYRE__BLOCK_FREE);
	place->word = word;
	/* The next one's lines come while this one is filled. */
	gyre__prefetch_write(next);
	GYRE__BLOCK_PREFETCH(next, GYRE__BERTH_ENTRIES, gyre__prefetch_write);
	return result;
}

__attribute__((noinline)) static int
add_slowly(struct gyre__guest *guest, struct gyre_inbox *inbox,
	   gyre_callback_fn fn, void *arg, gyre_drop_fn drop)
{
	struct gyre__place *place = find_place(guest, inbox);
	struct gyre__berth *berth;
	struct gyre__block *block;

	if (place == NULL)
		return gyre__send_cell(inbox, fn, arg, drop);
	/* berth.P8 relaxed: as berth.P5 */
	berth = gyre__load_ptr_relaxed(&place->berth);
	if (add_to_last(place, berth, fn, arg, drop))
		return 0;
	block = begin_block(berth, inbox);
	if (block == NULL)
		return gyre__send_cell(inbox, fn, arg, drop);
	return push_last(place, berth, put(block, 0, fn, arg, drop));
}

/* Most are added to the block before, and need no stack for that; see send.c.
 */
int
gyre__berth_add(struct gyre__guest *guest, struct gyre_inbox *inbox,
		gyre_callback_fn fn, void *arg, gyre_drop_fn drop)
{
	struct gyre__place *place = guest->latest;
	/* berth.P6 relaxed: as berth.P5 */
	const struct gyre__berth *berth = gyre__load_ptr_relaxed(&place->berth);

	if (GYRE__LIKELY(place->inbox == inbox && berth != NULL &&
			 drop == NULL) &&
	    add_to_last(place, berth, fn, arg, NULL))
		return 0;
	return add_slowly(guest, inbox, fn, arg, drop);
}

/* -- what was gathered ----------------------------------------------------- */

/* Copy all entries into an empty block. What its word is then. */
static uint32_t
put_all(struct gyre__block *block, const struct gyre__block *from)
{
	GYRE_INSIST(from->used > 0 && from->used <= GYRE__BERTH_ENTRIES);
	memcpy(block->entries, from->entries,
	       from->used * sizeof(block->entries[0]));
	return GYRE__BLOCK_WORD(from->used, from->messages);
}

bool
gyre__berth_push(struct gyre__guest *guest, struct gyre_inbox *inbox,
		 const struct gyre__block *from)
{
	struct gyre__place *place = find_place(guest, inbox);
	struct gyre__berth *berth;
	struct gyre__block *block;

	if (place == NULL)
		return false;
	/* berth.P9 relaxed: as berth.P5 */
	berth = gyre__load_ptr_relaxed(&place->berth);
	block = begin_block(berth, inbox);
	if (block == NULL)
		return false;
	return push_last(place, berth, put_all(block, from)) == 0;
}

/* -- the end of an inbox --------------------------------------------------- */

static void
free_ring(struct gyre__berth *berth, const struct gyre_sys *sys)
{
	struct gyre__block *block = berth->last;
	struct gyre__block *next;

	while (block != NULL) {
		next = block->ring != berth->last ? block->ring : NULL;
		sys->release(block);
		block = next;
	}
}

/* A guest may just be leaving it: then the place is another's. */
static void
empty_place(struct gyre__berth *berth, const struct gyre_inbox *inbox)
{
	struct gyre__place *places = places_for(berth->guest, inbox);

	for (unsigned way = 0; way < GYRE__GUEST_WAYS; way++) {
		struct gyre__berth *expected = berth;

		/* berth.P7 relaxed: the memory's next user hears of it with
		 * that memory */
		(void)gyre__cas_ptr_relaxed(&places[way].berth, &expected,
					    NULL);
	}
}

void
gyre__berths_fini(struct gyre_inbox *inbox)
{
	/* berth.L4 relaxed: whoever added one has given its reference back */
	struct gyre__berth *berth = gyre__load_ptr_relaxed(&inbox->berths);

	while (berth != NULL) {
		struct gyre__berth *next = berth->next;

		empty_place(berth, inbox);
		unref_guest(berth->guest);
		free_ring(berth, inbox->sys);
		inbox->sys->release(berth);
		berth = next;
	}
}
