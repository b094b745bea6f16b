/*
 * A client of a soak: it lives on one loop, and connects again and again. In a
 * life it sends commands on its keys in pipelines and checks each reply, or
 * subscribes and checks the order of what others publish; it leaves politely,
 * half-closes, or cuts the connection with commands under way.
 */
#ifndef STRESS_SOAK_CLIENT_H
#define STRESS_SOAK_CLIENT_H

#include <stdint.h>

#include <gyre/gyre.h>

struct soak;
struct soak_client;

/* What all clients of a shard have done. Any thread reads it. */
struct soak_tally {
	_Atomic uint64_t commands;
	_Atomic uint64_t connections;
	_Atomic uint64_t cuts;
	_Atomic uint64_t doubts;
	_Atomic uint64_t published;
	_Atomic uint64_t received;
};

/* Begin on the current loop; NULL: no memory. */
struct soak_client *soak_client_new(struct soak *soak, unsigned number,
				    struct soak_tally *tally);

void soak_client_free(struct soak_client *client);

#endif
