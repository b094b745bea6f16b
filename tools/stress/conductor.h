/*
 * The conductor, which is the main thread, has storms and hushes alternate.
 *
 * In a storm all send at once. In a hush everything comes to rest, is counted,
 * and then a single task is passed from loop to loop: as nothing else is under
 * way, no timeout either, nobody repairs a wake-up that was lost.
 */
#ifndef STRESS_CONDUCTOR_H
#define STRESS_CONDUCTOR_H

#include "options.h"
#include "report.h"

struct life;

/* Run until it is time to end. 0, or what a life could not be made for. */
int conductor_run(const struct options *options, struct totals *ret_totals);

/* Another thread looks on while the conductor is in a call that blocks; too
 * long is a stall. */
void conductor_guard(struct life *life, const char *what);
void conductor_unguard(void);

/* Wait for something, showing progress; a stall if nothing moves. */
void conductor_await(struct life *life, const char *what,
		     bool (*is_so)(struct life *life, void *arg), void *arg);

int64_t conductor_now_ns(void);

/* Have this thread sleep. */
void conductor_nap(int64_t ns);

#endif
