/*
 * All benches over the driver that was included before. DRIVER_POOL: there is
 * a bench_pool too, and this is what it measures; DRIVER_WITHOUT_TIMERS: the
 * driver has none; DRIVER_WITHOUT_ORDER: or calls them in no order;
 * DRIVER_ECHO: it has an echo of its own; DRIVER_CAN_SPIN: before it sleeps,
 * as driver_spin(ns) says; DRIVER_SPINS: it does not sleep;
 * DRIVER_SUBSCRIBES: it has topics, and a bench_subscription;
 * DRIVER_GATHERS: a thread can have an outbox; DRIVER_SERVES: there are servers
 * made with it.
 */
#ifndef BENCH_SHAPES_H
#define BENCH_SHAPES_H

#include "post_shape.h"
#ifdef DRIVER_CAN_SPIN
#include "spin_shape.h"
#endif
#ifdef DRIVER_GATHERS
#include "gather_shape.h"
#endif
#ifndef DRIVER_ECHO
#include "watched_echo.h"
#endif
#include "echo_shape.h"
#include "fd_shape.h"
#if defined(__GLIBC__)
#include "memory_shape.h"
#endif
#include "self_shape.h"
#ifndef DRIVER_WITHOUT_TIMERS
#include "timer_shape.h"
#endif

static const struct bench benches[] = {
	{ "selfpost", SELF_WHAT, bench_self },
#ifndef DRIVER_WITHOUT_TIMERS
	{ "timer_ic", TIMER_IC_WHAT, bench_timer_ic },
#ifndef DRIVER_WITHOUT_ORDER
	{ "timer_exp", TIMER_EXP_WHAT, bench_timer_exp },
#endif
	{ "timer_churn", TIMER_CHURN_WHAT, bench_timer_churn },
#endif
	{ "xpost", XPOST_WHAT, bench_xpost },
	{ "xrate", XRATE_WHAT, bench_xrate },
	{ "xping", XPING_WHAT, bench_xping },
	{ "xmesh", XMESH_WHAT, bench_xmesh },
#ifdef DRIVER_GATHERS
	{ "xgather", XGATHER_WHAT, bench_xgather },
#endif
#ifdef DRIVER_CAN_SPIN
	{ "xpost_spin", XPOST_WHAT SPIN_WHAT, bench_xpost_spin },
	{ "xrate_spin", XRATE_WHAT SPIN_WHAT, bench_xrate_spin },
	{ "xping_spin", XPING_WHAT SPIN_WHAT, bench_xping_spin },
#endif
	{ "fdready", FDREADY_WHAT, bench_fdready },
	{ "echo", ECHO_WHAT, bench_echo },
#ifndef DRIVER_SPINS
	{ "idle", IDLE_WHAT, bench_idle },
#if defined(__GLIBC__)
	{ "memory", MEMORY_WHAT, bench_memory },
#endif
#endif
#ifdef DRIVER_SUBSCRIBES
	{ "subscription", SUBSCRIPTION_WHAT, bench_subscription },
#endif
#ifdef DRIVER_POOL
	{ "pool", DRIVER_POOL, bench_pool },
#endif
#ifdef DRIVER_SERVES
	{ "kv", SERVED_KV_WHAT, bench_kv },
	{ "http", SERVED_HTTP_WHAT, bench_http },
#endif
	{ NULL, NULL, NULL },
};

#endif
