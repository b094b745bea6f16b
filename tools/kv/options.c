/*
 * Every option is checked here, so that what goes wrong later is the
 * machine's doing.
 */
#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "resp.h"
#include "secure.h"

#define PORT_DEFAULT        7379
#define CLIENTS_MAX_DEFAULT 10000
#define CLIENTS_MAX_LIMIT   1000000
#define MEMORY_LIMIT        (1ULL << 50)
#define UNREAD_LIMIT        (1ULL << 40)
#define SECONDS_LIMIT       1000000000
#define KEEPALIVE_LIMIT     32767         /* seconds, as Linux has it */
#define SLOW_LIMIT          1000000000000 /* microseconds */
#define SLOW_MAX_LIMIT      100000
#define BULK_MAX_LIMIT      (RESP_COMMAND_MAX / 2)

enum option_value {
	OPTION_BIND = 256,
	OPTION_PORT,
	OPTION_TLS_PORT,
	OPTION_TLS_CERTIFICATE,
	OPTION_TLS_KEY,
	OPTION_TLS_CA,
	OPTION_TLS_CLIENTS,
	OPTION_TLS_PROTOCOLS,
	OPTION_UNIX_PATH,
	OPTION_UNIX_MODE,
	OPTION_LOOPS,
	OPTION_PIN,
	OPTION_STEER,
	OPTION_PLAN,
	OPTION_CLIENTS_MAX,
	OPTION_PASSWORD,
	OPTION_PROTECTED,
	OPTION_IDLE,
	OPTION_KEEPALIVE,
	OPTION_UNREAD,
	OPTION_BULK_MAX,
	OPTION_MEMORY_MAX,
	OPTION_SLOW,
	OPTION_SLOW_MAX,
	OPTION_SPIN,
	OPTION_CONTROL,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{ "bind", required_argument, NULL, OPTION_BIND },
	{ "port", required_argument, NULL, OPTION_PORT },
	{ "tls-port", required_argument, NULL, OPTION_TLS_PORT },
	{ "tls-cert-file", required_argument, NULL, OPTION_TLS_CERTIFICATE },
	{ "tls-key-file", required_argument, NULL, OPTION_TLS_KEY },
	{ "tls-ca-cert-file", required_argument, NULL, OPTION_TLS_CA },
	{ "tls-auth-clients", required_argument, NULL, OPTION_TLS_CLIENTS },
	{ "tls-protocols", required_argument, NULL, OPTION_TLS_PROTOCOLS },
	{ "unixsocket", required_argument, NULL, OPTION_UNIX_PATH },
	{ "unixsocketperm", required_argument, NULL, OPTION_UNIX_MODE },
	{ "loops", required_argument, NULL, OPTION_LOOPS },
	{ "pin", required_argument, NULL, OPTION_PIN },
	{ "steer", no_argument, NULL, OPTION_STEER },
	{ "plan", no_argument, NULL, OPTION_PLAN },
	{ "maxclients", required_argument, NULL, OPTION_CLIENTS_MAX },
	{ "requirepass", required_argument, NULL, OPTION_PASSWORD },
	{ "protected-mode", required_argument, NULL, OPTION_PROTECTED },
	{ "timeout", required_argument, NULL, OPTION_IDLE },
	{ "tcp-keepalive", required_argument, NULL, OPTION_KEEPALIVE },
	{ "unread-limit", required_argument, NULL, OPTION_UNREAD },
	{ "max-bulk", required_argument, NULL, OPTION_BULK_MAX },
	{ "maxmemory", required_argument, NULL, OPTION_MEMORY_MAX },
	{ "slowlog-log-slower-than", required_argument, NULL, OPTION_SLOW },
	{ "slowlog-max-len", required_argument, NULL, OPTION_SLOW_MAX },
	{ "spin", required_argument, NULL, OPTION_SPIN },
	{ "control", required_argument, NULL, OPTION_CONTROL },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char help[] =
	"Usage: gyre-kv [options]\n"
	"A sharded key-value server that speaks RESP2 and RESP3, as Redis "
	"does. "
	"It keeps\nits data in memory only: what is stored is gone when it "
	"ends. Sockets that\nsystemd passes (LISTEN_FDS) are taken in the "
	"ports' "
	"place.\n\n"
	"  --bind ADDRESS       numeric address to listen on (127.0.0.1)\n"
	"  --port PORT          port to listen on, 0: any free one, off: TLS "
	"alone (7379)\n"
	"  --tls-port PORT      port to listen on for TLS too, 0: any free one "
	"(none)\n"
	"  --tls-cert-file PATH its certificate, PEM; SIGHUP reads these files "
	"again\n"
	"  --tls-key-file PATH  the certificate's key, PEM, not encrypted\n"
	"  --tls-ca-cert-file PATH  who is trusted to vouch for clients, PEM\n"
	"  --tls-auth-clients HOW   yes: clients must have a certificate, "
	"optional: one\n                       that they show must be good, "
	"no: "
	"none is asked for (yes)\n"
	"  --tls-protocols LIST \"TLSv1.2 TLSv1.3\", or one of them (both)\n"
	"  --unixsocket PATH    listen at a Unix socket too (nowhere)\n"
	"  --unixsocketperm OCT mode of its path (600)\n"
	"  --loops N            shards, each a thread with a loop "
	"(one per allowed CPU)\n"
	"  --pin HOW            pin the shards' threads: auto, spread, pack, "
	"core, none,\n                       or a list such as 0,2,4-7 (auto)\n"
	"  --steer              give a client to the shard of the CPU that got "
	"its packet\n"
	"  --plan               print where the shards would run, and exit\n"
	"  --requirepass TEXT   password that clients must give with AUTH "
	"(none)\n"
	"  --protected-mode YES yes or no: without a password, take clients of "
	"this\n                       machine alone (yes)\n"
	"  --maxclients N       connections at a time (10000)\n"
	"  --timeout SECONDS    close who says nothing for so long, 0: never; "
	"subscribers\n                       may (0)\n"
	"  --tcp-keepalive SECONDS  ask the system of who says nothing for so "
	"long, close\n                       who has not answered after twice "
	"that, 0: never (300)\n"
	"  --unread-limit A,B,S close a subscriber that A bytes wait for, or B "
	"bytes for\n                       S seconds (33554432,8388608,60)\n"
	"  --max-bulk BYTES     longest argument or value (536870912)\n"
	"  --maxmemory BYTES    of keys and values, also as 100mb or 2gb; over "
	"it what\n                       needs more is refused, nothing is "
	"evicted (0: no limit)\n"
	"  --slowlog-log-slower-than US\n                       keep commands "
	"that take longer, -1: none (10000)\n"
	"  --slowlog-max-len N  so many of them (128)\n"
	"  --spin NS            look so long for work before a loop sleeps "
	"(0)\n"
	"  --control PATH       where gyre-top may look, for this user alone "
	"(nowhere)\n"
	"  --help               print this and exit\n"
	"  --version            print the version and exit\n";

__attribute__((format(printf, 1, 2))) static enum options_result
bad(const char *format, ...)
{
	va_list arguments;

	fputs("gyre-kv: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputs("; see gyre-kv --help\n", stderr);
	return OPTIONS_BAD;
}

/* Read digits up to the end or to a byte of `stops`. */
static bool
take_number(const char **at, const char *stops, unsigned long long max,
	    unsigned long long *ret)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*ret = strtoull(*at, &end, 10);
	if (errno != 0 || *ret > max ||
	    (*end != '\0' && strchr(stops, *end) == NULL))
		return false;
	*at = end;
	return true;
}

static bool
parse_number(const char *text, unsigned long long min, unsigned long long max,
	     unsigned long long *ret)
{
	return take_number(&text, "", max, ret) && *ret >= min;
}

/* Bytes, or a number with one of Redis's units. */
static bool
parse_size(const char *text, size_t *ret)
{
	static const struct {
		const char *name;
		unsigned long long bytes;
	} units[] = {
		{ "", 1 },           { "b", 1 },
		{ "k", 1000 },       { "kb", 1024 },
		{ "m", 1000000 },    { "mb", 1024 * 1024 },
		{ "g", 1000000000 }, { "gb", 1024 * 1024 * 1024 },
	};
	unsigned long long number;

	if (!take_number(&text, "bkmgBKMG", MEMORY_LIMIT, &number))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcasecmp(text, units[i].name) != 0)
			continue;
		*ret = (size_t)(number * units[i].bytes);
		return number <= MEMORY_LIMIT / units[i].bytes;
	}
	return false;
}

