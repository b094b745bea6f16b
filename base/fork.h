/*
 * A fork is noticed by a count that only a child changes: what was made under
 * another count belongs to the parent, and so do its descriptors. Comparing is
 * a load, so that every entry point can afford it; getpid() is a system call.
 */
#ifndef GYRE_BASE_FORK_H
#define GYRE_BASE_FORK_H

#include <stdbool.h>
#include <stdint.h>

/* How many forks lie between this process and the one that began to count. It
 * is written in a child that has one thread, and read by all. */
extern uint32_t gyre__fork_count;

/* The count, for what is made now. Any thread. */
uint32_t gyre__forks(void);

/* Whether what was made under this count is the parent's. Any thread. */
static inline bool
gyre__is_fork(uint32_t forks)
{
	return __builtin_expect(forks != gyre__fork_count, 0);
}

#endif
