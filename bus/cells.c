/*
 * A stack of numbers, popped by compare-and-swap on a tagged head. The memory
 * of cells is never given back while the inbox lives, so that a pop which
 * lost its race has read a stale number but never freed memory. Rejected:
 * malloc here and free on the loop, which costs four times the queue.
 */
#include "bus/cells.h"

#include "base/atomics.h"

_Static_assert(sizeof(struct gyre__block) +
			       GYRE__CELL_ENTRIES *
				       sizeof(struct gyre__entry) <=
		       GYRE__CELL_BYTES,
	       "a cell's entries fit in it");

void
gyre__cells_init(struct gyre__cells *cells, const struct gyre_sys *sys)
{
	*cells = (struct gyre__cells){ .sys = sys };
}

void
gyre__cells_fini(struct gyre__cells *cells)
{
	for (unsigned k = 0; k < GYRE__CELL_CHUNKS_MAX; k++)
		cells->sys->release(cells->chunks[k]);
}

/* Numbers begin at 1; chunk k begins at CHUNK_FIRST * (2^k - 1) + 1. */
static struct gyre__block *
cell_at(const struct gyre__cells *cells, uint32_t number)
{
	uint32_t scaled = (number - 1) / GYRE__CELL_CHUNK_FIRST + 1;
	unsigned k = 31 - (unsigned)__builtin_clz(scaled);
	uint32_t begin = GYRE__CELL_CHUNK_FIRST * ((1u << k) - 1) + 1;
	/* cells.K1 relaxed: the number was read from the free stack, which
	 * orders the chunk before it */
	char *chunk = gyre__load_ptr_relaxed(&cells->chunks[k]);

	return (struct gyre__block *)(void *)(chunk + (size_t)(number - begin) *
							      GYRE__CELL_BYTES);
}

void
gyre__cells_put(struct gyre__cells *cells, struct gyre__cell_list *list)
{
	uint64_t seen;
	uint64_t top;

	if (list->first == NULL)
		return;
	/* cells.F1 relaxed: a guess, which the exchange verifies */
	seen = gyre__load_64_relaxed(&cells->free);
	do {
		/* cells.L1 relaxed: published by the exchange below */
		gyre__store_32_relaxed(&list->last->cell.next, (uint32_t)seen);
		top = (seen & ~(uint64_t)UINT32_MAX) | list->first->cell.number;
		/* cells.F2 release: the cells' fields before the head that
		 * leads to them; pairs with cells.F3 */
	} while (!gyre__cas_64_release(&cells->free, &seen, top));
	*list = (struct gyre__cell_list){ 0 };
}

void
gyre__cell_list_add(struct gyre__cell_list *list, struct gyre__block *cell,
		    const struct gyre_sys *sys)
{
	if (cell->cell.number == 0) {
		sys->release(cell);
		return;
	}
	/* cells.L2 relaxed: a taker that lost its race may still read it */
	gyre__store_32_relaxed(&cell->cell.next,
			       list->first != NULL ? list->first->cell.number
						   : 0);
	list->first = cell;
	if (list->last == NULL)
		list->last = cell;
	list->count++;
}

/*
 * Make the next chunk and keep its first cell. NULL: no memory, all chunks
 * are there, or another thread was first; the caller allocates one cell.
 */
static struct gyre__block *
grow(struct gyre__cells *cells)
{
	struct gyre__cell_list list = { 0 };
	char *expected = NULL;
	unsigned k = 0;
	uint32_t begin;
	char *chunk;

	/* cells.K2 relaxed: a guess, which the exchange verifies */
	while (k < GYRE__CELL_CHUNKS_MAX &&
	       gyre__load_ptr_relaxed(&cells->chunks[k]) != NULL)
		k++;
	if (k == GYRE__CELL_CHUNKS_MAX)
		return NULL;
	begin = GYRE__CELL_CHUNK_FIRST * ((1u << k) - 1) + 1;
	chunk = cells->sys->allocate((size_t)(GYRE__CELL_CHUNK_FIRST << k) *
					     GYRE__CELL_BYTES,
				     GYRE__CACHE_PAIR);
	if (chunk == NULL)
		return NULL;
	/* cells.K3 relaxed: its cells are published by cells.F2 */
	if (!gyre__cas_ptr_relaxed(&cells->chunks[k], &expected, chunk)) {
		cells->sys->release(chunk);
		return NULL;
	}
	for (uint32_t i = GYRE__CELL_CHUNK_FIRST << k; i-- > 0;) {
		struct gyre__block *cell =
			(struct gyre__block
				 *)(void *)(chunk +
					    (size_t)i * GYRE__CELL_BYTES);

		gyre__cell_init(cell, begin + i);
		if (i > 0)
			gyre__cell_list_add(&list, cell, cells->sys);
	}
	gyre__cells_put(cells, &list);
	return (struct gyre__block *)(void *)chunk;
}

/*
 * A signal handler may take and put in the middle of anything here, even of a
 * take or put of the thread that it interrupted: to the free stack that is one
 * more thread, which happens to run from begin to end between two steps of
 * another. If it moved the head, the interrupted exchange fails and looks
 * again; that the head looks as before means that nothing was taken, for each
 * take leaves a tag of its own (a handler would have to let 2^32 of them pass).
 * Neither waits for the other. A cell that was taken is the taker's alone
 * before anything is written to it, and one that is put is nobody's until the
 * exchange; a chunk's cells are not on the stack before all of them are made.
 */
struct gyre__block *
gyre__cells_take_free(struct gyre__cells *cells)
{
	for (;;) {
		/* cells.F3 acquire: the cells' fields after the head; pairs
		 * with cells.F2 */
		uint64_t seen = gyre__load_64_acquire(&cells->free);
		struct gyre__block *cell;
		uint64_t top;

		if ((uint32_t)seen == 0)
			return NULL;
		cell = cell_at(cells, (uint32_t)seen);
		/* cells.L3 relaxed: if the cell has left meanwhile this is
		 * stale, and the tag makes the exchange fail */
		top = ((seen >> 32) + 1) << 32 |
		      gyre__load_32_relaxed(&cell->cell.next);
		/* cells.F4 relaxed: the cell's fields were acquired above */
		if (gyre__cas_64_relaxed(&cells->free, &seen, top)) {
			gyre__cell_init(cell, (uint32_t)seen);
			return cell;
		}
	}
}

struct gyre__block *
gyre__cells_take(struct gyre__cells *cells)
{
	struct gyre__block *cell = gyre__cells_take_free(cells);

	if (cell == NULL)
		cell = grow(cells);
	if (cell == NULL)
		cell = gyre__cell_new(cells->sys);
	return cell;
}

bool
gyre__cells_reserve(struct gyre__cells *cells)
{
	struct gyre__cell_list list = { 0 };
	struct gyre__block *cell = grow(cells);

	if (cell == NULL)
		return false;
	gyre__cell_list_add(&list, cell, cells->sys);
	gyre__cells_put(cells, &list);
	return true;
}
