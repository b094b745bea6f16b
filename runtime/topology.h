/*
 * The allowed CPUs and how they hang together: which share a core, and which
 * core is in which NUMA node.
 */
#ifndef GYRE_RUNTIME_TOPOLOGY_H
#define GYRE_RUNTIME_TOPOLOGY_H

#include <gyre/runtime.h>

#include "base/thread.h"

struct gyre__topology_cpu {
	unsigned cpu;
	unsigned node;
	unsigned core;    /* dense, in the order of the CPUs */
	unsigned sibling; /* which one of its core's allowed CPUs */
	unsigned place;   /* which one of its node's cores */
};

struct gyre__topology {
	unsigned count;
	unsigned cores;
	unsigned nodes;
	struct gyre__topology_cpu cpus[GYRE__CPUS_MAX]; /* by number */
};

enum gyre__topology_order {
	/* Nodes in turn, cores before siblings: as far apart as can be. */
	GYRE__TOPOLOGY_APART,
	/* Node by node, core by core, siblings together. */
	GYRE__TOPOLOGY_TOGETHER,
};

/* Look at the CPUs of a set, by the options' topology or the system's files.
 * What is not told is taken for cores of their own in one node. */
void gyre__topology_read(const struct gyre_runtime_options *options,
			 const struct gyre__cpus *allowed,
			 struct gyre__topology *ret);

void gyre__topology_sort(struct gyre__topology *topology,
			 enum gyre__topology_order order);

#endif
