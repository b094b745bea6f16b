/*
 * A driver is a library's loop as the shapes of the benches see it. Each
 * program has one, and includes the shapes behind it, so that a bench is
 * written once and compiled with each library, in C and in C++. A driver gives,
 * as static functions that end the program when the library fails:
 *
 *     DRIVER_TIMER_NS              the resolution of its timers
 *     struct driver                a loop
 *     struct driver_timer          a timer
 *     struct driver_watch          a descriptor that is watched
 *
 *     driver_open(d)               make a loop on this thread
 *     driver_close(d)              free it
 *     driver_run(d)                run it until it is stopped
 *     driver_stop(d)               on its thread
 *     driver_add(d, fn, arg)       on its thread: run fn in a later iteration
 *     driver_post(d, fn, arg)      the same from any other thread
 *     driver_stats(d, &sleeps, &rings)  where they are known
 *     driver_now(d)                the loop's time, in a callback
 *     driver_timer_init(d, t, fn, arg)
 *     driver_timer_start(d, t, now, delay_ns)  what is not started
 *     driver_timer_again(d, t, now, delay_ns)  what is started
 *     driver_timer_stop(d, t)
 *     driver_timer_fini(d, t)      what is not started
 *     driver_watch_start(d, w, fd, fn, arg)    fn while it can be read
 *     driver_watch_stop(d, w)
 *     driver_echo_open(d, fd, &open)  echo what comes on a connected socket
 *                                  until its peer closes, and count how many
 *                                  are open (else watched_echo.h does)
 *
 * A driver's calls are those that a careful user of the library makes.
 */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include "bench.h"

typedef void (*driver_fn)(void *arg);

#endif
