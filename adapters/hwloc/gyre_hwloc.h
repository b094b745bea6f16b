/*
 * hwloc as what tells a runtime how CPUs hang together: where there is no /sys
 * to tell it, or where hwloc knows better, as by a description of the machine
 * that it is given (HWLOC_XMLFILE).
 *
 *     gyre_runtime_new(&(struct gyre_runtime_options){
 *                              .topology = gyre_hwloc_topology() },
 *                      &runtime);
 */
#ifndef GYRE_HWLOC_H
#define GYRE_HWLOC_H

#include <gyre/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Return it as an option of a runtime. hwloc looks at the machine whenever a
 * runtime is made, which takes some milliseconds.
 *
 * Thread: any
 */
const struct gyre_topology *gyre_hwloc_topology(void);

#ifdef __cplusplus
}
#endif

#endif
