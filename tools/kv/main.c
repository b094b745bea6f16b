/*
 * gyre-kv: options, a runtime with the service on every shard, and the lines
 * that tell where it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "plan.h"
#include "secure.h"
#include "server.h"
#include "sockets.h"

#define EXIT_USAGE 2

/* Descriptors that are no clients': loops, listeners, the standard three. */
#define DESCRIPTORS_OTHER 1024

static int64_t
read_clock(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int
fail(const char *what, int error)
{
	server_complain(what, error);
	return EXIT_FAILURE;
}

/* Every client takes a descriptor. What can't be had, accepting waits for. */
static void
raise_descriptor_limit(unsigned clients_max)
{
	struct rlimit limit;
	rlim_t wanted = (rlim_t)clients_max + DESCRIPTORS_OTHER;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void
print_cpus(const struct gyre_runtime *runtime)
{
	unsigned shards = gyre_runtime_shards(runtime);
	bool pinned = gyre_runtime_shard(runtime, 0)->cpu >= 0;

	printf("%u shard%s, %s", shards, shards == 1 ? "" : "s",
	       pinned ? "on CPU" : "not pinned");
	for (unsigned i = 0; pinned && i < shards; i++)
		printf(" %d", gyre_runtime_shard(runtime, i)->cpu);
	printf("\n");
}

static void
print_socket(const struct socket_in *item, bool is_first)
{
	bool is_v6 = item->port != 0 && strchr(item->address, ':') != NULL;

	printf("%s%s%s", is_first ? "listens" : "and",
	       item->with_tls ? " with TLS" : "",
	       item->port != 0 ? " on " : " at ");
	printf("%s%s%s", is_v6 ? "[" : "", item->address, is_v6 ? "]" : "");
	if (item->port != 0)
		printf(":%u", item->port);
	printf("\n");
}

/* Those without TLS come first; those of one port are told once. */
static void
print_sockets(const struct server *server, const struct socket_in *first)
{
	const struct sockets *sockets = &server->sockets;

	print_socket(first, true);
	for (int tls = 0; tls <= 1; tls++) {
		for (size_t i = 0; i < sockets->count; i++) {
			const struct socket_in *item = &sockets->items[i];

			if (item != first && item->with_tls == (tls == 1) &&
			    (item->inherited || item->shard == 0))
				print_socket(item, false);
		}
	}
	if (server->options->unix_path != NULL)
		printf("and at %s\n", server->options->unix_path);
}

/* One without TLS, if there is any. */
static const struct socket_in *
first_socket(const struct sockets *sockets)
{
	for (size_t i = 0; i < sockets->count; i++)
		if (!sockets->items[i].with_tls)
			return &sockets->items[i];
	return &sockets->items[0];
}

/* How tools reach a socket, behind their names. */
static void
write_way(const struct socket_in *item, char *text, size_t size)
{
	bool is_local = strcmp(item->address, "127.0.0.1") == 0 ||
			strcmp(item->address, "0.0.0.0") == 0 ||
			strcmp(item->address, "::") == 0;

	if (item->port == 0)
		snprintf(text, size, " -s %s", item->address);
	else
		snprintf(text, size, "%s%s -p %u%s", is_local ? "" : " -h ",
			 is_local ? "" : item->address, item->port,
			 item->with_tls ? " --tls …" : "");
}

static void
print_welcome(const struct server *server, const struct gyre_runtime *runtime)
{
	const struct socket_in *first = first_socket(&server->sockets);
	char way[256];

	write_way(first, way, sizeof(way));
	printf("gyre-kv %s ", gyre_version());
	print_sockets(server, first);
	print_cpus(runtime);
	printf("Try:\n");
	printf("  redis-cli%s set a 1\n", way);
	printf("  redis-cli%s get a\n", way);
	printf("  redis-benchmark%s -t ping,set,get,incr,mset "
	       "-n 200000 -c 50 -P 16 -q\n",
	       way);
	fflush(stdout);
}

/* Start, serve until a signal, stop. */
static int
serve(struct server *server, struct gyre_runtime *runtime)
{
	int error = gyre_runtime_add_service(runtime, &server_service, server);

	if (error == 0)
		error = gyre_runtime_start(runtime);
	if (error < 0)
		return fail("cannot start", error);
	print_welcome(server, runtime);
	error = gyre_runtime_wait(runtime);
	return error < 0 ? fail("stopped", error) : EXIT_SUCCESS;
}

static int
make_runtime(const struct options *options, struct gyre_runtime **ret_runtime)
{
	const struct gyre_runtime_options runtime_options = {
		.loops = options->loops,
		.pin = options->pin,
		.cpus = options->cpus,
		.cpus_count = options->cpus_count,
		.spin_ns = options->spin_ns,
		.stop_signals = true,
		.control_path = options->control,
	};

	return gyre_runtime_new(&runtime_options, ret_runtime);
}

static int
show_plan(const struct options *options)
{
	struct gyre_runtime *runtime;

	if (make_runtime(options, &runtime) < 0)
		return EXIT_USAGE;
	plan_print(gyre_runtime_plan(runtime), stdout);
	gyre_runtime_free(runtime);
	return EXIT_SUCCESS;
}

/* With its certificates loaded, if it has any. */
static int
run_loaded(struct server *server)
{
	const struct options *options = server->options;
	struct gyre_runtime *runtime;
	int status = EXIT_FAILURE;

	/* What it refuses, it has said why. */
	if (make_runtime(options, &runtime) < 0)
		return EXIT_USAGE;
	server->bus = gyre_runtime_bus(runtime);
	server->shards_count = gyre_runtime_shards(runtime);
	budget_pool_init(&server->memory, options->memory_max,
			 server->shards_count);
	if (sockets_make(server, runtime) == 0)
		status = serve(server, runtime);
	gyre_runtime_free(runtime);
	sockets_free(&server->sockets);
	return status;
}

static int
run(struct server *server)
{
	const struct options *options = server->options;
	int status;
	int error;

	if (options->wants_plan)
		return show_plan(options);
	error = keyhash_init(&server->keyhash);
	if (error < 0)
		return fail("no random numbers", error);
	error = options->has_tls ? secure_load(server) : 0;
	if (error < 0)
		return fail("cannot speak TLS", error);
	status = run_loaded(server);
	secure_unload(server);
	return status;
}

int
main(int argc, char **argv)
{
	struct options options;
	struct server *server;
	int status;

	switch (options_parse(&options, argc, argv)) {
	case OPTIONS_DONE:
		return EXIT_SUCCESS;
	case OPTIONS_BAD:
		return EXIT_USAGE;
	case OPTIONS_RUN:
		break;
	}
	server = calloc(1, sizeof(*server));
	if (server == NULL)
		return EXIT_FAILURE;
	raise_descriptor_limit(options.clients_max);
	server->options = &options;
	server->clients.max = options.clients_max;
	server->started_ns = read_clock(CLOCK_MONOTONIC);
	server->epoch_ns = read_clock(CLOCK_REALTIME) - server->started_ns;
	status = run(server);
	free(server);
	return status;
}
