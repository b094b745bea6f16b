/*
 * What INFO tells: each shard's counters, added up.
 */
#ifndef KV_INFO_H
#define KV_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arg.h"
#include "bytes.h"

struct reply;
struct server;

/* A shard's part of INFO; all counters, so that adding is a loop. */
struct info {
	uint64_t clients;
	uint64_t connections;
	uint64_t rejected;
	uint64_t commands;
	uint64_t crossed;
	uint64_t carried;
	uint64_t keys;
	uint64_t expiring;
	uint64_t expired;
	uint64_t hits;
	uint64_t misses;
	uint64_t memory;
	uint64_t watchers;
	uint64_t watched; /* keys, each as often as it is */
};

/* Which sections INFO's arguments ask for, for info_write(). */
unsigned info_sections(const struct arg *argv, size_t argc);

/* Add a shard's part, as command_info() has replied it. */
void info_add(struct info *info, const char *part);

/* Tell whether the sections need what each shard has. */
bool info_wants_shards(unsigned sections);

/* Append a shard's line of the section of shards. */
void info_add_shard(struct bytes *shards, unsigned index, const char *part);

/* Append INFO's reply; `shards` are the lines of the shards. */
void info_write(const struct info *info, unsigned sections,
		const struct server *server, const struct bytes *shards,
		struct reply *reply);

#endif
