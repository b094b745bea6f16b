/*
 * The bus from the inside: a table of the shards' inboxes, read under RCU.
 */
#ifndef GYRE_BUS_BUS_H
#define GYRE_BUS_BUS_H

#include <gyre/bus.h>

#include "base/sys.h"
#include "bus/reaper.h"

/* A bus for so many shards, none of them there yet; or NULL. */
struct gyre_bus *gyre__bus_new(const struct gyre_sys *sys, unsigned shards);

/*
 * Connect the shards: each inbox gets a reference. Once, before any of them
 * is asked for. 0 or -ENOMEM.
 */
int gyre__bus_connect(struct gyre_bus *bus, struct gyre_inbox *const *inboxes);

/* Its reaper, which whoever made the bus starts and stops. */
struct gyre__reaper *gyre__bus_reaper(const struct gyre_bus *bus);

/* Free it, when nobody uses it any more. NULL is a no-op. */
void gyre__bus_free(struct gyre_bus *bus);

#endif
