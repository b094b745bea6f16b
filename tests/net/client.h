/*
 * A stream that connects, those it connects to, and a resolver that finds what
 * a test says.
 */
#ifndef GYRE_TESTS_NET_CLIENT_H
#define GYRE_TESTS_NET_CLIENT_H

#include "tests/net/harness.h"

#include <gyre/stream_connect.h>

#include <netinet/in.h>

#define CLIENT_TEST(name) \
	cmocka_unit_test_setup_teardown(name, client_setup, client_teardown)

int client_setup(void **state);
int client_teardown(void **state);

/* There is one at a time. */
struct client {
	struct gyre_stream *stream; /* NULL: on_close has come */
	bool connected;
	int error; /* on_close's */
};

extern struct client client;
extern const struct gyre_stream_ops client_ops;

/* Begin to connect; nobody is called inside the call. */
void start(const struct gyre_connect_options *options);
void expect_connected(void);
void expect_failed(int error);
/* Close it and run until that is over. */
void end(void);

/* Predicates for run_until(). */
bool is_decided(void *unused);
bool is_gone(void *unused);

/* -- where to ------------------------------------------------------------- */

/* This machine. */
struct sockaddr_in at_port(uint16_t port);
struct sockaddr_in6 at_port6(uint16_t port);
struct gyre_connect_options to_port(const struct sockaddr_in *in);

/* A port that nobody listens at. */
uint16_t dead_port(void);

/* A listener whose queue is full: who connects to it gets no answer. */
struct silent {
	int listener;
	int first;
	uint16_t port;
};

struct silent be_silent(void);
void speak(const struct silent *silent);

/*
 * Run until it is connected: what was written before arrives, the two ends
 * agree who they are, and the stream ends with its peer.
 */
void check_conversation(int listener, const char *at);

/* -- by name -------------------------------------------------------------- */

/* What "test.example" has; of none, the lookup goes on for ever. */
extern struct gyre_address found[8];
extern size_t found_count;
void find4(const struct sockaddr_in *in);
void find6(const struct sockaddr_in6 *in6);

/* The last lookup's future; a reference. */
extern struct gyre_future *asked;

/* To "test.example": whatever is tried next is tried because the last failed,
 * the stagger is so long. */
struct gyre_connect_options by_name(void);

#endif
