/*
 * A server and a client on one loop, over a pair of sockets, each a recorder.
 */
#ifndef GYRE_TESTS_TLS_PAIR_H
#define GYRE_TESTS_TLS_PAIR_H

#include "tests/net/recorder.h"
#include "tests/tls/certificates.h"

#define TLS_TEST(name) \
	cmocka_unit_test_setup_teardown(name, tls_setup, tls_teardown)

/* cmocka's setup and teardown: net's, and whom the tests trust. */
int tls_setup(void **state);
int tls_teardown(void **state);

/* Who vouches for it all, and who does for nobody. */
extern struct authority *authority;
extern struct authority *stranger;
/* Certificates: "a.test" and 127.0.0.1, "b.test", a client's. */
extern struct gyre_tls_identity identity_a;
extern struct gyre_tls_identity identity_b;
extern struct gyre_tls_identity identity_client;

/* Options to begin with: a server with identity_a, a client that trusts. */
struct gyre_tls_options server_options(void);
struct gyre_tls_options client_options(void);

/* What pairs are made with; the teardown gives them back. */
extern struct gyre_tls *server_tls;
extern struct gyre_tls *client_tls;
void use(const struct gyre_tls_options *server,
	 const struct gyre_tls_options *client);

/* There is one pair at a time. */
extern struct recorder *server;
extern struct recorder *client;
extern char server_text[160]; /* gyre_tls_error_text() at their closes */
extern char client_text[160];

/* What the client's stream is opened with; the setup clears it. */
extern struct gyre_stream_options client_stream;

/* Begin a handshake, for that name. */
void begin(const char *name);
/* Begin with the server alone; the other end is server->peer. */
void begin_server(void);
void expect_handshake(void);
/* The handshake fails, or what follows it: with which errors. */
void expect_failure(int server_error, int client_error);
/* Close both, and see that they end well. */
void end_pair(void);
/* Bytes from the client to the server and back. */
void check_echo(size_t length);

struct gyre_tls_info info_of(const struct recorder *recorder);

#endif
