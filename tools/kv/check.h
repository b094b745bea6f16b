/*
 * An assertion that stays on in every build: what we owe ourselves. A broken
 * one prints its place and aborts, since to go on could mix up replies.
 */
#ifndef KV_CHECK_H
#define KV_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define KV_INSIST(x) \
	((void)((x) || (kv_insist_failed(#x, __FILE__, __LINE__, __func__), 0)))

static inline void
kv_insist_failed(const char *what, const char *file, int line,
		 const char *function)
{
	fprintf(stderr, "gyre-kv: %s:%d: %s(): broken law: %s\n", file, line,
		function, what);
	abort();
}

#endif