/* A list of CPUs, such as 0,2,4-7. */
static bool
parse_cpus(const char *text, struct options *options)
{
	for (;;) {
		unsigned long long first;
		unsigned long long last;

		if (!take_number(&text, ",-", OPTIONS_CPUS_MAX - 1, &first))
			return false;
		last = first;
		if (*text == '-') {
			text++;
			if (!take_number(&text, ",", OPTIONS_CPUS_MAX - 1,
					 &last) ||
			    last < first)
				return false;
		}
		for (; first <= last; first++) {
			if (options->cpus_count == OPTIONS_CPUS_MAX)
				return false;
			options->cpus[options->cpus_count++] = (unsigned)first;
		}
		if (*text == '\0')
			return true;
		text++;
	}
}

static bool
parse_pin(const char *text, struct options *options)
{
	static const struct {
		const char *name;
		enum gyre_pin pin;
	} policies[] = {
		{ "auto", GYRE_PIN_AUTO }, { "none", GYRE_PIN_NONE },
		{ "pack", GYRE_PIN_PACK }, { "spread", GYRE_PIN_SPREAD },
		{ "core", GYRE_PIN_CORE },
	};

	options->cpus_count = 0;
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		if (strcmp(text, policies[i].name) != 0)
			continue;
		options->pin = policies[i].pin;
		return true;
	}
	options->pin = GYRE_PIN_LIST;
	return parse_cpus(text, options);
}

