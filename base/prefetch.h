/*
 * Have a cache line come before it is needed.
 *
 * One that will be written is asked for with the right to write it, if another
 * core may have written it last: read first, it would have to come twice. The
 * compiler's builtin does that only where it may assume the instruction, which
 * for x86-64 in general it may not, though all such processors take it: those
 * that have no such thing do nothing.
 */
#ifndef GYRE_BASE_PREFETCH_H
#define GYRE_BASE_PREFETCH_H

static inline void
gyre__prefetch(const void *memory)
{
	__builtin_prefetch(memory);
}

static inline void
gyre__prefetch_write(const void *memory)
{
#if defined(__x86_64__)
	__asm__("prefetchw %0" : : "m"(*(const char *)memory));
#else
	__builtin_prefetch(memory, 1);
#endif
}

#endif
