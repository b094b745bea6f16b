/*
 * What tests of ports share: a port of the_loop that says what becomes of its
 * messages, and a second loop that sends.
 */
#ifndef GYRE_TESTS_LOOP_PORT_FIXTURE_H
#define GYRE_TESTS_LOOP_PORT_FIXTURE_H

#include "tests/support/loop_fixture.h"

#include <gyre/port.h>

extern struct gyre_port *the_port;
extern struct gyre_loop *sender;

/* Say a message's word; of a dropped one with the reason: "a stopped". */
void say_message(struct gyre_port *port, struct gyre_message *message,
		 void *arg);
void say_dropped(struct gyre_port *port, struct gyre_message *message,
		 enum gyre_drop_reason reason, void *arg);

/* A message that says "~" when it is released. */
struct gyre_message message(const char *word);

/* Make the_port; the options are those above unless they are given. */
void open_port(struct gyre_port_options options);
void open_port_of(uint32_t capacity);

/* Send a word to the_port, and return what it says. */
int send_word(const char *word);

/* Run one batch of a loop; the function first, if there is one. */
void step(struct gyre_loop *loop);
void step_with(struct gyre_loop *loop, gyre_callback_fn fn, void *arg);

/* Compare the_port's counters. */
#define assert_stats(accepted, delivered, dropped, waiting, refused)    \
	assert_stats_at(accepted, delivered, dropped, waiting, refused, \
			__FILE__, __LINE__)
void assert_stats_at(uint64_t accepted, uint64_t delivered, uint64_t dropped,
		     uint32_t waiting, uint64_t refused, const char *file,
		     int line);

/* the_loop and sender on the stage; nothing may be left of them. */
int port_set_up(void **state);
int port_tear_down(void **state);
#define PORT_TEST(name) \
	cmocka_unit_test_setup_teardown(name, port_set_up, port_tear_down)

#endif
