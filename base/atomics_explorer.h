/*
 * The explorer's backend: each operation is a step that the explorer of
 * tests/models schedules and applies to its model of memory, store buffers
 * included. Values travel as 64 bits.
 */
#ifndef GYRE_BASE_ATOMICS_EXPLORER_H
#define GYRE_BASE_ATOMICS_EXPLORER_H

enum gyre__explorer_order {
	GYRE__EXPLORER_RELAXED,
	GYRE__EXPLORER_ACQUIRE,
	GYRE__EXPLORER_RELEASE,
	GYRE__EXPLORER_ACQ_REL,
};

uint64_t gyre__explorer_load(const void *p, size_t size,
			     enum gyre__explorer_order order);
void gyre__explorer_store(void *p, size_t size, uint64_t value,
			  enum gyre__explorer_order order);
uint64_t gyre__explorer_swap(void *p, size_t size, uint64_t value,
			     enum gyre__explorer_order order);
bool gyre__explorer_cas(void *p, size_t size, void *expected, uint64_t value,
			enum gyre__explorer_order order);
uint64_t gyre__explorer_add(void *p, size_t size, uint64_t delta,
			    enum gyre__explorer_order order);
void gyre__explorer_pause(void);

#define gyre__backend_pause() gyre__explorer_pause()

#define GYRE__EXPLORER_LOAD(width, type, order, ORDER)                    \
	static inline type gyre__load_##width##_##order(const void *p)    \
	{                                                                 \
		return (type)gyre__explorer_load(p, sizeof(type), ORDER); \
	}
#define GYRE__EXPLORER_STORE(width, type, order, ORDER)                        \
	static inline void gyre__store_##width##_##order(void *p, type value)  \
	{                                                                      \
		gyre__explorer_store(p, sizeof(type), (uint64_t)value, ORDER); \
	}
#define GYRE__EXPLORER_SWAP(width, type, order, ORDER)                       \
	static inline type gyre__swap_##width##_##order(void *p, type value) \
	{                                                                    \
		return (type)gyre__explorer_swap(p, sizeof(type),            \
						 (uint64_t)value, ORDER);    \
	}
#define GYRE__EXPLORER_CAS(width, type, order, ORDER)                \
	static inline bool gyre__cas_##width##_##order(              \
		void *p, void *expected, type value)                 \
	{                                                            \
		return gyre__explorer_cas(p, sizeof(type), expected, \
					  (uint64_t)value, ORDER);   \
	}
#define GYRE__EXPLORER_ADD(width, type, order, ORDER)                       \
	static inline type gyre__add_##width##_##order(type *p, type delta) \
	{                                                                   \
		return (type)gyre__explorer_add(p, sizeof(type), delta,     \
						ORDER);                     \
	}

#define GYRE__EXPLORER_OPERATIONS(width, type)                             \
	GYRE__EXPLORER_LOAD(width, type, relaxed, GYRE__EXPLORER_RELAXED)  \
	GYRE__EXPLORER_LOAD(width, type, acquire, GYRE__EXPLORER_ACQUIRE)  \
	GYRE__EXPLORER_STORE(width, type, relaxed, GYRE__EXPLORER_RELAXED) \
	GYRE__EXPLORER_STORE(width, type, release, GYRE__EXPLORER_RELEASE) \
	GYRE__EXPLORER_SWAP(width, type, acquire, GYRE__EXPLORER_ACQUIRE)  \
	GYRE__EXPLORER_SWAP(width, type, acq_rel, GYRE__EXPLORER_ACQ_REL)  \
	GYRE__EXPLORER_CAS(width, type, relaxed, GYRE__EXPLORER_RELAXED)   \
	GYRE__EXPLORER_CAS(width, type, release, GYRE__EXPLORER_RELEASE)   \
	GYRE__EXPLORER_CAS(width, type, acq_rel, GYRE__EXPLORER_ACQ_REL)

#define GYRE__EXPLORER_ARITHMETIC(width, type)                           \
	GYRE__EXPLORER_ADD(width, type, relaxed, GYRE__EXPLORER_RELAXED) \
	GYRE__EXPLORER_ADD(width, type, release, GYRE__EXPLORER_RELEASE) \
	GYRE__EXPLORER_ADD(width, type, acq_rel, GYRE__EXPLORER_ACQ_REL)

GYRE__EXPLORER_OPERATIONS(ptr, void *)
GYRE__EXPLORER_OPERATIONS(32, uint32_t)
GYRE__EXPLORER_OPERATIONS(64, uint64_t)
GYRE__EXPLORER_ARITHMETIC(32, uint32_t)
GYRE__EXPLORER_ARITHMETIC(64, uint64_t)

#endif
