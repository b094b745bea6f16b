/*
 * What the tests of net share: a loop whose system table can be told to fail
 * or to cut short, sockets to talk to it with, and a teardown that compares
 * descriptors and memory with what they were.
 *
 * One thread: the test plays both ends and runs the loop in between.
 */
#ifndef GYRE_TESTS_NET_HARNESS_H
#define GYRE_TESTS_NET_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <errno.h>
#include <gyre/net.h>

#include "base/sys.h"

/* One kind of call: how often it was made, and which ones fail. */
struct fault {
	unsigned calls;
	unsigned fail_at;   /* the n-th call from now on; 0: none */
	unsigned fail_more; /* and so many after it */
	int error;
};

struct faults {
	struct fault allocate;
	struct fault socket;
	struct fault connect;
	struct fault getsockopt;
	struct fault setsockopt;
	struct fault bind;
	struct fault listen;
	struct fault getsockname;
	struct fault fcntl;
	struct fault accept;
	struct fault watch; /* what tells a poller of a descriptor */
	struct fault recv;
	struct fault send;
	struct fault recvmmsg;
	struct fault sendmmsg;
	uint16_t connect_ports[8]; /* to which, in the order of the calls */
	bool endless;    /* recv always has as much as it is asked for */
	size_t recv_max; /* bytes a call moves at most; 0: no limit */
	size_t send_max;
	unsigned messages_max; /* that a call moves at most; 0: no limit */
	bool each;             /* one message a call, as on other systems */
	unsigned again_every;  /* each n-th recv and send: EAGAIN or EINTR */
	int64_t late_ns;       /* the loop's clock is so far ahead */
	unsigned shutdown_calls;
	int shutdown_error;
	size_t live; /* allocations that were not released */
	size_t live_bytes;
};

extern struct faults faults;
extern struct gyre_loop *loop;
extern unsigned log_lines;
extern char log_last[512];

/* Fail the n-th call of a kind from now on, and `more` after it. */
void inject(struct fault *fault, unsigned n, unsigned more, int error);

/* cmocka's setup and teardown; the latter finds what was left behind. */
int net_setup(void **state);
int net_teardown(void **state);

/* Close and free the loop early; the teardown then leaves it alone. */
void close_loop(void);

/* Run the loop until the function says so; the test fails after 30 s. */
void run_until(bool (*done)(void *arg), void *arg);
void run_for(int64_t delay_ns);

/* Run it until so many are counted, which may not become more. */
void run_until_counted(const unsigned *counted, unsigned count);

uint64_t iterations(void);

/* -- peers: plain non-blocking sockets ------------------------------------ */

void unix_pair(int fds[2]);
void tcp_pair(int fds[2]);
int connect_to(uint16_t port);
/* A listener of 127.0.0.1; it has room for backlog + 1 that nobody accepts. */
int listen_at(int backlog, uint16_t *ret_port);
/* Close with a reset. */
void reset(int fd);
/* Send all of it, running the loop while the kernel takes none. */
void send_all(int fd, const void *data, size_t length);
/* Receive exactly so many bytes, running the loop in between. */
void receive_all(int fd, void *data, size_t length);
/* 0 at the end, a negative errno on error, else what there was. */
int receive_some(int fd, void *data, size_t length);
/* Run the loop until the peer sees the end; nothing may come before it. */
void expect_end(int fd);

int count_fds(void);

#endif
