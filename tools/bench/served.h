/*
 * A program that serves: it is started, asked over loopback, and ended. What is
 * measured is how long a request takes, and the CPU time of the server's
 * threads, all of them together. One page of code for each program says how it
 * is called and what it speaks; the requests are the same for all that speak
 * the same. Linux only, for the CPU time.
 */
#ifndef BENCH_SERVED_H
#define BENCH_SERVED_H

#include "bench.h"

#define SERVED_ARGUMENTS_MAX 32u

#define SERVED_KV_WHAT                                                      \
	"a key-value server, SET and GET in turns: connections=50 depth=1 " \
	"loops=1 count=400000"
#define SERVED_HTTP_WHAT \
	"an HTTP server, GET: connections=50 depth=1 loops=1 count=400000"

/* How it is to be called. */
struct served_call {
	uint16_t port; /* of 127.0.0.1 */
	unsigned loops;
	const char *folder; /* an empty one, for what it must write */
	char *argv[SERVED_ARGUMENTS_MAX];
	unsigned argc;
};

/* Add an argument, written as printf does. */
void served_argument(struct served_call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

enum served_protocol {
	SERVED_RESP,
	SERVED_MEMCACHED,
	SERVED_HTTP,
};

struct served {
	/* A path, or the name of a program that stands beside this one. */
	const char *program;
	enum served_protocol protocol;
	/* Add the arguments that follow the program. */
	void (*describe)(struct served_call *call);
};

void served_bench(const struct served *served, struct params *params,
		  struct result *result);

/* The whole of a program that has one server, and the bench for what that
 * speaks: its exit status. */
int served_main(int argc, char **argv, const struct served *served);

#endif
