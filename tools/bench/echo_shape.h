/* An echo of 64 bytes over loopback. */
#ifndef BENCH_ECHO_SHAPE_H
#define BENCH_ECHO_SHAPE_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver.h"

#define ECHO_WHAT                                                            \
	"64 bytes to a loop and back over loopback: connections=50 depth=1 " \
	"loops=1 count=400000"

#define ECHO_BYTES           64u
#define ECHO_DEPTH_MAX       64u
#define ECHO_CONNECTIONS_MAX 10000u
#define ECHO_LOOPS_MAX       16u
#define ECHO_OTHERS          64u /* descriptors */

struct echo_loop {
	struct driver driver;
	pthread_t thread;
	unsigned own;
	int64_t cpu_ns;
	uint64_t open; /* connections */
};

static struct {
	struct echo_loop loops[ECHO_LOOPS_MAX];
	uint64_t loops_count;
	uint64_t count; /* connections */
	uint64_t depth;
	int *clients;
	int *servers;
	struct meeting meeting;
} echo;

/* -- connections ----------------------------------------------------------- */

static inline int
echo_listen(struct sockaddr_in *ret_address)
{
	socklen_t length = sizeof(*ret_address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->sin_family = AF_INET;
	ret_address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)ret_address, length) < 0 ||
	    listen(fd, 128) < 0 ||
	    getsockname(fd, (struct sockaddr *)ret_address, &length) < 0)
		bench_fail("nothing listens");
	return fd;
}

static inline void
echo_no_delay(int fd)
{
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static inline void
echo_connect_all(void)
{
	struct sockaddr_in address;
	int listener;

	bench_want_descriptors(2 * echo.count + ECHO_OTHERS);
	echo.clients = (int *)bench_allocate(echo.count, sizeof(int));
	echo.servers = (int *)bench_allocate(echo.count, sizeof(int));
	listener = echo_listen(&address);
	for (uint64_t i = 0; i < echo.count; i++) {
		int client = socket(AF_INET, SOCK_STREAM, 0);
		int server;

		if (client < 0 ||
		    connect(client, (struct sockaddr *)&address,
			    sizeof(address)) < 0 ||
		    (server = accept(listener, NULL, NULL)) < 0)
			bench_fail("no connection");
		echo_no_delay(client);
		echo_no_delay(server);
		(void)fcntl(server, F_SETFL, O_NONBLOCK);
		echo.clients[i] = client;
		echo.servers[i] = server;
	}
	close(listener);
}

static inline void
echo_close_clients(void)
{
	for (uint64_t i = 0; i < echo.count; i++)
		close(echo.clients[i]);
	free(echo.clients);
	free(echo.servers);
}

/* -- echo ------------------------------------------------------------------ */

static inline void *
echo_main(void *arg)
{
	struct echo_loop *own = (struct echo_loop *)arg;
	int64_t begun_ns;

	driver_open(&own->driver);
	for (uint64_t i = own->own; i < echo.count; i += echo.loops_count)
		driver_echo_open(&own->driver, echo.servers[i], &own->open);
	meeting_wait(&echo.meeting);
	begun_ns = bench_thread_cpu_ns();
	driver_run(&own->driver);
	own->cpu_ns = bench_thread_cpu_ns() - begun_ns;
	driver_close(&own->driver);
	return NULL;
}

/* When all connections are closed. */
static inline void
echo_stop(void *arg)
{
	struct echo_loop *own = (struct echo_loop *)arg;

	if (own->open > 0)
		driver_add(&own->driver, echo_stop, own);
	else
		driver_stop(&own->driver);
}

/* To each, then from each: as many are under way as there are connections. */
static inline void
echo_round(uint64_t round)
{
	char sent[ECHO_BYTES * ECHO_DEPTH_MAX];
	char got[ECHO_BYTES * ECHO_DEPTH_MAX];
	size_t length = ECHO_BYTES * echo.depth;

	memset(sent, (int)('a' + round % 26), length);
	for (uint64_t i = 0; i < echo.count; i++) {
		memcpy(sent, &i, sizeof(i));
		if (send(echo.clients[i], sent, length, 0) != (ssize_t)length)
			bench_fail("a message was not sent");
	}
	for (uint64_t i = 0; i < echo.count; i++) {
		memcpy(sent, &i, sizeof(i));
		if (recv(echo.clients[i], got, length, MSG_WAITALL) !=
			    (ssize_t)length ||
		    memcmp(sent, got, length) != 0)
			bench_fail("an echo is not what was sent");
	}
}

static inline void
bench_echo(struct params *params, struct result *result)
{
	uint64_t count = params_number(params, "count", 400000, 1000000000);
	uint64_t rounds;

	echo.count =
		params_number(params, "connections", 50, ECHO_CONNECTIONS_MAX);
	echo.depth = params_number(params, "depth", 1, ECHO_DEPTH_MAX);
	echo.loops_count = params_number(params, "loops", 1, ECHO_LOOPS_MAX);
	rounds = count / (echo.count * echo.depth) + 1;
	echo_connect_all();
	meeting_init(&echo.meeting, (unsigned)echo.loops_count + 1);
	for (unsigned i = 0; i < echo.loops_count; i++) {
		echo.loops[i].own = i;
		post_start(&echo.loops[i].thread, echo_main, &echo.loops[i]);
	}
	meeting_wait(&echo.meeting);
	result_begin(result);
	for (uint64_t round = 0; round < rounds; round++)
		echo_round(round);
	result_end(result, rounds * echo.count * echo.depth);
	echo_close_clients();
	result->cpu_ns = 0;
	for (unsigned i = 0; i < echo.loops_count; i++) {
		driver_post(&echo.loops[i].driver, echo_stop, &echo.loops[i]);
		pthread_join(echo.loops[i].thread, NULL);
		result->cpu_ns += (double)echo.loops[i].cpu_ns;
	}
}

#endif
