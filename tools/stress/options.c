/*
 * Every option is checked here; what is wrong is said in one line.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rng.h"

#define SECONDS_DEFAULT   10
#define SECONDS_MAX       (365 * 86400)
#define PRODUCERS_DEFAULT 2
#define CLIENTS_DEFAULT   64
#define LOOPS_DEFAULT_MAX 8

enum option_value {
	OPTION_LOOPS = 256,
	OPTION_PRODUCERS,
	OPTION_SECONDS,
	OPTION_MESSAGES,
	OPTION_SEED,
	OPTION_MIX,
	OPTION_PIN,
	OPTION_JSON,
	OPTION_PLANT,
	OPTION_KV,
	OPTION_CLIENTS,
	OPTION_HELP,
};

static const struct option long_options[] = {
	{ "loops", required_argument, NULL, OPTION_LOOPS },
	{ "producers", required_argument, NULL, OPTION_PRODUCERS },
	{ "seconds", required_argument, NULL, OPTION_SECONDS },
	{ "messages", required_argument, NULL, OPTION_MESSAGES },
	{ "seed", required_argument, NULL, OPTION_SEED },
	{ "mix", required_argument, NULL, OPTION_MIX },
	{ "pin", required_argument, NULL, OPTION_PIN },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "plant", required_argument, NULL, OPTION_PLANT },
	{ "kv", required_argument, NULL, OPTION_KV },
	{ "clients", required_argument, NULL, OPTION_CLIENTS },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

static const char help[] =
	"Usage: gyre-stress [options]\n"
	"Drive every path between loops and threads at once, and check that "
	"nothing is\nlost, reordered, run twice, raced or leaked. Exit 0: all "
	"laws held; 1: one broke\n(which, with the seed and the last events, "
	"is on standard error); 2: bad options.\n\n"
	"  --loops N          loops of the runtime, 1 to 64 (one per CPU, at "
	"least 2)\n"
	"  --producers P      threads without a loop, 1 to 64 (2)\n"
	"  --seconds S        how long (10)\n"
	"  --messages M       until so many have run, however long\n"
	"  --seed X           repeats the inputs of an earlier run (random)\n"
	"  --mix LIST         what takes part (all): callbacks,tasks,calls,"
	"timeouts,\n                     handlers,jobs,ports,topics,stop\n"
	"  --pin auto|none|LIST\n"
	"                     where the loops run; LIST: 0,2,4-7 (none)\n"
	"  --json             end with JSON instead of a table\n"
	"  --plant NAME       plant a bug, in a build that has them\n"
	"  --kv [HOST:]PORT   instead, soak a key-value server that speaks "
	"RESP and is empty:\n"
	"                     clients come and go, and every reply is what the "
	"commands\n"
	"                     before it make it\n"
	"  --clients N        clients of --kv, 1 to 10000 (64)\n"
	"  --help             print this and exit\n";

static const char *const path_names[PATHS] = {
	[PATH_CALLBACKS] = "callbacks", [PATH_TASKS] = "tasks",
	[PATH_CALLS] = "calls",         [PATH_TIMEOUTS] = "timeouts",
	[PATH_HANDLERS] = "handlers",   [PATH_JOBS] = "jobs",
	[PATH_PORTS] = "ports",         [PATH_TOPICS] = "topics",
};

const char *
path_name(enum path path)
{
	return path_names[path];
}

__attribute__((format(printf, 1, 2))) static enum options_result
bad(const char *format, ...)
{
	va_list arguments;

	fputs("gyre-stress: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputs("; see gyre-stress --help\n", stderr);
	return OPTIONS_BAD;
}

/* Read digits up to the end or to a byte of `stops`. */
static bool
take_number(const char **at, const char *stops, uint64_t max, uint64_t *ret)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*ret = strtoull(*at, &end, strncmp(*at, "0x", 2) == 0 ? 16 : 10);
	if (errno != 0 || *ret > max ||
	    (*end != '\0' && strchr(stops, *end) == NULL))
		return false;
	*at = end;
	return true;
}

static bool
parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	return take_number(&text, "", max, ret) && *ret >= min;
}

static bool
parse_count(const char *text, uint64_t max, unsigned *ret)
{
	uint64_t number;

	if (!parse_number(text, 1, max, &number))
		return false;
	*ret = (unsigned)number;
	return true;
}

/* A list of CPUs, such as 0,2,4-7. */
static bool
parse_cpus(const char *text, struct options *options)
{
	for (;; text++) {
		uint64_t first;
		uint64_t last;

		if (!take_number(&text, ",-", OPTIONS_CPUS_MAX - 1, &first))
			return false;
		last = first;
		if (*text == '-') {
			text++;
			if (!take_number(&text, ",", OPTIONS_CPUS_MAX - 1,
					 &last))
				return false;
		}
		for (; first <= last; first++) {
			if (options->cpus_count == OPTIONS_CPUS_MAX)
				return false;
			options->cpus[options->cpus_count++] = (unsigned)first;
		}
		if (*text == '\0')
			return options->cpus_count > 0;
	}
}

static bool
parse_pin(const char *text, struct options *options)
{
	options->cpus_count = 0;
	options->pin_text = text;
	if (strcmp(text, "auto") == 0)
		options->pin = GYRE_PIN_AUTO;
	else if (strcmp(text, "none") == 0)
		options->pin = GYRE_PIN_NONE;
	else if (parse_cpus(text, options))
		options->pin = GYRE_PIN_LIST;
	else
		return false;
	return true;
}

