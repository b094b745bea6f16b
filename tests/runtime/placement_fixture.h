/*
 * A desk to plan at: CPUs and files of the test's own.
 */
#ifndef GYRE_TESTS_RUNTIME_PLACEMENT_FIXTURE_H
#define GYRE_TESTS_RUNTIME_PLACEMENT_FIXTURE_H

#include "runtime/placement.h"

#include "tests/pool/harness.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

struct desk {
	struct gyre_sys sys;
	struct gyre_runtime_options options;
	struct gyre__placement plan;
	unsigned lines;
	enum gyre_log_level level;
	char line[256];
};

/* A file of the machine; without text it is one that may not be read. */
void add_file(const char *path, const char *text);
void forget_files(void);

/* Make the plan, and tell the CPU of one of its shards. */
int plan(struct desk *desk);
int cpu(const struct desk *desk, unsigned shard);

int desk_setup(void **state);
int desk_teardown(void **state);

#define PLAN_TEST(name) \
	cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)

#endif
