/*
 * What tests of lookups share: loops whose getaddrinfo() is the table of names,
 * and lookups whose outcome is looked at.
 */
#ifndef GYRE_TESTS_NET_RESOLVE_FIXTURE_H
#define GYRE_TESTS_NET_RESOLVE_FIXTURE_H

#include <gyre/resolve.h>

#include "tests/net/names.h"
#include "tests/support/job_fixture.h"

#define NAMES_TEST(name) \
	cmocka_unit_test_setup_teardown(name, names_set_up, names_tear_down)
#define NAMES_STAGE_TEST(name)                                    \
	cmocka_unit_test_setup_teardown(name, names_stage_set_up, \
					names_tear_down)

/* A real loop whose pool's threads are counted, or one on the stage. */
int names_set_up(void **state);
int names_stage_set_up(void **state);
int names_tear_down(void **state);

/* What the last lookup's future said. */
extern char message[GYRE_EXCEPTION_MESSAGE_MAX];

/* A lookup for the_loop, which must begin. */
struct gyre_future *resolve(struct gyre_resolve_options options);
/* One whose job is held. */
struct gyre_future *resolve_held(const char *host, int64_t deadline_ns);
/* Options for one whose executor refuses with -EIO. */
struct gyre_resolve_options for_nobody(const char *host, const char *service);

/* Give the future back, and answer what came of it. */
int outcome_of(struct gyre_future *future,
	       struct gyre_addresses **ret_addresses);
/* The same when the loop has run until it is complete. */
int finish(struct gyre_future *future, struct gyre_addresses **ret_addresses);
int finish_with_error(struct gyre_future *future);

void expect_text(const struct gyre_address *address, const char *text,
		 unsigned port);

#endif
