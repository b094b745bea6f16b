#include "soak.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gyre/gyre.h>

#include "conductor.h"
#include "soak_client.h"
#include "soak_control.h"

#define QUARTERS   4u
#define END_MAX_NS GYRE_SECONDS(120)
/* Memory is held against itself in runs of at least so long: in the last
 * quarter there is no more than in the second, but for a tenth and this. */
#define FLAT_MIN_NS GYRE_SECONDS(60)
#define FLAT_SLACK  ((int64_t)8 << 20)

static atomic_flag is_reported = ATOMIC_FLAG_INIT;

/* What the clients of one shard are. */
struct station {
	struct soak_client **clients;
	unsigned count;
	struct soak_tally tally;
};

struct totals_of_soak {
	uint64_t commands;
	uint64_t connections;
	uint64_t cuts;
	uint64_t doubts;
	uint64_t published;
	uint64_t received;
};

/* How much memory the server had, by quarters of the time. */
struct memory {
	bool is_known;
	int64_t least[QUARTERS];
	int64_t most[QUARTERS];
};

/* All shards' stations; each is its loop's. */
static struct station stations[OPTIONS_LOOPS_MAX];

static void
print_options(const struct options *options, FILE *file)
{
	fprintf(file,
		"gyre-stress --kv %s:%s --clients %u --loops %u --seed "
		"0x%" PRIx64 "\n",
		options->kv_host, options->kv_port, options->clients,
		options->loops, options->seed);
}

void
soak_broken(const struct soak *soak, const char *law, const char *format, ...)
{
	va_list arguments;

	while (atomic_flag_test_and_set(&is_reported))
		pause();
	fprintf(stderr, "\ngyre-stress: broken: %s\n  ", law);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\n  after %.1f s of ",
		(double)(conductor_now_ns() - soak->started_ns) / 1e9);
	print_options(soak->options, stderr);
	if (soak->options->json)
		printf("{\"result\": \"broken\", \"law\": \"%s\", "
		       "\"seed\": %" PRIu64 "}\n",
		       law, soak->options->seed);
	fflush(NULL);
	_exit(1);
}

/* -- the service ----------------------------------------------------------- */

static int
start_clients(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	struct soak *soak = arg;
	struct station *station = &stations[shard->index];
	unsigned loops = gyre_runtime_shards(shard->runtime);

	*ret_state = station;
	station->clients = calloc(soak->options->clients / loops + 1,
				  sizeof(station->clients[0]));
	if (station->clients == NULL)
		return -ENOMEM;
	for (unsigned i = shard->index; i < soak->options->clients;
	     i += loops) {
		struct soak_client *client =
			soak_client_new(soak, i, &station->tally);

		if (client == NULL)
			return -ENOMEM;
		station->clients[station->count++] = client;
	}
	return 0;
}

static void
free_clients(void *state)
{
	struct station *station = state;

	for (unsigned i = 0; i < station->count; i++)
		soak_client_free(station->clients[i]);
	free(station->clients);
}

/* -- what is told ---------------------------------------------------------- */