/* Keep a copy, and blank the command line, which others can read. */
static bool
take_password(char *text, struct options *options)
{
	size_t length = strlen(text);

	if (length == 0 || length > OPTIONS_PASSWORD_MAX)
		return false;
	memcpy(options->password, text, length + 1);
	memset(text, '*', length);
	return true;
}

static bool
parse_yes_no(const char *text, bool *ret)
{
	*ret = strcmp(text, "yes") == 0;
	return *ret || strcmp(text, "no") == 0;
}

/* Three numbers: bytes at once, bytes for long, and seconds that are long. */
static bool
parse_unread(const char *text, struct options *options)
{
	unsigned long long most;
	unsigned long long many;
	unsigned long long seconds;

	if (!take_number(&text, ",", UNREAD_LIMIT, &most) || *text++ != ',' ||
	    !take_number(&text, ",", most, &many) || *text++ != ',' ||
	    !take_number(&text, "", SECONDS_LIMIT, &seconds))
		return false;
	options->unread_max = (size_t)most;
	options->unread_long_max = (size_t)many;
	options->unread_long_ns = GYRE_SECONDS((int64_t)seconds);
	return true;
}

/* Microseconds, or -1. */
static bool
parse_slow(const char *text, int64_t *ret_ns)
{
	unsigned long long number = 0;

	*ret_ns = -1;
	if (strcmp(text, "-1") == 0)
		return true;
	if (!parse_number(text, 0, SLOW_LIMIT, &number))
		return false;
	*ret_ns = (int64_t)number * 1000;
	return true;
}

/* Three octal digits, with a 0 before them or not. */
static bool
parse_mode(const char *text, unsigned *ret)
{
	char *end;

	*ret = (unsigned)strtoul(text, &end, 8);
	return text[0] >= '0' && text[0] <= '7' && strlen(text) <= 4 &&
	       *end == '\0' && *ret > 0 && *ret <= 0777;
}

static bool
is_address(const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, address) == 1 ||
	       inet_pton(AF_INET6, text, address) == 1;
}