/* The bits that a word of the mix stands for; 0: it is none. */
static unsigned
mix_bits(const char *word, size_t length)
{
	if (length == 3 && strncmp(word, "all", length) == 0)
		return MIX_ALL;
	if (length == 4 && strncmp(word, "stop", length) == 0)
		return MIX_STOP;
	for (unsigned path = 0; path < PATHS; path++) {
		if (strlen(path_names[path]) == length &&
		    strncmp(path_names[path], word, length) == 0)
			return 1u << path;
	}
	return 0;
}

static bool
parse_mix(const char *text, struct options *options)
{
	options->mix = 0;
	options->mix_text = text;
	for (;;) {
		size_t length = strcspn(text, ",");
		unsigned bits = mix_bits(text, length);

		if (bits == 0)
			return false;
		options->mix |= bits;
		if (text[length] == '\0')
			return true;
		text += length + 1;
	}
}

static bool
parse_plant(const char *text, struct options *options)
{
	for (enum plant plant = PLANT_NONE + 1; plant < PLANTS; plant++) {
		if (strcmp(text, plant_name(plant)) == 0) {
			options->plant = plant;
			return true;
		}
	}
	return false;
}

/* A port of this machine, or of another: host:7379, [::1]:7379. */
static bool
parse_kv(const char *text, struct options *options)
{
	const char *port = strrchr(text, ':');
	const char *host = text;
	size_t length = 0;
	uint64_t number;

	if (port == NULL) {
		host = "127.0.0.1";
		length = strlen(host);
		port = text;
	} else {
		length = (size_t)(port++ - text);
		if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
			host++;
			length -= 2;
		}
	}
	if (length == 0 || length > OPTIONS_HOST_MAX ||
	    !parse_number(port, 1, UINT16_MAX, &number))
		return false;
	memcpy(options->kv_host, host, length);
	options->kv_host[length] = '\0';
	snprintf(options->kv_port, sizeof(options->kv_port), "%u",
		 (unsigned)number);
	return true;
}

/* Take one option; false: its value is wrong. */
static bool
take_option(struct options *options, int option, const char *text)
{
	uint64_t number;

	switch (option) {
	case OPTION_LOOPS:
		return parse_count(text, OPTIONS_LOOPS_MAX, &options->loops);
	case OPTION_PRODUCERS:
		return parse_count(text, OPTIONS_PRODUCERS_MAX,
				   &options->producers);
	case OPTION_SECONDS:
		if (!parse_number(text, 1, SECONDS_MAX, &number))
			return false;
		options->duration_ns = GYRE_SECONDS((double)number);
		return true;
	case OPTION_MESSAGES:
		return parse_number(text, 1, INT64_MAX, &options->messages);
	case OPTION_SEED:
		return parse_number(text, 0, UINT64_MAX, &options->seed);
	case OPTION_MIX:
		return parse_mix(text, options);
	case OPTION_PIN:
		return parse_pin(text, options);
	case OPTION_JSON:
		options->json = true;
		return true;
	case OPTION_PLANT:
		return parse_plant(text, options);
	case OPTION_KV:
		return parse_kv(text, options);
	case OPTION_CLIENTS:
		return parse_count(text, OPTIONS_CLIENTS_MAX,
				   &options->clients);
	default:
		return false;
	}
}

static unsigned
default_loops(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < 2)
		return 2;
	return cpus < LOOPS_DEFAULT_MAX ? (unsigned)cpus : LOOPS_DEFAULT_MAX;
}

static uint64_t
random_seed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return rng_mix((uint64_t)now.tv_sec * UINT64_C(1000000007) +
		       (uint64_t)now.tv_nsec + (uint64_t)getpid()) >>
	       16;
}

static enum options_result
finish(struct options *options)
{
#ifndef GYRE_PLANTS
	if (options->plant != PLANT_NONE)
		return bad("this build has no bugs to plant");
#endif
	if (options->kv_port[0] != '\0' && options->messages > 0)
		return bad("--messages is not for --kv");
	if (options->duration_ns == 0)
		options->duration_ns = options->messages > 0
					       ? GYRE_FOREVER
					       : GYRE_SECONDS(SECONDS_DEFAULT);
	return OPTIONS_RUN;
}

enum options_result
options_parse(struct options *options, int argc, char **argv)
{
	int option;
	int index = 0;

	*options = (struct options){
		.loops = default_loops(),
		.producers = PRODUCERS_DEFAULT,
		.seed = random_seed(),
		.mix = MIX_ALL,
		.mix_text = "all",
		.pin = GYRE_PIN_NONE,
		.pin_text = "none",
		.clients = CLIENTS_DEFAULT,
	};
	/* We say ourselves, in one line, what is wrong. */
	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":", long_options, &index)) !=
	       -1) {
		if (option == OPTION_HELP) {
			fputs(help, stdout);
			return OPTIONS_DONE;
		}
		if (option == ':')
			return bad("%s wants a value", argv[optind - 1]);
		if (option == '?' && optopt > 0 && optopt < OPTION_LOOPS)
			return bad("-%c is no option", optopt);
		if (option == '?')
			return bad("%s is no option", argv[optind - 1]);
		if (!take_option(options, option, optarg))
			return bad("--%s %s makes no sense",
				   long_options[index].name, optarg);
	}
	if (optind < argc)
		return bad("%s is no option", argv[optind]);
	return finish(options);
}
