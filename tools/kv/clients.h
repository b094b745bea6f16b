/*
 * A shard's clients as others see them: which of them a command is about, and
 * what CLIENT LIST says of each.
 */
#ifndef KV_CLIENTS_H
#define KV_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arg.h"
#include "bytes.h"

struct call;
struct connection;
struct shard;

/* An address with its port, or a path, as text. */
#define CLIENTS_ADDRESS_MAX 128

/* Redis's kinds; there are no replicas here and no master. */
enum client_type {
	CLIENT_ANY,
	CLIENT_NORMAL,
	CLIENT_PUBSUB,
	CLIENT_NOBODY,
};

/* Which clients; what is not set lets all through. */
struct client_filter {
	const struct arg *address; /* the client's */
	const struct arg *local;   /* the one that it has connected to */
	enum client_type type;
	int64_t id;
	const struct arg *ids; /* numbers that are right, as text */
	size_t ids_count;
	const struct connection *but; /* all but this one */
};

/* Read CLIENT LIST's arguments, or reply what is wrong and answer false. */
bool clients_read_list(struct call *call, struct client_filter *filter);

/* Read CLIENT KILL's, likewise. */
bool clients_read_kill(struct call *call, struct client_filter *filter);

/* Append a line about each client of the shard that the filter lets through. */
void clients_list(struct shard *shard, const struct client_filter *filter,
		  struct bytes *text);

/*
 * Close those that the filter lets through and return how many. What they
 * have not been told yet they never are, but for the caller (or NULL), who
 * still gets his replies.
 */
size_t clients_kill(struct shard *shard, const struct client_filter *filter,
		    struct connection *caller);

/* Append one client's line. */
void clients_describe(const struct connection *connection, struct bytes *text);

/* Write a client's address, or the one it has connected to; "" if it left. */
void clients_address(const struct connection *connection, bool local,
		     char text[CLIENTS_ADDRESS_MAX]);

#endif
