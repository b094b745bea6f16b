/*
 * gyre-kv: options, a runtime with the service on every shard, and the lines
 * that tell where it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "plan.h"
#include "probe.h"
#include "secure.h"
#include "server.h"

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
complain(const char *what, int error)
{
	fprintf(stderr, "gyre-kv: %s: %s\n", what, strerror(-error));
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
print_address(const char *words, const char *address, uint16_t port)
{
	bool is_v6 = strchr(address, ':') != NULL;

	printf("%s%s%s%s:%u\n", words, is_v6 ? "[" : "", address,
	       is_v6 ? "]" : "", port);
}

static void
print_welcome(const struct server *server, const struct gyre_runtime *runtime)
{
	const struct options *options = server->options;
	const char *address = options->bind;
	bool is_local = strcmp(address, "127.0.0.1") == 0 ||
			strcmp(address, "0.0.0.0") == 0;
	const char *host = is_local ? "" : address;
	const char *flag = is_local ? "" : " -h ";
	const char *tls = options->has_port ? "" : " --tls …";
	unsigned port = options->has_port ? server->port : server->tls_port;

	printf("gyre-kv %s ", gyre_version());
	if (options->has_port)
		print_address("listens on ", address, server->port);
	if (options->has_tls)
		print_address(options->has_port ? "and with TLS on "
						: "listens with TLS on ",
			      address, server->tls_port);
	if (options->unix_path != NULL)
		printf("and at %s\n", options->unix_path);
	print_cpus(runtime);
	printf("Try:\n");
	printf("  redis-cli%s%s -p %u%s set a 1\n", flag, host, port, tls);
	printf("  redis-cli%s%s -p %u%s get a\n", flag, host, port, tls);
	printf("  redis-benchmark%s%s -p %u%s -t ping,set,get,incr,mset "
	       "-n 200000 -c 50 -P 16 -q\n",
	       flag, host, port, tls);
	fflush(stdout);
}

/* The ports, held until the shards listen; -1: none. */
struct probes {
	int plain;
	int tls;
};

static void
let_go(const struct probes *probes)
{
	if (probes->plain >= 0)
		close(probes->plain);
	if (probes->tls >= 0)
		close(probes->tls);
}

/* Hold a port, 0: any; -1: it can't be had, and a line says so. */
static int
hold(const struct options *options, uint16_t *port)
{
	char what[128];
	int probe = probe_hold(options->bind, port);

	if (probe >= 0)
		return probe;
	snprintf(what, sizeof(what), "cannot listen on %s port %u",
		 options->bind, *port);
	complain(what, probe);
	return -1;
}

static bool
hold_ports(struct server *server, struct probes *probes)
{
	const struct options *options = server->options;

	*probes = (struct probes){ -1, -1 };
	server->port = options->port;
	server->tls_port = options->tls_port;
	if (options->has_port)
		probes->plain = hold(options, &server->port);
	if (options->has_tls && (probes->plain >= 0 || !options->has_port))
		probes->tls = hold(options, &server->tls_port);
	if ((probes->plain >= 0) == options->has_port &&
	    (probes->tls >= 0) == options->has_tls)
		return true;
	let_go(probes);
	return false;
}

/* Start, serve until a signal, stop. */
static int
serve(struct server *server, struct gyre_runtime *runtime,
      const struct probes *probes)
{
	char what[128];
	int error = gyre_runtime_add_service(runtime, &server_service, server);

	if (error == 0)
		error = gyre_runtime_start(runtime);
	let_go(probes);
	if (error < 0) {
		snprintf(what, sizeof(what), "cannot start on %s port %u",
			 server->options->bind,
			 server->options->has_port ? server->port
						   : server->tls_port);
		return complain(what, error);
	}
	print_welcome(server, runtime);
	error = gyre_runtime_wait(runtime);
	return error < 0 ? complain("stopped", error) : EXIT_SUCCESS;
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
	struct probes probes;
	int status;

	if (!hold_ports(server, &probes))
		return EXIT_FAILURE;
	/* What it refuses, it has said why. */
	if (make_runtime(options, &runtime) < 0) {
		let_go(&probes);
		return EXIT_USAGE;
	}
	server->bus = gyre_runtime_bus(runtime);
	server->shards_count = gyre_runtime_shards(runtime);
	budget_pool_init(&server->memory, options->memory_max,
			 server->shards_count);
	status = serve(server, runtime, &probes);
	gyre_runtime_free(runtime);
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
		return complain("no random numbers", error);
	error = options->has_tls ? secure_load(server) : 0;
	if (error < 0)
		return complain("cannot speak TLS", error);
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
