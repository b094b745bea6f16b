/*
 * The cells of one inbox: how a thread without an outbox sends a callback and
 * allocates nothing.
 *
 * A cell is a small block with room for one callback and its drop function.
 * Cells live in chunks that are made as they are needed and freed with the
 * inbox; the free ones are a stack whose head carries a tag beside the top
 * cell's number, so that a pop can't mistake a cell that came back for one
 * that never left. Any thread takes, signal handlers only what is free; the
 * inbox's consumer puts back, many at a time.
 */
#ifndef GYRE_BUS_CELLS_H
#define GYRE_BUS_CELLS_H

#include "bus/block.h"

/* Chunk k has CHUNK_FIRST << k cells; with all of them in use, cells are
 * allocated one by one and freed when they have run. */
#define GYRE__CELL_CHUNKS_MAX 9
#define GYRE__CELL_BYTES      128
#ifndef GYRE__CELL_CHUNK_FIRST /* the explorer's are smaller */
#define GYRE__CELL_CHUNK_FIRST 64
#endif

struct gyre__cells {
	/* -- immutable after init -- */
	const struct gyre_sys *sys;
	/* -- any thread, atomic -- */
	uint64_t free; /* tag << 32 | number of the top cell, 0: none */
	char *chunks[GYRE__CELL_CHUNKS_MAX];
};

/* Cells on their way back, linked from first to last. */
struct gyre__cell_list {
	struct gyre__block *first;
	struct gyre__block *last;
	unsigned count;
};

void gyre__cells_init(struct gyre__cells *cells, const struct gyre_sys *sys);
void gyre__cells_fini(struct gyre__cells *cells);

/* Make the first chunk before anybody takes; false: no memory. */
bool gyre__cells_reserve(struct gyre__cells *cells);

/* An empty cell, or NULL: no memory. Any thread. */
struct gyre__block *gyre__cells_take(struct gyre__cells *cells);

/* One that is free already, or NULL. Any thread and signal handlers. */
struct gyre__block *gyre__cells_take_free(struct gyre__cells *cells);

/* Gather a cell that is done with; one that has no number is freed. */
void gyre__cell_list_add(struct gyre__cell_list *list, struct gyre__block *cell,
			 const struct gyre_sys *sys);

/* Give the gathered cells back, and empty the list. Any thread and signal
 * handlers. */
void gyre__cells_put(struct gyre__cells *cells, struct gyre__cell_list *list);

#endif
