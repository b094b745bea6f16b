/*
 * gyre-top: what a process with a control socket is doing.
 */
#include "link.h"
#include "sample.h"
#include "screen.h"
#include "table.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <gyre/version.h>

#define EXIT_USAGE      2
#define INTERVAL_MS     1000
#define INTERVAL_MS_MAX 3600000

struct options {
	const char *path;
	bool once;
	bool json;
	int interval_ms;
};

static const char help[] =
	"Usage: gyre-top [options] [PATH]\n"
	"Shows what a gyre process does that has a control socket at PATH, or "
	"where\nGYRE_CONTROL says. q ends it.\n\n"
	"  --interval SECONDS  between two looks (1)\n"
	"  --once              one look, over one interval, as plain text\n"
	"  --json              what the process answers, as it is\n"
	"  --help, --version   print this, or the version, and exit\n";

static int
complain(const char *what)
{
	fprintf(stderr, "gyre-top: %s\n", what);
	return EXIT_FAILURE;
}

/* -- looking ------------------------------------------------------------- */

static int
take_sample(struct link *link, struct sample *sample)
{
	char *text = link_ask(link, "stats");
	int result;

	if (text == NULL)
		return -1;
	result = sample_read(sample, text, link->error, sizeof(link->error));
	free(text);
	return result;
}

static char *
table_of(const struct sample *before, const struct sample *now)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	if (file == NULL)
		return NULL;
	table_write(file, before, now);
	fclose(file);
	return text;
}

static bool
pause_for(const struct options *options, bool on_screen)
{
	const struct timespec pause = {
		.tv_sec = options->interval_ms / 1000,
		.tv_nsec = options->interval_ms % 1000 * 1000000L,
	};

	if (on_screen)
		return screen_wait(options->interval_ms);
	nanosleep(&pause, NULL);
	return true;
}

/* Two samples that follow each other, of as many loops. */
static bool
show(const struct sample *before, const struct sample *now, bool on_screen)
{
	char *text = table_of(before, now);

	if (text == NULL)
		return false;
	if (on_screen)
		screen_show(text);
	else
		fputs(text, stdout);
	free(text);
	return on_screen || fflush(stdout) == 0;
}

/* On a terminal, line by line into a pipe, or once. */
static int
watch(struct link *link, const struct options *options, bool on_screen)
{
	struct sample before, now;
	bool goes_on = true;
	int result = take_sample(link, &before);

	if (result < 0)
		return result;
	if (on_screen)
		screen_open();
	if (on_screen)
		goes_on = show(&before, &before, true);
	while (goes_on && pause_for(options, on_screen)) {
		result = take_sample(link, &now);
		if (result < 0)
			break;
		goes_on = show(&before, &now, on_screen) && !options->once;
		sample_free(&before);
		before = now;
	}
	if (on_screen)
		screen_close();
	sample_free(&before);
	return result;
}

/* The answers as they are, each a line, of a process that speaks our version.
 */
static int
print_json(struct link *link, const struct options *options)
{
	for (;;) {
		char *text = link_ask(link, "stats");
		struct sample sample;

		if (text == NULL)
			return -1;
		if (sample_read(&sample, text, link->error,
				sizeof(link->error)) < 0) {
			free(text);
			return -1;
		}
		sample_free(&sample);
		fputs(text, stdout);
		free(text);
		if (fflush(stdout) != 0 || options->once)
			return 0;
		pause_for(options, false);
	}
}

static int
run(const struct options *options)
{
	bool on_screen = !options->once && !options->json &&
			 isatty(STDOUT_FILENO) && screen_exists();
	struct link link;
	int result;

	if (link_open(&link, options->path) < 0)
		return complain(link.error);
	if (options->json)
		result = print_json(&link, options);
	else
		result = watch(&link, options, on_screen);
	link_close(&link);
	return result < 0 ? complain(link.error) : EXIT_SUCCESS;
}

/* -- options ------------------------------------------------------------- */

static bool
parse_interval(const char *text, int *ret_ms)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end != '\0' ||
	    !(seconds >= 0.01 && seconds <= INTERVAL_MS_MAX / 1000.0))
		return false;
	*ret_ms = (int)(seconds * 1000);
	return true;
}

static int
usage(const char *what)
{
	fprintf(stderr, "gyre-top: %s; see gyre-top --help\n", what);
	return EXIT_USAGE;
}

/* -1: run; else the status to end with. */
static int
parse(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{ "once", no_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' },
		{ "interval", required_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'h' || option == 'v') {
			if (option == 'h')
				fputs(help, stdout);
			else
				printf("gyre-top %s\n", gyre_version());
			return EXIT_SUCCESS;
		}
		if (option == '?')
			return usage("an option that there is not, or without "
				     "its value");
		if (option == 'i' &&
		    !parse_interval(optarg, &options->interval_ms))
			return usage("--interval wants 0.01 to 3600 seconds");
		options->once |= option == 'o';
		options->json |= option == 'j';
	}
	if (optind < argc)
		options->path = argv[optind++];
	if (optind < argc)
		return usage("more than one PATH");
	if (options->path == NULL || options->path[0] == '\0')
		return usage("no PATH, and no GYRE_CONTROL");
	return -1;
}

int
main(int argc, char **argv)
{
	struct options options = {
		.path = getenv("GYRE_CONTROL"),
		.interval_ms = INTERVAL_MS,
	};
	int status = parse(&options, argc, argv);

	return status >= 0 ? status : run(&options);
}
