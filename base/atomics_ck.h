/*
 * The production backend: ck_pr operations, which order nothing by themselves
 * on weakly ordered machines, with ck_pr fences around them.
 */
#ifndef GYRE_BASE_ATOMICS_CK_H
#define GYRE_BASE_ATOMICS_CK_H

#include <ck_pr.h>

#define gyre__backend_pause() ck_pr_stall()

#define GYRE__CK_OPERATIONS(width, type)                                       \
	static inline type gyre__load_##width##_relaxed(const void *p)         \
	{                                                                      \
		return (type)ck_pr_load_##width((type const *)p);              \
	}                                                                      \
	static inline type gyre__load_##width##_acquire(const void *p)         \
	{                                                                      \
		type value = (type)ck_pr_load_##width((type const *)p);        \
		ck_pr_fence_acquire();                                         \
		return value;                                                  \
	}                                                                      \
	static inline void gyre__store_##width##_relaxed(void *p, type value)  \
	{                                                                      \
		ck_pr_store_##width((type *)p, value);                         \
	}                                                                      \
	static inline void gyre__store_##width##_release(void *p, type value)  \
	{                                                                      \
		ck_pr_fence_release();                                         \
		ck_pr_store_##width((type *)p, value);                         \
	}                                                                      \
	static inline type gyre__swap_##width##_acquire(void *p, type value)   \
	{                                                                      \
		type seen = (type)ck_pr_fas_##width((type *)p, value);         \
		ck_pr_fence_acquire();                                         \
		return seen;                                                   \
	}                                                                      \
	static inline type gyre__swap_##width##_acq_rel(void *p, type value)   \
	{                                                                      \
		ck_pr_fence_release();                                         \
		return gyre__swap_##width##_acquire(p, value);                 \
	}                                                                      \
	static inline bool gyre__cas_##width##_relaxed(                        \
		void *p, void *expected, type value)                           \
	{                                                                      \
		type *seen = (type *)expected;                                 \
		return ck_pr_cas_##width##_value((type *)p, *seen, value,      \
						 seen);                        \
	}                                                                      \
	static inline bool gyre__cas_##width##_release(                        \
		void *p, void *expected, type value)                           \
	{                                                                      \
		ck_pr_fence_release();                                         \
		return gyre__cas_##width##_relaxed(p, expected, value);        \
	}                                                                      \
	static inline bool gyre__cas_##width##_acq_rel(                        \
		void *p, void *expected, type value)                           \
	{                                                                      \
		bool stored = gyre__cas_##width##_release(p, expected, value); \
		ck_pr_fence_acquire();                                         \
		return stored;                                                 \
	}

#define GYRE__CK_ARITHMETIC(width, type)                                    \
	static inline type gyre__add_##width##_relaxed(type *p, type delta) \
	{                                                                   \
		return ck_pr_faa_##width(p, delta);                         \
	}                                                                   \
	static inline type gyre__add_##width##_release(type *p, type delta) \
	{                                                                   \
		ck_pr_fence_release();                                      \
		return ck_pr_faa_##width(p, delta);                         \
	}                                                                   \
	static inline type gyre__add_##width##_acq_rel(type *p, type delta) \
	{                                                                   \
		ck_pr_fence_release();                                      \
		type seen = ck_pr_faa_##width(p, delta);                    \
		ck_pr_fence_acquire();                                      \
		return seen;                                                \
	}

GYRE__CK_OPERATIONS(ptr, void *)
GYRE__CK_OPERATIONS(32, uint32_t)
GYRE__CK_OPERATIONS(64, uint64_t)
GYRE__CK_ARITHMETIC(32, uint32_t)
GYRE__CK_ARITHMETIC(64, uint64_t)

#undef GYRE__CK_OPERATIONS
#undef GYRE__CK_ARITHMETIC

#endif
