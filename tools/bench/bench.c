#include "bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define EXIT_USAGE 2
#define PARAMS_MAX 64

static const char *program = "gyre-bench";

void
bench_fail(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s: ", program);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

void *
bench_allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (memory == NULL)
		bench_fail("no memory for %zu times %zu bytes", count, size);
	return memory;
}

void
bench_want_descriptors(uint64_t count)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < count) {
		limit.rlim_cur =
			limit.rlim_max < count ? limit.rlim_max : count;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < count)
		bench_fail("%llu descriptors are not allowed; see ulimit -n",
			   (unsigned long long)count);
}

/* -- parameters ------------------------------------------------------------ */

const char *
params_text(struct params *params, const char *key, const char *fallback)
{
	size_t length = strlen(key);

	for (unsigned i = 0; i < params->count; i++) {
		const char *pair = params->pairs[i];

		if (strncmp(pair, key, length) != 0 || pair[length] != '=')
			continue;
		params->used |= UINT64_C(1) << i;
		return pair + length + 1;
	}
	return fallback;
}

uint64_t
params_number(struct params *params, const char *key, uint64_t fallback,
	      uint64_t limit)
{
	const char *text = params_text(params, key, NULL);
	char *end;
	unsigned long long number;

	if (text == NULL)
		return fallback;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 ||
	    number < 1 || number > limit)
		bench_fail("%s is %s, and not a number from 1 to %llu", key,
			   text, (unsigned long long)limit);
	return number;
}

/* -- results --------------------------------------------------------------- */

int64_t
bench_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t
bench_thread_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Of all threads that the process has and had. */
static int64_t
cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void
result_begin(struct result *result)
{
	result->cpu_begun_ns = cpu_ns();
	result->wall_begun_ns = bench_now_ns();
}

void
result_end(struct result *result, uint64_t operations)
{
	result->wall_ns = (double)(bench_now_ns() - result->wall_begun_ns);
	result->cpu_ns = (double)(cpu_ns() - result->cpu_begun_ns);
	result->operations = operations;
}

void
result_sample(struct result *result, int64_t length_ns)
{
	if (result->samples_count == BENCH_SAMPLES_MAX)
		return;
	if (length_ns < 0)
		length_ns = 0;
	result->samples[result->samples_count++] =
		length_ns < UINT32_MAX ? (uint32_t)length_ns : UINT32_MAX;
}

static int
compare(const void *a, const void *b)
{
	const uint32_t *left = a;
	const uint32_t *right = b;

	return (*left > *right) - (*left < *right);
}

void
result_measured(struct result *result, const char *unit, double value)
{
	result->unit = unit;
	result->value = value;
}

static void
print_number(const char *key, double value, int decimals)
{
	if (value < 0)
		printf(", \"%s\": null", key);
	else
		printf(", \"%s\": %.*f", key, decimals, value);
}

static double
quantile(struct result *result, double share)
{
	if (result->samples_count == 0)
		return -1;
	qsort(result->samples, result->samples_count,
	      sizeof(result->samples[0]), compare);
	return result->samples[(unsigned)(share * (result->samples_count - 1))];
}

double
result_median(struct result *result)
{
	return quantile(result, 0.5);
}

static void
print_result(const struct bench *bench, const char *args, struct result *result)
{
	double operations = (double)result->operations;

	if (result->unit == NULL)
		result_measured(result, "ns", result->wall_ns / operations);
	printf("{\"bench\": \"%s\", \"args\": \"%s\"", bench->name, args);
	print_number("value", result->value, 2);
	printf(", \"unit\": \"%s\"", result->unit);
	print_number("p50", quantile(result, 0.5), 0);
	print_number("p99", quantile(result, 0.99), 0);
	print_number("cpu_ns", result->cpu_ns / operations, 2);
	print_number("sleeps", result->sleeps / operations, 6);
	print_number("eventfd_writes", result->rings / operations, 6);
	printf("}\n");
}

/* -- the command line ------------------------------------------------------ */

static int
print_help(const struct bench *benches)
{
	printf("Usage: %s BENCH [KEY=VALUE]...\n"
	       "Measure one thing, and print one line of JSON: the time of an "
	       "operation in ns\n(or what the unit says), the half and the "
	       "slowest in a hundred of those that\nwere sampled, CPU time, "
	       "sleeps and eventfd writes of one. --list names the\nbenches "
	       "alone.\n\n",
	       program);
	for (; benches->name != NULL; benches++)
		printf("  %-12s %s\n", benches->name, benches->what);
	return EXIT_SUCCESS;
}

static int
print_list(const struct bench *benches)
{
	for (; benches->name != NULL; benches++)
		puts(benches->name);
	return EXIT_SUCCESS;
}

static int
refuse(const char *what, const char *word)
{
	fprintf(stderr, "%s: %s %s; see --help\n", program, what, word);
	return EXIT_USAGE;
}

static void
join(struct params *params, char *ret, size_t size)
{
	size_t length = 0;

	ret[0] = '\0';
	for (unsigned i = 0; i < params->count && length < size; i++)
		length += (size_t)snprintf(ret + length, size - length, "%s%s",
					   i > 0 ? " " : "", params->pairs[i]);
}

static int
run(const struct bench *bench, struct params *params)
{
	static struct result result;
	char args[256];

	result.sleeps = -1;
	result.rings = -1;
	join(params, args, sizeof(args));
	bench->run(params, &result);
	for (unsigned i = 0; i < params->count; i++)
		if ((params->used >> i & 1) == 0)
			return refuse("no such parameter:", params->pairs[i]);
	print_result(bench, args, &result);
	return EXIT_SUCCESS;
}

int
bench_main(int argc, char **argv, const struct bench *benches)
{
	struct params params = { .pairs = argv + 2 };
	const char *slash = strrchr(argv[0], '/');

	program = slash != NULL ? slash + 1 : argv[0];
	if (argc < 2)
		return refuse("no bench", "is named");
	if (strcmp(argv[1], "--help") == 0)
		return print_help(benches);
	if (strcmp(argv[1], "--list") == 0)
		return print_list(benches);
	if (argc - 2 > PARAMS_MAX)
		return refuse("too many parameters after", argv[1]);
	params.count = (unsigned)(argc - 2);
	for (; benches->name != NULL; benches++)
		if (strcmp(benches->name, argv[1]) == 0)
			return run(benches, &params);
	return refuse("no such bench:", argv[1]);
}