/* What clients may do; false: its value is wrong. */
static bool
take_client_option(struct options *options, int option, char *text)
{
	unsigned long long number = 0;
	bool valid = false;

	switch (option) {
	case OPTION_CLIENTS_MAX:
		valid = parse_number(text, 1, CLIENTS_MAX_LIMIT, &number);
		options->clients_max = (unsigned)number;
		return valid;
	case OPTION_BULK_MAX:
		valid = parse_number(text, 1, BULK_MAX_LIMIT, &number);
		options->bulk_max = (size_t)number;
		return valid;
	case OPTION_MEMORY_MAX:
		return parse_size(text, &options->memory_max);
	case OPTION_PASSWORD:
		return take_password(text, options);
	case OPTION_PROTECTED:
		return parse_yes_no(text, &options->protected_mode);
	case OPTION_IDLE:
		if (!parse_number(text, 0, SECONDS_LIMIT, &number))
			return false;
		options->idle_ns = GYRE_SECONDS((int64_t)number);
		return true;
	case OPTION_KEEPALIVE:
		if (!parse_number(text, 0, KEEPALIVE_LIMIT, &number))
			return false;
		options->keepalive_ns = GYRE_SECONDS((int64_t)number);
		return true;
	case OPTION_UNREAD:
		return parse_unread(text, options);
	case OPTION_SLOW:
		return parse_slow(text, &options->slow_ns);
	case OPTION_SLOW_MAX:
		valid = parse_number(text, 0, SLOW_MAX_LIMIT, &number);
		options->slow_max = (size_t)number;
		return valid;
	default:
		return false;
	}
}

static bool
parse_port(const char *text, uint16_t *ret)
{
	unsigned long long number;

	if (!parse_number(text, 0, UINT16_MAX, &number))
		return false;
	*ret = (uint16_t)number;
	return true;
}

/* Two names at the most, with spaces between. */
static bool
parse_protocols(const char *text, struct options *options)
{
	static const char names[2][8] = { "TLSv1.2", "TLSv1.3" };
	bool *wanted[2] = { &options->tls_1_2, &options->tls_1_3 };

	options->tls_1_2 = options->tls_1_3 = false;
	while (*text != '\0') {
		size_t length = strcspn(text, " ");
		size_t i = 0;

		while (i < 2 && (length != strlen(names[i]) ||
				 strncasecmp(text, names[i], length) != 0))
			i++;
		if (i == 2)
			return false;
		*wanted[i] = true;
		text += length;
		text += strspn(text, " ");
	}
	return options->tls_1_2 || options->tls_1_3;
}

static bool
parse_tls_clients(const char *text, enum options_tls_clients *ret)
{
	*ret = OPTIONS_TLS_CLIENTS_KNOWN;
	if (strcmp(text, "optional") == 0)
		*ret = OPTIONS_TLS_CLIENTS_OPTIONAL;
	else if (strcmp(text, "no") == 0)
		*ret = OPTIONS_TLS_CLIENTS_ANY;
	else
		return strcmp(text, "yes") == 0;
	return true;
}

/* Of TLS; false: its value is wrong, or it is none of these. */
static bool
take_tls_option(struct options *options, int option, char *text)
{
	options->wants_tls = true;
	switch (option) {
	case OPTION_TLS_PORT:
		options->has_tls = true;
		return parse_port(text, &options->tls_port);
	case OPTION_TLS_CERTIFICATE:
		options->tls_certificate = text;
		return text[0] != '\0';
	case OPTION_TLS_KEY:
		options->tls_key = text;
		return text[0] != '\0';
	case OPTION_TLS_CA:
		options->tls_ca = text;
		return text[0] != '\0';
	case OPTION_TLS_CLIENTS:
		return parse_tls_clients(text, &options->tls_clients);
	case OPTION_TLS_PROTOCOLS:
		return parse_protocols(text, options);
	default:
		return false;
	}
}

