/*
 * Descriptors taken and passed on, with any table of the system.
 */
#ifndef GYRE_NET_INHERIT_H
#define GYRE_NET_INHERIT_H

#include <gyre/inherit.h>

struct gyre_sys;

/* As gyre_inherited_take(). */
int gyre__inherited_take(const struct gyre_sys *sys,
			 struct gyre_inherited *ret_items, unsigned max);

/* As gyre_inherited_start(). */
int gyre__inherited_start(const struct gyre_sys *sys, const char *program,
			  char *const argv[],
			  const struct gyre_inherited *items, unsigned count,
			  int *ret_pid);

#endif
