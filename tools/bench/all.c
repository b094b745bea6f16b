/*
 * Programs take turns within a round, and rounds follow one another, so that
 * whatever else the machine does meets all of them alike. What is compared are
 * medians over rounds of one run, as ratios.
 */
#include "all.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "noise.h"
#include "plot.h"
#include "table.h"

#define EXIT_USAGE     2
#define ROUNDS_DEFAULT 5
#define ROUNDS_QUICK   1

/* What is run: a bench with its parameters, and with those for --quick. */
static const struct {
	const char *group; /* that one picture has */
	const char *name;  /* in the table */
	const char *bench;
	const char *arguments;
	const char *quick;
} rows[] = {
	{ "self", "selfpost1", "selfpost", "window=1 count=2000000",
	  "window=1 count=20000" },
	{ "self", "selfpost64", "selfpost", "window=64 count=20000000",
	  "window=64 count=100000" },
	{ "timers", "timer_ic", "timer_ic", "timers=1000000", "timers=10000" },
	{ "timers", "timer_exp", "timer_exp", "timers=100000 span_ms=1000",
	  "timers=1000 span_ms=50" },
	{ "timers", "timer_churn", "timer_churn", "timers=100000 count=5000000",
	  "timers=1000 count=10000" },
	{ "messages", "xpost1", "xpost", "threads=1 count=4000000",
	  "threads=1 count=50000" },
	{ "messages", "xpost4", "xpost", "threads=4 count=4000000",
	  "threads=4 count=50000" },
	{ "messages", "xgather1", "xgather", "threads=1 count=4000000",
	  "threads=1 count=50000" },
	{ "messages", "xgather4", "xgather", "threads=4 count=4000000",
	  "threads=4 count=50000" },
	{ "messages", "xmesh2", "xmesh", "loops=2 count=4000000",
	  "loops=2 count=50000" },
	{ "messages", "xmesh4", "xmesh", "loops=4 count=4000000",
	  "loops=4 count=50000" },
	{ "latency", "xrate10k", "xrate", "rate=10000 count=10000",
	  "rate=10000 count=200" },
	{ "latency", "xrate100k", "xrate", "rate=100000 count=60000",
	  "rate=100000 count=2000" },
	{ "latency", "xping", "xping", "count=100000", "count=500" },
	{ "spinning", "xpost1_spin", "xpost_spin", "threads=1 count=4000000",
	  "threads=1 count=50000" },
	{ "spinning", "xrate100k_spin", "xrate_spin", "rate=100000 count=60000",
	  "rate=100000 count=2000" },
	{ "spinning", "xping_spin", "xping_spin", "count=1000000",
	  "count=500" },
	{ "scale", "xmesh8", "xmesh", "loops=8 count=2000000 window=64",
	  "loops=8 count=20000 window=64" },
	{ "scale", "xmesh16", "xmesh", "loops=16 count=2000000 window=16",
	  "loops=16 count=20000 window=16" },
	{ "scale", "xmesh64", "xmesh", "loops=64 count=2000000 window=4",
	  "loops=64 count=20000 window=4" },
	{ "descriptors", "fdready100", "fdready", "pipes=100 count=300000",
	  "pipes=10 count=1000" },
	{ "descriptors", "fdready1000", "fdready", "pipes=1000 count=300000",
	  "pipes=100 count=1000" },
	{ "descriptors", "fdready9900", "fdready", "pipes=9900 count=300000",
	  "pipes=200 count=1000" },
	{ "echo", "echo50", "echo", "connections=50 depth=1",
	  "connections=5 depth=1 count=1000" },
	{ "echo", "echo50x16", "echo", "connections=50 depth=16 count=2000000",
	  "connections=5 depth=16 count=4000" },
	{ "echo", "echo500", "echo", "connections=500 depth=1",
	  "connections=50 depth=1 count=1000" },
	{ "echo", "echo500x16", "echo",
	  "connections=500 depth=16 count=2000000",
	  "connections=50 depth=16 count=4000" },
	{ "echo", "echo2", "echo", "loops=2 connections=50 depth=1",
	  "loops=2 connections=5 depth=1 count=1000" },
	{ "pool", "pool2", "pool", "threads=2", "threads=2 jobs=20000" },
	{ "pool", "pool4", "pool", "threads=4", "threads=4 jobs=20000" },
	{ "memory", "idle", "idle", "loops=4 ms=10000", "loops=4 ms=50" },
#if defined(__GLIBC__)
	{ "memory", "mem_loop", "memory", "of=loop count=100",
	  "of=loop count=10" },
	{ "memory", "mem_conn", "memory", "of=connection count=1000",
	  "of=connection count=50" },
	{ "memory", "mem_timer", "memory", "of=timer count=100000",
	  "of=timer count=1000" },
	{ "memory", "mem_subscription", "subscription", "count=10000",
	  "count=100" },
#endif
#if defined(__linux__)
	{ "servers", "kv", "kv", "connections=50", "connections=5 count=500" },
	{ "servers", "kv16", "kv", "connections=50 depth=16 count=2000000",
	  "connections=5 depth=16 count=2000" },
	{ "servers", "kv2x16", "kv",
	  "loops=2 connections=50 depth=16 count=2000000",
	  "loops=2 connections=5 depth=16 count=2000" },
	{ "servers", "http", "http", "connections=50",
	  "connections=5 count=500" },
#endif
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

struct plan {
	bool has_peers;
	bool is_quick;
	unsigned rounds;
	const char *json;
	const char *plots;
	const char *only; /* the rows whose names begin so; NULL: all */
	char paths[PROGRAMS][512];
	bool is_there[PROGRAMS];
};

/* The first row from this one on that is wanted; ROWS: none. */
static unsigned
next_row(const struct plan *plan, unsigned i)
{
	while (i < ROWS && plan->only != NULL &&
	       strncmp(rows[i].name, plan->only, strlen(plan->only)) != 0)
		i++;
	return i;
}

/* -- the command line ------------------------------------------------------ */

static int
print_help(void)
{
	puts("Usage: gyre-bench all [options]\n"
	     "Run every bench, and print medians and ratios.\n\n"
	     "  --peers        beside the peers that were found when gyre was "
	     "built\n"
	     "  --rounds R     1 to 99 rounds, in which the programs take "
	     "turns "
	     "(5)\n"
	     "  --quick        little of everything: that it works, not how "
	     "fast\n"
	     "  --only WORD    the rows whose names begin with it\n"
	     "  --json FILE    write the results there too\n"
	     "  --plots DIR    draw a picture a group of benches, with "
	     "gnuplot\n"
	     "  --help         print this and exit");
	return EXIT_SUCCESS;
}

static int
refuse(const char *what, const char *word)
{
	fprintf(stderr, "gyre-bench: %s %s; see gyre-bench all --help\n", what,
		word);
	return EXIT_USAGE;
}

static bool
take_rounds(struct plan *plan, const char *text)
{
	char *end;
	unsigned long rounds = strtoul(text, &end, 10);

	if (*text < '1' || *text > '9' || *end != '\0' || rounds > ROUNDS_MAX)
		return false;
	plan->rounds = (unsigned)rounds;
	return true;
}

/* -1: run it; else the exit status. */
static int
parse(struct plan *plan, int argc, char **argv)
{
	static const struct option options[] = {
		{ "peers", no_argument, NULL, 'p' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "quick", no_argument, NULL, 'q' },
		{ "only", required_argument, NULL, 'o' },
		{ "json", required_argument, NULL, 'j' },
		{ "plots", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	opterr = 0;
	optind = 2; /* behind `all` */
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'p':
			plan->has_peers = true;
			break;
		case 'r':
			if (!take_rounds(plan, optarg))
				return refuse("no number of rounds:", optarg);
			break;
		case 'q':
			plan->is_quick = true;
			break;
		case 'o':
			plan->only = optarg;
			break;
		case 'j':
			plan->json = optarg;
			break;
		case 'd':
			plan->plots = optarg;
			break;
		case 'h':
			return print_help();
		default:
			return refuse("no such option, or no value:",
				      argv[optind - 1]);
		}
	}
	if (optind < argc)
		return refuse("what is", argv[optind]);
	if (plan->only != NULL && next_row(plan, 0) == ROWS)
		return refuse("no row begins with", plan->only);
	if (plan->rounds == 0)
		plan->rounds = plan->is_quick ? ROUNDS_QUICK : ROUNDS_DEFAULT;
	return -1;
}

/* -- running --------------------------------------------------------------- */

static void
find_programs(struct plan *plan, const char *own)
{
	for (unsigned i = 0; i < PROGRAMS; i++) {
		bool is_wanted =
			table_is_gyre(i) || table_is_raw(i) || plan->has_peers;

		plan->is_there[i] =
			is_wanted &&
			child_find(own, table_program(i), plan->paths[i],
				   sizeof(plan->paths[i]));
	}
}

static bool
run_once(const struct plan *plan, unsigned program, const char *arguments,
	 struct row *row)
{
	char line[CHILD_LINE_BYTES];
	struct noise noise;

	noise_begin(&noise);
	if (!child_run(plan->paths[program], arguments, line))
		return false;
	if (noise_end(&noise) > NOISE_LIMIT)
		row->noisy++;
	child_text(line, "unit", row->unit, sizeof(row->unit));
	row_add(row, program, child_number(line, "value"),
		child_number(line, "p99"), child_number(line, "cpu_ns"),
		child_number(line, "eventfd_writes"));
	return true;
}

static bool
run_row(const struct plan *plan, unsigned index, struct row *row)
{
	char arguments[256];
	bool takes_part[PROGRAMS];

	for (unsigned i = 0; i < PROGRAMS; i++)
		takes_part[i] = plan->is_there[i] &&
				child_has(plan->paths[i], rows[index].bench);
	snprintf(arguments, sizeof(arguments), "%s %s", rows[index].bench,
		 plan->is_quick ? rows[index].quick : rows[index].arguments);
	row->group = rows[index].group;
	row->name = rows[index].name;
	for (unsigned round = 0; round < plan->rounds; round++) {
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "\r%s: round %u of %u ", row->name,
				round + 1, plan->rounds);
		for (unsigned i = 0; i < PROGRAMS; i++)
			if (takes_part[i] && !run_once(plan, i, arguments, row))
				return false;
	}
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%40s\r", "");
	return true;
}

int
all_main(int argc, char **argv)
{
	static struct row table[ROWS];
	struct plan plan = { .rounds = 0 };
	unsigned count = 0;
	int status = parse(&plan, argc, argv);

	if (status >= 0)
		return status;
	find_programs(&plan, argv[0]);
	table_print_head();
	for (unsigned i = 0; (i = next_row(&plan, i)) < ROWS; i++) {
		if (!run_row(&plan, i, &table[count]))
			return EXIT_FAILURE;
		row_print(&table[count++]);
	}
	if (plan.json != NULL && !table_write_json(table, count, plan.json))
		return EXIT_FAILURE;
	if (plan.plots != NULL && !plot_all(table, count, plan.plots))
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}
