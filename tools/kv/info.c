/*
 * A shard's part travels as the bytes of a struct info: it never leaves the
 * process. Field names are Redis's where the thing is the same.
 */
#include "info.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "reply.h"
#include "server.h"

#define LINE_MAX_BYTES 256
#define COUNTERS       (sizeof(struct info) / sizeof(uint64_t))

_Static_assert(sizeof(struct info) % sizeof(uint64_t) == 0, "all counters");

typedef void (*section_fn)(struct bytes *text, const struct info *info,
			   const struct server *server);

__attribute__((format(printf, 2, 3))) static void
add_line(struct bytes *text, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	bytes_append(text, line, (size_t)length);
	bytes_append(text, "\r\n", 2);
}

static void
write_server(struct bytes *text, const struct info *info,
	     const struct server *server)
{
	int64_t uptime_ns;
	struct timespec now;

	(void)info;
	clock_gettime(CLOCK_MONOTONIC, &now);
	uptime_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec -
		    server->started_ns;
	add_line(text, "# Server");
	add_line(text, "redis_version:%s", SERVER_REDIS_VERSION);
	add_line(text, "redis_mode:standalone");
	add_line(text, "gyre_version:%s", gyre_version());
	add_line(text, "process_id:%ld", (long)getpid());
	add_line(text, "tcp_port:%u", server->port);
	add_line(text, "uptime_in_seconds:%" PRId64,
		 uptime_ns / INT64_C(1000000000));
	add_line(text, "shards:%u", server->shards_count);
}

static void
write_clients(struct bytes *text, const struct info *info,
	      const struct server *server)
{
	add_line(text, "# Clients");
	add_line(text, "connected_clients:%" PRIu64, info->clients);
	add_line(text, "maxclients:%u", server->options->clients_max);
	add_line(text, "watching_clients:%" PRIu64, info->watchers);
	add_line(text, "total_watched_keys:%" PRIu64, info->watched);
}

static void
write_memory(struct bytes *text, const struct info *info,
	     const struct server *server)
{
	add_line(text, "# Memory");
	add_line(text, "used_memory:%" PRIu64, info->memory);
	add_line(text, "maxmemory:%zu", server->options->memory_max);
	add_line(text, "maxmemory_policy:noeviction");
}

static void
write_stats(struct bytes *text, const struct info *info,
	    const struct server *server)
{
	(void)server;
	add_line(text, "# Stats");
	add_line(text, "total_connections_received:%" PRIu64,
		 info->connections);
	add_line(text, "total_commands_processed:%" PRIu64, info->commands);
	add_line(text, "rejected_connections:%" PRIu64, info->rejected);
	add_line(text, "expired_keys:%" PRIu64, info->expired);
	add_line(text, "keyspace_hits:%" PRIu64, info->hits);
	add_line(text, "keyspace_misses:%" PRIu64, info->misses);
	add_line(text, "batches_crossed:%" PRIu64, info->crossed);
	add_line(text, "commands_crossed:%" PRIu64, info->carried);
}

static void
write_keyspace(struct bytes *text, const struct info *info,
	       const struct server *server)
{
	(void)server;
	add_line(text, "# Keyspace");
	if (info->keys > 0)
		add_line(text,
			 "db0:keys=%" PRIu64 ",expires=%" PRIu64 ",avg_ttl=0",
			 info->keys, info->expiring);
}

static const struct {
	const char *name;
	section_fn write;
} sections_table[] = {
	{ "server", write_server },     { "clients", write_clients },
	{ "memory", write_memory },     { "stats", write_stats },
	{ "keyspace", write_keyspace },
};

/* Behind the others, and only for who asks for it by name, or for all. */
#define SECTION_SHARDS (1u << SECTIONS)

#define SECTIONS     (sizeof(sections_table) / sizeof(sections_table[0]))
#define ALL_SECTIONS ((1u << SECTIONS) - 1)

static unsigned
find_section(const struct arg *name)
{
	if (ARG_IS(name, "default"))
		return ALL_SECTIONS;
	if (ARG_IS(name, "all") || ARG_IS(name, "everything"))
		return ALL_SECTIONS | SECTION_SHARDS;
	if (ARG_IS(name, "shards"))
		return SECTION_SHARDS;
	for (unsigned i = 0; i < SECTIONS; i++) {
		const char *section = sections_table[i].name;

		if (arg_is(name, section, strlen(section)))
			return 1u << i;
	}
	return 0;
}

unsigned
info_sections(const struct arg *argv, size_t argc)
{
	unsigned sections = argc == 1 ? ALL_SECTIONS : 0;

	for (size_t i = 1; i < argc; i++)
		sections |= find_section(&argv[i]);
	return sections;
}

void
info_add(struct info *info, const char *part)
{
	uint64_t sums[COUNTERS];
	uint64_t more[COUNTERS];

	memcpy(sums, info, sizeof(sums));
	memcpy(more, part, sizeof(more));
	for (size_t i = 0; i < COUNTERS; i++)
		sums[i] += more[i];
	memcpy(info, sums, sizeof(sums));
}

bool
info_wants_shards(unsigned sections)
{
	return (sections & SECTION_SHARDS) != 0;
}

void
info_add_shard(struct bytes *shards, unsigned index, const char *part)
{
	struct info info;

	memcpy(&info, part, sizeof(info));
	add_line(shards,
		 "shard%u:keys=%" PRIu64 ",expires=%" PRIu64
		 ",used_memory=%" PRIu64 ",clients=%" PRIu64
		 ",commands=%" PRIu64 ",batches_crossed=%" PRIu64,
		 index, info.keys, info.expiring, info.memory, info.clients,
		 info.commands, info.crossed);
}

void
info_write(const struct info *info, unsigned sections,
	   const struct server *server, const struct bytes *shards,
	   struct reply *reply)
{
	struct bytes text = { 0 };

	for (size_t i = 0; i < SECTIONS; i++) {
		if ((sections & (1u << i)) == 0)
			continue;
		if (text.length > 0)
			bytes_append(&text, "\r\n", 2);
		sections_table[i].write(&text, info, server);
	}
	if (info_wants_shards(sections)) {
		add_line(&text, text.length > 0 ? "\r\n# Shards" : "# Shards");
		bytes_append(&text, shards->data, shards->length);
		text.failed |= shards->failed;
	}
	reply_verbatim(reply, text.data, text.length);
	reply->bytes->failed |= text.failed;
	bytes_free(&text);
}

void
command_info(struct call *call)
{
	const struct shard_stats *stats = &call->shard->stats;
	const struct store *store = &call->shard->store;
	size_t watched = 0;
	struct info info = {
		.clients = stats->clients,
		.connections = stats->connections,
		.rejected = stats->rejected,
		.commands = stats->commands,
		.crossed = stats->crossed,
		.carried = stats->carried,
		.keys = store_count(store),
		.expiring = store->expiring,
		.expired = store->expired,
		.hits = store->hits,
		.misses = store->misses,
		.memory = store->budget.used,
		.watchers = watches_count(&store->watches, &watched),
	};

	info.watched = watched;
	bytes_append(call->reply->bytes, &info, sizeof(info));
}
