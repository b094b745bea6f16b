/*
 * An outbox's stock of blocks. All of it is for the outbox's own thread.
 */
#ifndef GYRE_BUS_STOCK_H
#define GYRE_BUS_STOCK_H

#include "bus/outbox.h"

/* An empty block, or NULL: no memory. */
struct gyre__block *gyre__stock_take(struct gyre__outbox *outbox);

/* Take one back that came home. */
void gyre__stock_put(struct gyre__outbox *outbox, struct gyre__block *block);

/* Free those that are at home. */
void gyre__stock_fini(struct gyre__outbox *outbox);

/* Free a block whose home has closed. */
void gyre__block_free_orphan(struct gyre__block *block);

#endif