/* Take one option; false: its value is wrong. */
static bool
take_option(struct options *options, int option, char *text)
{
	unsigned long long number = 0;
	bool valid = false;

	switch (option) {
	case OPTION_BIND:
		options->bind = text;
		return is_address(text);
	case OPTION_PORT:
		options->has_port = strcmp(text, "off") != 0;
		return !options->has_port || parse_port(text, &options->port);
	case OPTION_UNIX_PATH:
		options->unix_path = text;
		return text[0] != '\0';
	case OPTION_UNIX_MODE:
		return parse_mode(text, &options->unix_mode);
	case OPTION_LOOPS:
		valid = parse_number(text, 1, GYRE_SHARDS_MAX, &number);
		options->loops = (unsigned)number;
		return valid;
	case OPTION_PIN:
		return parse_pin(text, options);
	case OPTION_SPIN:
		valid = parse_number(text, 0, GYRE_SPIN_MAX_NS, &number);
		options->spin_ns = (int64_t)number;
		return valid;
	case OPTION_STEER:
		options->steer = true;
		return true;
	case OPTION_PLAN:
		options->wants_plan = true;
		return true;
	case OPTION_CONTROL:
		options->control = text;
		return text[0] != '\0';
	case OPTION_TLS_PORT:
	case OPTION_TLS_CERTIFICATE:
	case OPTION_TLS_KEY:
	case OPTION_TLS_CA:
	case OPTION_TLS_CLIENTS:
	case OPTION_TLS_PROTOCOLS:
		return take_tls_option(options, option, text);
	default:
		return take_client_option(options, option, text);
	}
}

/* What the options say together. */
static enum options_result
check_together(const struct options *options)
{
	if (options->wants_tls && !secure_is_built())
		return bad("there is no TLS: OpenSSL 3 was missing when this "
			   "was built");
	if (options->wants_tls && !options->has_tls)
		return bad("TLS needs a port, --tls-port");
	if (options->has_tls &&
	    (options->tls_certificate == NULL || options->tls_key == NULL))
		return bad("--tls-port needs --tls-cert-file and "
			   "--tls-key-file");
	if (options->has_tls &&
	    options->tls_clients != OPTIONS_TLS_CLIENTS_ANY &&
	    options->tls_ca == NULL)
		return bad("--tls-auth-clients yes, or optional, needs "
			   "--tls-ca-cert-file");
	if (!options->has_port && !options->has_tls)
		return bad("--port off leaves no port; give --tls-port");
	return OPTIONS_RUN;
}

enum options_result
options_parse(struct options *options, int argc, char **argv)
{
	int option;
	int index = 0;

	*options = (struct options){
		.bind = "127.0.0.1",
		.port = PORT_DEFAULT,
		.has_port = true,
		.tls_1_2 = true,
		.tls_1_3 = true,
		.pin = GYRE_PIN_AUTO,
		.clients_max = CLIENTS_MAX_DEFAULT,
		.slow_ns = INT64_C(10000) * 1000,
		.slow_max = 128,
		.bulk_max = RESP_BULK_MAX_DEFAULT,
		.protected_mode = true,
		.keepalive_ns = GYRE_SECONDS(300),
		.unix_mode = 0600,
		.unread_max = (size_t)32 * 1024 * 1024,
		.unread_long_max = (size_t)8 * 1024 * 1024,
		.unread_long_ns = GYRE_SECONDS(60),
	};
	/* We say ourselves, in one line, what is wrong. */
	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":", long_options, &index)) !=
	       -1) {
		if (option == OPTION_HELP || option == OPTION_VERSION) {
			if (option == OPTION_HELP)
				fputs(help, stdout);
			else
				printf("gyre-kv %s\n", gyre_version());
			return OPTIONS_DONE;
		}
		if (option == ':')
			return bad("%s wants a value", argv[optind - 1]);
		if (option == '?' && optopt > 0 && optopt < OPTION_BIND)
			return bad("-%c is no option", optopt);
		if (option == '?')
			return bad("%s is no option", argv[optind - 1]);
		if (!take_option(options, option, optarg))
			return bad("--%s %s makes no sense",
				   long_options[index].name, optarg);
	}
	if (optind < argc)
		return bad("%s is no option", argv[optind]);
	return check_together(options);
}
