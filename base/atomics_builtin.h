/*
 * The ThreadSanitizer backend: the compiler's builtins with the real orders.
 */
#ifndef GYRE_BASE_ATOMICS_BUILTIN_H
#define GYRE_BASE_ATOMICS_BUILTIN_H

#include <sched.h>

#define gyre__backend_pause() sched_yield()

#define gyre__load_ptr_relaxed(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define gyre__load_32_relaxed(p)  __atomic_load_n(p, __ATOMIC_RELAXED)
#define gyre__load_64_relaxed(p)  __atomic_load_n(p, __ATOMIC_RELAXED)
#define gyre__load_ptr_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define gyre__load_32_acquire(p)  __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define gyre__load_64_acquire(p)  __atomic_load_n(p, __ATOMIC_ACQUIRE)

#define gyre__store_ptr_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define gyre__store_32_relaxed(p, v)  __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define gyre__store_64_relaxed(p, v)  __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define gyre__store_ptr_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define gyre__store_32_release(p, v)  __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define gyre__store_64_release(p, v)  __atomic_store_n(p, v, __ATOMIC_RELEASE)

#define gyre__swap_ptr_acquire(p, v) __atomic_exchange_n(p, v, __ATOMIC_ACQUIRE)
#define gyre__swap_32_acquire(p, v)  __atomic_exchange_n(p, v, __ATOMIC_ACQUIRE)
#define gyre__swap_64_acquire(p, v)  __atomic_exchange_n(p, v, __ATOMIC_ACQUIRE)
#define gyre__swap_ptr_acq_rel(p, v) __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL)
#define gyre__swap_32_acq_rel(p, v)  __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL)
#define gyre__swap_64_acq_rel(p, v)  __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL)

#define GYRE__CAS(p, expected, v, order)                          \
	__atomic_compare_exchange_n(p, expected, v, false, order, \
				    __ATOMIC_RELAXED)
#define gyre__cas_ptr_relaxed(p, e, v) GYRE__CAS(p, e, v, __ATOMIC_RELAXED)
#define gyre__cas_32_relaxed(p, e, v)  GYRE__CAS(p, e, v, __ATOMIC_RELAXED)
#define gyre__cas_64_relaxed(p, e, v)  GYRE__CAS(p, e, v, __ATOMIC_RELAXED)
#define gyre__cas_ptr_release(p, e, v) GYRE__CAS(p, e, v, __ATOMIC_RELEASE)
#define gyre__cas_32_release(p, e, v)  GYRE__CAS(p, e, v, __ATOMIC_RELEASE)
#define gyre__cas_64_release(p, e, v)  GYRE__CAS(p, e, v, __ATOMIC_RELEASE)
#define gyre__cas_ptr_acq_rel(p, e, v) GYRE__CAS(p, e, v, __ATOMIC_ACQ_REL)
#define gyre__cas_32_acq_rel(p, e, v)  GYRE__CAS(p, e, v, __ATOMIC_ACQ_REL)
#define gyre__cas_64_acq_rel(p, e, v)  GYRE__CAS(p, e, v, __ATOMIC_ACQ_REL)

#define gyre__add_32_relaxed(p, d) __atomic_fetch_add(p, d, __ATOMIC_RELAXED)
#define gyre__add_64_relaxed(p, d) __atomic_fetch_add(p, d, __ATOMIC_RELAXED)
#define gyre__add_32_release(p, d) __atomic_fetch_add(p, d, __ATOMIC_RELEASE)
#define gyre__add_64_release(p, d) __atomic_fetch_add(p, d, __ATOMIC_RELEASE)
#define gyre__add_32_acq_rel(p, d) __atomic_fetch_add(p, d, __ATOMIC_ACQ_REL)
#define gyre__add_64_acq_rel(p, d) __atomic_fetch_add(p, d, __ATOMIC_ACQ_REL)

#endif
