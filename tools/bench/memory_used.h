/* What is allocated, as glibc counts it: by this thread alone. */
#ifndef BENCH_MEMORY_USED_H
#define BENCH_MEMORY_USED_H

#include <malloc.h>

static inline double
memory_used(void)
{
	struct mallinfo2 info = mallinfo2();

	return (double)(info.uordblks + info.hblkhd);
}

#endif
