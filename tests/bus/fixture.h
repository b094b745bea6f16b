/*
 * What the tests of bus/ share: stand-ins for loops, which are an inbox and an
 * outbox stepped by hand on the test's thread, and a trace of what ran and
 * what was dropped.
 */
#ifndef GYRE_TESTS_BUS_FIXTURE_H
#define GYRE_TESTS_BUS_FIXTURE_H

#include "tests/pool/harness.h"
#include "tests/support/child.h"
#include "tests/support/watchdog.h"

#include "bus/inbox.h"
#include "bus/outbox.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* -- the trace: words in the order they were said ------------------------ */

void say(const char *word);

/* Compare the whole trace, words separated by spaces, and begin anew. */
#define assert_trace(expected) assert_trace_at((expected), __FILE__, __LINE__)
void assert_trace_at(const char *expected, const char *file, int line);
void forget_trace(void);

/* A word as a callback's argument. */
void *argument(const char *word);

/* A callback that says its argument; a drop function that says it with the
 * reason: "word!stopped". */
void say_arg(void *word);
void say_dropped(void *word, enum gyre_drop_reason reason);

/* -- messages: tasks that say a word ------------------------------------- */

struct message {
	struct gyre_task task;
	const char *word;
};

/* A task that says the word, or when it is dropped "word!reason". */
struct message message(const char *word);

/* -- stand-ins for loops ------------------------------------------------- */

struct counting_bell {
	struct gyre__doorbell bell;
	unsigned rings;
};

struct stand_in {
	struct gyre__outbox outbox; /* first: on_raise finds the rest by it */
	struct gyre_inbox *inbox;
	struct counting_bell bell;
	unsigned raised;
};

void counting_bell_init(struct counting_bell *bell);

void stand_in_open(struct stand_in *stand_in);

/* Be its thread, and no longer. */
void enter(struct stand_in *stand_in);
void leave(struct stand_in *stand_in);

/* Run what has come, flush what that sent; as on another thread. */
void step(struct stand_in *stand_in);

/* As a loop that closes on its own thread, and then gives its inbox up. */
void stand_in_close(struct stand_in *stand_in);
void stand_in_free(struct stand_in *stand_in);

/* Both, unless it is closed already. */
void stand_in_end(struct stand_in *stand_in);

/* What was accepted is run, dropped or waiting. */
void assert_conserved(const struct stand_in *stand_in);

/* Send from a stand-in, inside of it; must be accepted. */
void send_word(struct stand_in *from, struct stand_in *to, const char *word);
void send_droppable(struct stand_in *from, struct stand_in *to,
		    const char *word);
void post_message(struct stand_in *from, struct stand_in *to,
		  struct message *message);

/* -- the frame of a test ------------------------------------------------- */

/* Ten seconds for each test; nothing may be left of it. */
int bus_set_up(void **state);
int bus_tear_down(void **state);
#define BUS_TEST(name) \
	cmocka_unit_test_setup_teardown(name, bus_set_up, bus_tear_down)

#endif
