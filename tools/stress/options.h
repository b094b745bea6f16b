/* What the command line asks for. */
#ifndef STRESS_OPTIONS_H
#define STRESS_OPTIONS_H

#include <gyre/runtime.h>

#include <stdbool.h>
#include <stdint.h>

#include "path.h"
#include "plant.h"

#define OPTIONS_CPUS_MAX      1024u
#define OPTIONS_LOOPS_MAX     64u
#define OPTIONS_PRODUCERS_MAX 64u
#define OPTIONS_CLIENTS_MAX   10000u
#define OPTIONS_HOST_MAX      255u
#define OPTIONS_PORT_MAX      5u

struct options {
	unsigned loops;
	unsigned producers;
	int64_t duration_ns; /* GYRE_FOREVER: until `messages` have run */
	uint64_t messages;   /* 0: no matter how many */
	uint64_t seed;
	unsigned mix; /* a bit per path, and MIX_STOP */
	enum gyre_pin pin;
	unsigned cpus[OPTIONS_CPUS_MAX];
	unsigned cpus_count;
	const char *pin_text; /* as they were given, to be given again */
	const char *mix_text;
	bool json;
	enum plant plant;
	/* A key-value server, to be soaked instead; "": none. */
	char kv_host[OPTIONS_HOST_MAX + 1];
	char kv_port[OPTIONS_PORT_MAX + 1];
	unsigned clients;
};

enum options_result {
	OPTIONS_RUN,
	OPTIONS_DONE, /* --help: said what there is to say */
	OPTIONS_BAD,  /* said what is wrong */
};

enum options_result options_parse(struct options *options, int argc,
				  char **argv);

static inline bool
options_mixes(const struct options *options, enum path path)
{
	return (options->mix & 1u << path) != 0;
}

#endif