static uint64_t
read_counter(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static struct totals_of_soak
sum_up(void)
{
	struct totals_of_soak totals = { 0 };

	for (unsigned i = 0; i < OPTIONS_LOOPS_MAX; i++) {
		const struct soak_tally *tally = &stations[i].tally;

		totals.commands += read_counter(&tally->commands);
		totals.connections += read_counter(&tally->connections);
		totals.cuts += read_counter(&tally->cuts);
		totals.doubts += read_counter(&tally->doubts);
		totals.published += read_counter(&tally->published);
		totals.received += read_counter(&tally->received);
	}
	return totals;
}

static double
mebibytes(int64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static void
print_table(const struct totals_of_soak *totals, double seconds,
	    const struct memory *memory)
{
	printf("%" PRIu64 " commands (%.0f a second), %" PRIu64
	       " connections, %" PRIu64 " of them cut, %" PRIu64
	       " keys in doubt by that, %" PRIu64
	       " messages published, %" PRIu64 " received\n",
	       totals->commands, (double)totals->commands / seconds,
	       totals->connections, totals->cuts, totals->doubts,
	       totals->published, totals->received);
	for (unsigned i = 0; memory->is_known && i < QUARTERS; i++)
		printf("%s %.1f to %.1f",
		       i == 0 ? "resident MiB by quarters:" : ",",
		       mebibytes(memory->least[i]), mebibytes(memory->most[i]));
	printf("%severy reply was what it must be, and no key is left\n",
	       memory->is_known ? "\n" : "");
}

static void
print_json(const struct options *options, const struct totals_of_soak *totals,
	   double seconds, const struct memory *memory)
{
	printf("{\"result\": \"held\", \"seed\": %" PRIu64
	       ", \"seconds\": %.3f, \"commands\": %" PRIu64
	       ", \"connections\": %" PRIu64 ", \"cuts\": %" PRIu64
	       ", \"doubts\": %" PRIu64 ", \"published\": %" PRIu64
	       ", \"received\": %" PRIu64 ", \"resident\": [",
	       options->seed, seconds, totals->commands, totals->connections,
	       totals->cuts, totals->doubts, totals->published,
	       totals->received);
	for (unsigned i = 0; memory->is_known && i < QUARTERS; i++)
		printf("%s[%" PRId64 ", %" PRId64 "]", i == 0 ? "" : ", ",
		       memory->least[i], memory->most[i]);
	printf("]}\n");
}

/* -- the run --------------------------------------------------------------- */

static void
look_at_memory(const struct soak *soak, struct soak_control *control,
	       int64_t elapsed_ns, struct memory *memory)
{
	int64_t resident = soak_control_resident(control);
	int64_t quarter = elapsed_ns / (soak->options->duration_ns / QUARTERS);

	if (resident < 0)
		soak_broken(soak, "connections live",
			    "the server does not tell of itself: %s",
			    strerror(errno));
	if (resident == 0 || quarter >= QUARTERS)
		return;
	memory->is_known = true;
	if (memory->least[quarter] == 0 || resident < memory->least[quarter])
		memory->least[quarter] = resident;
	if (resident > memory->most[quarter])
		memory->most[quarter] = resident;
}

static void
check_memory(const struct soak *soak, const struct memory *memory)
{
	if (soak->options->duration_ns >= FLAT_MIN_NS && memory->is_known &&
	    memory->most[3] > memory->most[1] / 10 * 11 + FLAT_SLACK)
		soak_broken(soak, "memory is flat",
			    "%.1f MiB in the second quarter, %.1f in the last",
			    mebibytes(memory->most[1]),
			    mebibytes(memory->most[3]));
}

static void
have_them_run(struct soak *soak, struct soak_control *control,
	      struct memory *memory)
{
	int64_t elapsed_ns;

	while ((elapsed_ns = conductor_now_ns() - soak->started_ns) <
	       soak->options->duration_ns) {
		struct totals_of_soak totals = sum_up();

		look_at_memory(soak, control, elapsed_ns, memory);
		fprintf(stderr,
			"%7.1f s %12" PRIu64 " commands %9" PRIu64
			" connections %8" PRIu64 " cuts %10" PRIu64
			" messages\n",
			(double)elapsed_ns / 1e9, totals.commands,
			totals.connections, totals.cuts, totals.received);
		conductor_nap(GYRE_SECONDS(1));
	}
}

static void
have_them_end(struct soak *soak)
{
	int64_t until_ns = conductor_now_ns() + END_MAX_NS;

	atomic_store(&soak->is_ending, true);
	while (atomic_load(&soak->clients) > 0) {
		if (conductor_now_ns() > until_ns)
			soak_broken(soak, "no stall",
				    "%u clients do not come to their end",
				    atomic_load(&soak->clients));
		conductor_nap(GYRE_MS(10));
	}
}

static void
check_keys(const struct soak *soak, struct soak_control *control)
{
	int64_t keys = soak_control_keys(control);

	if (keys < 0)
		soak_broken(soak, "connections live",
			    "the server does not count its keys: %s",
			    strerror(errno));
	if (keys > 0)
		soak_broken(soak, "no leak",
			    "%" PRId64 " keys are left, and all were removed",
			    keys);
}

/* The server must be empty, or its keys might be ours. */
static int
check_start(struct soak_control *control)
{
	int64_t keys = soak_control_keys(control);

	if (keys < 0)
		fprintf(stderr, "gyre-stress: the server does not answer: %s\n",
			strerror(errno));
	if (keys > 0)
		fprintf(stderr,
			"gyre-stress: the server has %" PRId64
			" keys; it must be empty\n",
			keys);
	return keys == 0 ? 0 : -1;
}

static int
start(struct soak *soak)
{
	static const struct gyre_service_ops ops = {
		.name = "clients",
		.start = start_clients,
		.free = free_clients,
	};
	const struct gyre_runtime_options options = {
		.loops = soak->options->loops,
		.pin = soak->options->pin,
		.cpus = soak->options->cpus,
		.cpus_count = soak->options->cpus_count,
	};
	int status = gyre_runtime_new(&options, &soak->runtime);

	if (status == 0)
		status = gyre_runtime_add_service(soak->runtime, &ops, soak);
	if (status == 0)
		status = gyre_runtime_start(soak->runtime);
	if (status < 0)
		fprintf(stderr, "gyre-stress: cannot start: %s\n",
			strerror(-status));
	return status;
}

static int
run(struct soak *soak, struct soak_control *control)
{
	struct memory memory = { .is_known = false };
	struct totals_of_soak totals;
	double seconds;
	int status;

	if (check_start(control) < 0 || start(soak) < 0)
		return EXIT_FAILURE;
	have_them_run(soak, control, &memory);
	have_them_end(soak);
	check_keys(soak, control);
	check_memory(soak, &memory);
	gyre_runtime_stop(soak->runtime);
	status = gyre_runtime_wait(soak->runtime);
	if (status < 0)
		soak_broken(soak, "errors", "a loop ended with %s",
			    strerror(-status));
	totals = sum_up();
	seconds = (double)(conductor_now_ns() - soak->started_ns) / 1e9;
	if (soak->options->json)
		print_json(soak->options, &totals, seconds, &memory);
	else
		print_table(&totals, seconds, &memory);
	return EXIT_SUCCESS;
}

int
soak_run(const struct options *options)
{
	struct soak soak = {
		.options = options,
		.started_ns = conductor_now_ns(),
		.clients = options->clients,
	};
	struct soak_control *control =
		soak_control_open(options->kv_host, options->kv_port);
	int status = EXIT_FAILURE;

	if (control != NULL) {
		print_options(options, stderr);
		status = run(&soak, control);
		gyre_runtime_free(soak.runtime);
		soak_control_close(control);
	}
	return status;
}
