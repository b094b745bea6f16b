#include "report.h"

#include <gyre/gyre.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "life.h"

static const char *const law_names[] = {
	[LAW_CONSERVATION] = "conservation",
	[LAW_ORDER] = "order",
	[LAW_ONCE] = "exactly once",
	[LAW_STALL] = "no stall",
	[LAW_ROUTING] = "the right thread",
	[LAW_PAYLOAD] = "the right payload",
	[LAW_TIME] = "never early",
	[LAW_WAKEUPS] = "no needless wake-up",
	[LAW_LEAK] = "no leak",
	[LAW_ERRORS] = "no unexpected error",
};

static atomic_flag is_reported = ATOMIC_FLAG_INIT;

static void
print_options(const struct options *options, FILE *file)
{
	fprintf(file,
		"--seed 0x%" PRIx64 " --loops %u --producers %u --mix %s "
		"--pin %s",
		options->seed, options->loops, options->producers,
		options->mix_text, options->pin_text);
}

static void
print_threads(const struct actor *other)
{
	if (self != NULL)
		actor_print_events(self, stderr);
	if (other != self)
		actor_print_events(other, stderr);
}

void
report_broken(enum law law, const struct actor *other, const char *format, ...)
{
	const struct life *life = other->life;
	va_list arguments;

	while (atomic_flag_test_and_set(&is_reported))
		pause();
	fprintf(stderr, "\ngyre-stress: broken: %s\n  ", law_names[law]);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\n  in life %u of gyre-stress ", life->number);
	print_options(life->options, stderr);
	fputc('\n', stderr);
	print_threads(other);
	if (life->options->json)
		printf("{\"result\": \"broken\", \"law\": \"%s\", "
		       "\"seed\": %" PRIu64 ", \"life\": %u}\n",
		       law_names[law], life->options->seed, life->number);
	fflush(NULL);
	_exit(1);
}

static uint64_t
read_counter(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

uint64_t
report_run(const struct tally tally[PATHS])
{
	uint64_t run = 0;

	for (unsigned path = 0; path < PATHS; path++)
		run += read_counter(&tally[path].run);
	return run;
}

static double
seconds_of(const struct totals *totals)
{
	return (double)totals->elapsed_ns / 1e9;
}

void
report_begin(const struct options *options)
{
	fprintf(stderr, "gyre-stress %s ", gyre_version());
	print_options(options, stderr);
	fputc('\n', stderr);
}

void
report_progress(const struct totals *totals)
{
	uint64_t run = report_run(totals->tally);

	fprintf(stderr,
		"%7.1f s %14" PRIu64 " run %8.2f M/s %8" PRIu64
		" lives %8" PRIu64 " restarts %8" PRIu64 " hushes\n",
		seconds_of(totals), run, (double)run / 1e6 / seconds_of(totals),
		totals->lives, totals->restarts, totals->hushes);
}

static void
print_row(enum path path, const struct tally *tally)
{
	printf("%-10s %14" PRIu64 " %14" PRIu64 " %10" PRIu64 " %10" PRIu64
	       " %10" PRIu64 " %10" PRIu64 "\n",
	       path_name(path),
	       read_counter(&tally->started) - read_counter(&tally->refused),
	       read_counter(&tally->run),
	       read_counter(&tally->dropped[GYRE_DROP_STOPPED]),
	       read_counter(&tally->dropped[GYRE_DROP_CANCELED]),
	       read_counter(&tally->dropped[GYRE_DROP_EXPIRED]),
	       read_counter(&tally->refused));
}

static void
print_table(const struct totals *totals)
{
	printf("%-10s %14s %14s %10s %10s %10s %10s\n", "path", "accepted",
	       "run", "stopped", "canceled", "expired", "refused");
	for (unsigned path = 0; path < PATHS; path++)
		print_row(path, &totals->tally[path]);
	printf("%.1f s, %.2f M/s; %" PRIu64 " lives, %" PRIu64
	       " restarts, %" PRIu64 " hushes with %" PRIu64 " hops\n"
	       "accepted = run + dropped on every path; every law held\n",
	       seconds_of(totals),
	       (double)report_run(totals->tally) / 1e6 / seconds_of(totals),
	       totals->lives, totals->restarts, totals->hushes, totals->hops);
}

static void
print_json_path(enum path path, const struct tally *tally)
{
	printf("%s\"%s\": {\"accepted\": %" PRIu64 ", \"run\": %" PRIu64
	       ", \"stopped\": %" PRIu64 ", \"canceled\": %" PRIu64
	       ", \"expired\": %" PRIu64 ", \"refused\": %" PRIu64 "}",
	       path == 0 ? "" : ", ", path_name(path),
	       read_counter(&tally->started) - read_counter(&tally->refused),
	       read_counter(&tally->run),
	       read_counter(&tally->dropped[GYRE_DROP_STOPPED]),
	       read_counter(&tally->dropped[GYRE_DROP_CANCELED]),
	       read_counter(&tally->dropped[GYRE_DROP_EXPIRED]),
	       read_counter(&tally->refused));
}

static void
print_json(const struct options *options, const struct totals *totals)
{
	printf("{\"result\": \"held\", \"seed\": %" PRIu64
	       ", \"seconds\": %.3f, \"run\": %" PRIu64 ", \"lives\": %" PRIu64
	       ", \"restarts\": %" PRIu64 ", \"hushes\": %" PRIu64
	       ", \"hops\": %" PRIu64 ", \"paths\": {",
	       options->seed, seconds_of(totals), report_run(totals->tally),
	       totals->lives, totals->restarts, totals->hushes, totals->hops);
	for (unsigned path = 0; path < PATHS; path++)
		print_json_path(path, &totals->tally[path]);
	printf("}}\n");
}

void
report_end(const struct options *options, const struct totals *totals)
{
	if (options->json)
		print_json(options, totals);
	else
		print_table(totals);
}
