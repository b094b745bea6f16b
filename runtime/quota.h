/*
 * How much CPU time the process may use: the tightest limit on the way from its
 * control group up to the root, of either version.
 */
#ifndef GYRE_RUNTIME_QUOTA_H
#define GYRE_RUNTIME_QUOTA_H

#include "base/sys.h"

/* In thousandths of a CPU; 0: there is no limit, or none that can be read. 0,
 * or -ENOMEM. */
int gyre__quota_read(const struct gyre_sys *sys, unsigned *ret_milli);

#endif
