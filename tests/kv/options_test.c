/* The command line. */
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "secure.h"

#define ARGS_MAX 8

static enum options_result
parse(struct options *options, const char *line)
{
	static char copy[1024];
	char *argv[ARGS_MAX + 1];
	int argc = 0;

	argv[argc++] = strcpy(copy, "gyre-kv");
	strcpy(copy + 8, line);
	for (char *word = strtok(copy + 8, " ");
	     word != NULL && argc < ARGS_MAX; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	return options_parse(options, argc, argv);
}

static void
there_are_defaults(void **state)
{
	struct options options;

	(void)state;
	assert_int_equal(parse(&options, ""), OPTIONS_RUN);
	assert_string_equal(options.bind, "127.0.0.1");
	assert_int_equal(options.port, 7379);
	assert_int_equal(options.loops, 0);
	assert_null(options.control);
	assert_int_equal(options.pin, GYRE_PIN_AUTO);
	assert_int_equal(options.clients_max, 10000);
	assert_int_equal(options.bulk_max, 512 * 1024 * 1024);
}

static void
tls_has_options(void **state)
{
	static const char line[] =
		"--tls-port=0 --tls-cert-file=c --tls-key-file=k "
		"--tls-ca-cert-file=a --tls-auth-clients=optional --port=off "
		"--tls-protocols=TLSv1.3";
	struct options options;

	(void)state;
	assert_int_equal(parse(&options, ""), OPTIONS_RUN);
	assert_false(options.has_tls);
	assert_true(options.has_port);
	if (!secure_is_built()) {
		assert_int_equal(parse(&options, line), OPTIONS_BAD);
		return;
	}
	assert_int_equal(parse(&options, line), OPTIONS_RUN);
	assert_true(options.has_tls);
	assert_false(options.has_port);
	assert_string_equal(options.tls_certificate, "c");
	assert_string_equal(options.tls_key, "k");
	assert_string_equal(options.tls_ca, "a");
	assert_int_equal(options.tls_clients, OPTIONS_TLS_CLIENTS_OPTIONAL);
	assert_false(options.tls_1_2);
	assert_true(options.tls_1_3);
	assert_int_equal(parse(&options, "--tls-port=0"), OPTIONS_BAD);
	assert_int_equal(parse(&options, "--tls-protocols="), OPTIONS_BAD);
	assert_int_equal(parse(&options, "--port=off"), OPTIONS_BAD);
}

static void
options_are_read(void **state)
{
	struct options options;

	(void)state;
	assert_int_equal(parse(&options, "--bind ::1 --port=0 --loops 4"),
			 OPTIONS_RUN);
	assert_string_equal(options.bind, "::1");
	assert_int_equal(options.port, 0);
	assert_int_equal(options.loops, 4);
	assert_int_equal(parse(&options, "--control /run/kv.sock"),
			 OPTIONS_RUN);
	assert_string_equal(options.control, "/run/kv.sock");
	assert_int_equal(parse(&options, "--control="), OPTIONS_BAD);
	assert_int_equal(options.slow_ns, GYRE_MS(10));
	assert_int_equal(options.slow_max, 128);
	assert_int_equal(options.spin_ns, 0);
	assert_int_equal(parse(&options, "--slowlog-log-slower-than 5 "
					 "--slowlog-max-len 0 --spin 20000"),
			 OPTIONS_RUN);
	assert_int_equal(options.slow_ns, 5000);
	assert_int_equal(options.slow_max, 0);
	assert_int_equal(options.spin_ns, 20000);
	assert_int_equal(parse(&options, "--slowlog-log-slower-than -1"),
			 OPTIONS_RUN);
	assert_true(options.slow_ns < 0);
	assert_int_equal(parse(&options, "--slowlog-log-slower-than -2"),
			 OPTIONS_BAD);
	assert_int_equal(parse(&options, "--slowlog-max-len 100001"),
			 OPTIONS_BAD);
	assert_int_equal(parse(&options, "--spin 1000001"), OPTIONS_BAD);
	assert_int_equal(parse(&options, "--maxclients 5 --max-bulk 1000"),
			 OPTIONS_RUN);
	assert_int_equal(options.clients_max, 5);
	assert_int_equal(options.bulk_max, 1000);
}

static void
limits_of_clients_are_read(void **state)
{
	struct options options;
	char text[700];

	(void)state;
	assert_int_equal(parse(&options, ""), OPTIONS_RUN);
	assert_string_equal(options.password, "");
	assert_true(options.protected_mode);
	assert_int_equal(options.idle_ns, 0);
	assert_int_equal(options.unread_max, 32 * 1024 * 1024);
	assert_int_equal(options.unread_long_max, 8 * 1024 * 1024);
	assert_int_equal(options.unread_long_ns, GYRE_SECONDS(60));
	assert_int_equal(parse(&options, "--requirepass secret --timeout 90 "
					 "--protected-mode no"),
			 OPTIONS_RUN);
	assert_string_equal(options.password, "secret");
	assert_false(options.protected_mode);
	assert_int_equal(options.idle_ns, GYRE_SECONDS(90));
	assert_int_equal(options.keepalive_ns, GYRE_SECONDS(300));
	assert_int_equal(parse(&options, "--tcp-keepalive 32767"), OPTIONS_RUN);
	assert_int_equal(options.keepalive_ns, GYRE_SECONDS(32767));
	assert_int_equal(parse(&options, "--tcp-keepalive 0"), OPTIONS_RUN);
	assert_int_equal(options.keepalive_ns, 0);
	assert_int_equal(parse(&options, "--unread-limit 3000,2000,5"),
			 OPTIONS_RUN);
	assert_int_equal(options.unread_max, 3000);
	assert_int_equal(options.unread_long_max, 2000);
	assert_int_equal(options.unread_long_ns, GYRE_SECONDS(5));
	assert_null(options.unix_path);
	assert_int_equal(parse(&options, "--unixsocket /run/kv "
					 "--unixsocketperm 770"),
			 OPTIONS_RUN);
	assert_string_equal(options.unix_path, "/run/kv");
	assert_int_equal(options.unix_mode, 0770);
	assert_int_equal(options.memory_max, 0);
	assert_int_equal(parse(&options, "--maxmemory 12345"), OPTIONS_RUN);
	assert_int_equal(options.memory_max, 12345);
	assert_int_equal(parse(&options, "--maxmemory 100mb"), OPTIONS_RUN);
	assert_int_equal(options.memory_max, 100 * 1024 * 1024);
	assert_int_equal(parse(&options, "--maxmemory 2K"), OPTIONS_RUN);
	assert_int_equal(options.memory_max, 2000);
	snprintf(text, sizeof(text), "--requirepass %0512d", 1);
	assert_int_equal(parse(&options, text), OPTIONS_RUN);
	snprintf(text, sizeof(text), "--requirepass %0513d", 1);
	assert_int_equal(parse(&options, text), OPTIONS_BAD);
}

/* Who lists the processes should not see it. */
static void
a_password_is_blanked(void **state)
{
	char program[] = "gyre-kv";
	char text[] = "--requirepass=secret";
	char *argv[] = { program, text, NULL };
	struct options options;

	(void)state;
	assert_int_equal(options_parse(&options, 2, argv), OPTIONS_RUN);
	assert_string_equal(options.password, "secret");
	assert_string_equal(text, "--requirepass=******");
}

static void
pins_are_read(void **state)
{
	struct options options;

	(void)state;
	assert_int_equal(parse(&options, "--pin none"), OPTIONS_RUN);
	assert_int_equal(options.pin, GYRE_PIN_NONE);
	assert_int_equal(parse(&options, "--pin spread"), OPTIONS_RUN);
	assert_int_equal(options.pin, GYRE_PIN_SPREAD);
	assert_int_equal(parse(&options, "--pin pack"), OPTIONS_RUN);
	assert_int_equal(options.pin, GYRE_PIN_PACK);
	assert_int_equal(parse(&options, "--pin core"), OPTIONS_RUN);
	assert_int_equal(options.pin, GYRE_PIN_CORE);
	assert_false(options.steer);
	assert_int_equal(parse(&options, "--steer"), OPTIONS_RUN);
	assert_true(options.steer);
	assert_false(options.wants_plan);
	assert_int_equal(parse(&options, "--plan"), OPTIONS_RUN);
	assert_true(options.wants_plan);
	assert_int_equal(parse(&options, "--pin 7,0-2"), OPTIONS_RUN);
	assert_int_equal(options.pin, GYRE_PIN_LIST);
	assert_int_equal(options.cpus_count, 4);
	assert_int_equal(options.cpus[0], 7);
	assert_int_equal(options.cpus[3], 2);
}

/* Run and return what went to standard error. */
static void
complaint(const char *line, char *text, size_t size)
{
	struct options options;
	int saved = dup(STDERR_FILENO);
	FILE *file = tmpfile();
	size_t length;

	assert_non_null(file);
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	assert_int_equal(parse(&options, line), OPTIONS_BAD);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	length = fread(text, 1, size - 1, file);
	text[length] = '\0';
	fclose(file);
}

static void
bad_options_get_one_line(void **state)
{
	static const char *const lines[] = {
		"--what",
		"what",
		"-x",
		"--port",
		"--port 65536",
		"--port -1",
		"--port x",
		"--bind localhost",
		"--loops 0",
		"--loops 1025",
		"--loops 2x",
		"--pin some",
		"--pin 1,",
		"--pin 3-1",
		"--pin 99999",
		"--maxclients 0",
		"--max-bulk 0",
		"--max-bulk 99999999999",
		"--timeout -1",
		"--protected-mode maybe",
		"--timeout x",
		"--tcp-keepalive -1",
		"--tcp-keepalive 32768",
		"--requirepass=",
		"--unread-limit 1,2,3",
		"--unread-limit 2,1",
		"--unread-limit 2,1,",
		"--maxmemory",
		"--unixsocket=",
		"--unixsocketperm 0",
		"--unixsocketperm 888",
		"--unixsocketperm 1777",
		"--unixsocketperm -1",
		"--maxmemory 5x",
		"--maxmemory 1mbb",
		"--maxmemory 9999999gb",
		"--maxmemory gb",
		"--unread-limit 2,1,0,0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char text[512];
		char *end;

		complaint(lines[i], text, sizeof(text));
		assert_memory_equal(text, "gyre-kv: ", 9);
		end = strchr(text, '\n');
		assert_non_null(end);
		assert_int_equal(end[1], '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_are_defaults),
		cmocka_unit_test(tls_has_options),
		cmocka_unit_test(options_are_read),
		cmocka_unit_test(limits_of_clients_are_read),
		cmocka_unit_test(a_password_is_blanked),
		cmocka_unit_test(pins_are_read),
		cmocka_unit_test(bad_options_get_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
