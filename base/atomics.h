/*
 * The atomics seam: every atomic operation of gyre is one of these.
 *
 * Three backends give the same names their meaning. Production is Concurrency
 * Kit's ck_pr with its fences, which cost nothing on x86 but a compiler
 * barrier. Under ThreadSanitizer it is the compiler's builtins with the real
 * orders, which it can see; base/tsan/ck_pr.h does the same for CK's own code.
 * In the explorer's build (GYRE_EXPLORER) every operation is a step of a
 * schedule that a test chooses, with store buffers.
 *
 * `ptr` operations take the address of any object pointer, `32` and `64` of a
 * uint32_t and uint64_t. A cas takes the address of what is expected and
 * leaves there what it saw; it answers whether it stored. Each use carries a
 * comment with a label `file.X1`, its order, what it orders, and the label it
 * pairs with; tools/checks/atomics holds that the pairs are complete.
 */
#ifndef GYRE_BASE_ATOMICS_H
#define GYRE_BASE_ATOMICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SANITIZE_THREAD__)
#define GYRE__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GYRE__TSAN 1
#endif
#endif

#if defined(GYRE_EXPLORER)
#include "base/atomics_explorer.h"
#elif defined(GYRE__TSAN)
#include "base/atomics_builtin.h"
#else
#include "base/atomics_ck.h"
#endif

/* Tell the processor that this is a loop that waits. */
static inline void
gyre__pause(void)
{
	gyre__backend_pause();
}

#endif
