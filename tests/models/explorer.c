/*
 * The search: depth first through all choices, leaving out what leads to a
 * state that was seen; or so many walks at random. What breaks a law is
 * printed step by step.
 */
#include "tests/models/machine.h"
#include "tests/models/states.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEPTH_MAX 4000

struct options {
	bool planted;
	bool sequential;
	unsigned long random; /* schedules; 0: all of them */
	uint64_t seed;
};

struct search {
	const struct explorer_scenario *scenario;
	struct options options;
	struct states states;
	uint64_t steps;
	uint64_t ends;
	unsigned deepest;
	unsigned depth;
	struct machine_choice path[DEPTH_MAX];
	struct machine_snapshot *snapshots[DEPTH_MAX]; /* by depth */
};

/* -- printing ------------------------------------------------------------ */

static void
print_value(const void *address, uint64_t value)
{
	const char *name = machine_value_name(address, value);

	if (name != NULL)
		printf("%s", name);
	else
		printf("%" PRIu64, value);
}

static void
print_step(const struct search *search, unsigned number,
	   struct machine_choice choice, const struct machine_event *event)
{
	printf("  %3u  %-10s  %s", number,
	       search->scenario->thread_names[choice.thread], event->what);
	if (event->address != NULL) {
		printf(" %s: ", machine_name_of(event->address));
		print_value(event->address, event->before);
		if (event->writes) {
			printf(" -> ");
			print_value(event->address, event->after);
		} else if (event->compares) {
			printf(", not stored");
		}
	}
	printf("\n");
}

static void
print_schedule(struct search *search)
{
	const char *law = machine_broken();
	unsigned depth = search->depth;

	printf("%s: %s\n", search->scenario->name, law);
	machine_start(search->scenario, search->options.sequential);
	for (unsigned i = 0; i < depth; i++) {
		struct machine_event event;

		machine_take(search->path[i], &event);
		print_step(search, i + 1, search->path[i], &event);
	}
	printf("  then: %s\n", law);
	for (unsigned i = 0; i < search->scenario->threads; i++)
		printf("       %-10s  %s\n", search->scenario->thread_names[i],
		       machine_thread_state(i));
}

/* -- one step ------------------------------------------------------------ */

/* Take a step and remember it. False: a law was broken. */
static bool
advance(struct search *search, struct machine_choice choice)
{
	struct machine_event event;

	if (search->depth == DEPTH_MAX) {
		machine_break("broken: a schedule without an end");
		return false;
	}
	search->path[search->depth++] = choice;
	search->steps++;
	if (search->depth > search->deepest)
		search->deepest = search->depth;
	return machine_take(choice, &event);
}

/* -- all schedules ------------------------------------------------------- */

/* Try all that can follow from here. False: a law was broken. */
static bool
visit(struct search *search)
{
	struct machine_choice choices[MACHINE_CHOICES_MAX];
	unsigned depth = search->depth;
	unsigned count;

	if (!states_add(&search->states, machine_key()))
		return true;
	count = machine_choices(choices);
	if (count == 0) {
		search->ends++;
		return machine_end();
	}
	if (count > 1)
		search->snapshots[depth] =
			machine_save(search->snapshots[depth]);
	for (unsigned i = 0; i < count; i++) {
		if (i > 0) {
			machine_restore(search->snapshots[depth]);
			search->depth = depth;
		}
		if (!advance(search, choices[i]) || !visit(search))
			return false;
	}
	return true;
}

/* -- random schedules ---------------------------------------------------- */

/* xorshift64*: good enough to choose a step. */
static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1d >> 33;
}

static bool
walk(struct search *search, uint64_t *seed)
{
	struct machine_choice choices[MACHINE_CHOICES_MAX];
	unsigned count;

	search->depth = 0;
	while ((count = machine_choices(choices)) > 0)
		if (!advance(search, choices[next_random(seed) % count]))
			return false;
	search->ends++;
	return machine_end();
}

static bool
walk_many(struct search *search)
{
	uint64_t seed = search->options.seed;
	bool good = true;

	search->snapshots[0] = machine_save(search->snapshots[0]);
	for (unsigned long i = 0; good && i < search->options.random; i++) {
		machine_restore(search->snapshots[0]);
		good = walk(search, &seed);
	}
	return good;
}

/* -- a scenario ---------------------------------------------------------- */

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
print_summary(const struct search *search, double took)
{
	const struct options *options = &search->options;

	printf("%s: ", search->scenario->name);
	if (options->random > 0)
		printf("%" PRIu64 " random schedules from seed %" PRIu64,
		       search->ends, options->seed);
	else
		printf("%zu states, %" PRIu64 " ends", search->states.count,
		       search->ends);
	printf(", %" PRIu64 " steps, deepest %u, %.2f s%s\n", search->steps,
	       search->deepest, took,
	       options->sequential ? ", without store buffers" : "");
}

/* Whether every schedule that was tried kept the laws. */
static bool
explore(const struct explorer_scenario *scenario, const struct options *options)
{
	static struct search search;
	double began = seconds();
	bool good;

	search = (struct search){ .scenario = scenario, .options = *options };
	states_init(&search.states);
	machine_start(scenario, options->sequential);
	good = options->random > 0 ? walk_many(&search) : visit(&search);
	print_summary(&search, seconds() - began);
	if (!good)
		print_schedule(&search);
	states_fini(&search.states);
	for (unsigned i = 0; i < DEPTH_MAX; i++)
		free(search.snapshots[i]);
	return good;
}

/* -- the program --------------------------------------------------------- */

static _Noreturn void
usage(const char *program)
{
	fprintf(stderr,
		"usage: %s [--planted] [--sequential] [--random SCHEDULES] "
		"[--seed SEED] [SCENARIO...]\n",
		program);
	exit(2);
}

static int
parse_options(int argc, char **argv, struct options *options)
{
	const char *seed = getenv("GYRE_SEED");
	int at = 1;

	if (seed != NULL)
		options->seed = strtoull(seed, NULL, 10);
	for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
		if (strcmp(argv[at], "--planted") == 0)
			options->planted = true;
		else if (strcmp(argv[at], "--sequential") == 0)
			options->sequential = true;
		else if (strcmp(argv[at], "--random") == 0 && at + 1 < argc)
			options->random = strtoul(argv[++at], NULL, 10);
		else if (strcmp(argv[at], "--seed") == 0 && at + 1 < argc)
			options->seed = strtoull(argv[++at], NULL, 10);
		else
			usage(argv[0]);
	}
	if (options->seed == 0)
		options->seed = (uint64_t)time(NULL);
	return at;
}

static bool
is_asked_for(const struct explorer_scenario *scenario, int count, char **names,
	     const struct options *options)
{
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], scenario->name) == 0)
			return true;
	return count == 0 && (!scenario->random_only || options->random > 0);
}

int
explorer_main(int argc, char **argv,
	      const struct explorer_scenario *const scenarios[])
{
	struct options options = { .planted = false };
	int first = parse_options(argc, argv, &options);
	unsigned broken = 0;
	unsigned tried = 0;

	for (; *scenarios != NULL; scenarios++) {
		if (!is_asked_for(*scenarios, argc - first, argv + first,
				  &options))
			continue;
		tried++;
		if (!explore(*scenarios, &options))
			broken++;
		if (broken > 0 && options.planted)
			break;
	}
	if (tried == 0)
		usage(argv[0]);
	if (options.planted && broken == 0)
		printf("the planted bug was not found\n");
	return (broken > 0) == options.planted ? 0 : 1;
}
