/*
 * Assertions, always on: REQUIRE for what the caller owes, INSIST for what we
 * owe, DEBUG_ASSERT for walks that are too dear for production. A failed one
 * prints its place and aborts.
 */
#ifndef GYRE_BASE_CHECK_H
#define GYRE_BASE_CHECK_H

#define GYRE__LIKELY(x)   __builtin_expect(!!(x), 1)
#define GYRE__UNLIKELY(x) __builtin_expect(!!(x), 0)

#define GYRE_REQUIRE(x)                                                       \
	((void)(GYRE__LIKELY(x) || (gyre__fail("caller's error: " #x,         \
					       __FILE__, __LINE__, __func__), \
				    0)))
#define GYRE_INSIST(x)                                                        \
	((void)(GYRE__LIKELY(x) ||                                            \
		(gyre__fail("broken law: " #x, __FILE__, __LINE__, __func__), \
		 0)))

#ifdef GYRE_DEBUG
#define GYRE_DEBUG_ASSERT(x) GYRE_INSIST(x)
#else
#define GYRE_DEBUG_ASSERT(x) ((void)(0 && (x)))
#endif

/* Print one line to standard error and abort. Async-signal-safe. */
_Noreturn void gyre__fail(const char *what, const char *file, int line,
			  const char *function);

#endif
