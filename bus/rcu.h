/*
 * The RCU seam: liburcu's QSBR flavour, and the edges ThreadSanitizer needs.
 *
 * A registered thread that is online holds up every grace period until it
 * reports a quiescent state, so a loop reports one each iteration and is
 * offline around a wait that can block. Pointers are published with a release
 * store and read with an acquire load of the atomics seam; what a reader
 * reached it may use until its thread's next quiescent state.
 */
#ifndef GYRE_BUS_RCU_H
#define GYRE_BUS_RCU_H

#include "base/atomics.h"

/* Begin and end taking part, as a loop; a registered thread is online. Own
 * thread. */
void gyre__rcu_register(void);
void gyre__rcu_unregister(void);

/* No pointer read before is used after. Own thread, online. */
void gyre__rcu_quiescent(void);

/* Leave and rejoin the readers, around a wait that can block. Own thread. */
void gyre__rcu_offline(void);
void gyre__rcu_online(void);

/*
 * Begin to read on whatever thread this is, if it does not yet, and end what
 * was begun. A thread without a loop is registered the first time, online
 * between these two only, and unregistered when it ends. Own thread.
 */
bool gyre__rcu_enter(void);
void gyre__rcu_leave(bool entered);

/* Wait until every reader has been quiescent, where it is not lost. Any thread
 * that is no reader. */
void gyre__rcu_synchronize(void);

/* Whether this is a child of a process whose other threads read or waited:
 * who registers is then no reader, and nobody may wait. Any thread. */
bool gyre__rcu_is_lost(void);

#endif
