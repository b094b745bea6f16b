/*
 * Concurrency Kit's ck_pr.h as ThreadSanitizer can see it.
 *
 * First on the include path of the ThreadSanitizer build only. CK's inline
 * assembly is invisible to the sanitizer, and with its compiler-builtin
 * backend loads and stores stay plain accesses; so take that backend and make
 * loads acquire, stores release and exchanges atomic. Happens-before then
 * follows what is really read from what.
 */
#ifndef GYRE_BASE_TSAN_CK_PR_H
#define GYRE_BASE_TSAN_CK_PR_H

#pragma GCC system_header

#ifndef CK_USE_CC_BUILTINS
#define CK_USE_CC_BUILTINS 1
#endif
#include_next <ck_pr.h>

#undef ck_pr_load_ptr
#undef ck_pr_load_64
#undef ck_pr_load_32
#undef ck_pr_load_uint
#undef ck_pr_load_int
#undef ck_pr_load_char
#undef ck_pr_store_ptr
#undef ck_pr_store_ptr_unsafe
#undef ck_pr_store_64
#undef ck_pr_store_32
#undef ck_pr_store_uint
#undef ck_pr_store_int
#undef ck_pr_store_char
#undef ck_pr_fas_ptr
#undef ck_pr_fas_64
#undef ck_pr_fas_32
#undef ck_pr_fas_uint
#undef ck_pr_fas_int

#define ck_pr_load_ptr(p)  ((void *)__atomic_load_n((void **)(p), 2))
#define ck_pr_load_64(p)   __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define ck_pr_load_32(p)   __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define ck_pr_load_uint(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define ck_pr_load_int(p)  __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define ck_pr_load_char(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)

#define ck_pr_store_ptr(p, v) \
	__atomic_store_n((void **)(p), (void *)(v), __ATOMIC_RELEASE)
#define ck_pr_store_ptr_unsafe(p, v) ck_pr_store_ptr(p, v)
#define ck_pr_store_64(p, v)         __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define ck_pr_store_32(p, v)         __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define ck_pr_store_uint(p, v)       __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define ck_pr_store_int(p, v)        __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define ck_pr_store_char(p, v)       __atomic_store_n((p), (v), __ATOMIC_RELEASE)

#define ck_pr_fas_ptr(p, v) \
	__atomic_exchange_n((void **)(p), (void *)(v), __ATOMIC_SEQ_CST)
#define ck_pr_fas_64(p, v)   __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define ck_pr_fas_32(p, v)   __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define ck_pr_fas_uint(p, v) __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define ck_pr_fas_int(p, v)  __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)

#endif
