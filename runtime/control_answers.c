/*
 * What the control socket answers. Each answer but Prometheus' is one line of
 * JSON, which says the protocol's version first; that goes up when a name
 * changes its meaning or goes away, and not when one is added.
 */
#include "runtime/control_socket.h"

#include <gyre/statistics.h>
#include <gyre/version.h>

#include "base/check.h"
#include "loop/loop.h"
#include "runtime/json.h"
#include "runtime/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROTOCOL 1

/* -- tables: what is told, and by which name ----------------------------- */

struct field {
	const char *name;
	size_t offset; /* of a uint64_t */
};

#define LOOP(member)                                              \
	{                                                         \
#member, offsetof(struct gyre_loop_stats, member) \
	}
static const struct field loop_fields[] = {
	LOOP(iterations),
	LOOP(polls),
	LOOP(sleeps),
	LOOP(spurious),
	LOOP(spins),
	LOOP(spins_found),
	LOOP(batches),
	LOOP(received),
	LOOP(posted),
	LOOP(run),
	LOOP(dropped),
	LOOP(handlers_run),
	LOOP(timeouts_added),
	LOOP(timeouts_run),
	LOOP(timeouts_dropped),
	LOOP(exceptions),
	LOOP(arms),
	LOOP(self_disarms),
	LOOP(rings),
	LOOP(flushes),
	LOOP(sent),
	LOOP(undelivered),
	LOOP(calls),
	LOOP(calls_refused),
	LOOP(busy_ns),
	LOOP(idle_ns),
	LOOP(spinning_ns),
	LOOP(waiting),
	LOOP(timeouts_waiting),
	LOOP(handlers),
	LOOP(calls_open),
};

#define LANE(member)                                              \
	{                                                         \
#member, offsetof(struct gyre_pool_stats, member) \
	}
static const struct field lane_fields[] = {
	LANE(submitted), LANE(run),     LANE(dropped),
	LANE(cancelled), LANE(expired), LANE(refused),
	LANE(waiting),   LANE(running), LANE(spawned),
};

#define FIELDS(table) (table), sizeof(table) / sizeof((table)[0])

static void
write_fields(struct gyre__json *json, const void *from,
	     const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value;

		memcpy(&value, (const char *)from + fields[i].offset,
		       sizeof(value));
		gyre__json_uint(json, fields[i].name, value);
	}
}

/* -- parts --------------------------------------------------------------- */

static void
write_times(struct gyre__json *json, const char *name,
	    const struct gyre_histogram *histogram)
{
	gyre__json_open(json, name, '{');
	gyre__json_uint(json, "count", histogram->count);
	gyre__json_uint(json, "p50_ns",
			gyre_histogram_quantile(histogram, 0.5));
	gyre__json_uint(json, "p99_ns",
			gyre_histogram_quantile(histogram, 0.99));
	gyre__json_uint(json, "max_ns", histogram->max_ns);
	gyre__json_close(json, '}');
}

static void
write_shard(struct gyre__json *json, const struct gyre_shard *shard,
	    const struct gyre_shard_stats *stats)
{
	gyre__json_open(json, NULL, '{');
	gyre__json_uint(json, "shard", shard->index);
	gyre__json_int(json, "cpu", shard->cpu);
	gyre__json_uint(json, "connections",
			gyre__loop_connections(shard->loop));
	write_fields(json, &stats->loop, FIELDS(loop_fields));
	gyre__json_uint(json, "stalls", stats->stalls);
	gyre__json_int(json, "stalled_ns", stats->stalled_ns);
	write_times(json, "lateness", &stats->times.lateness);
	write_times(json, "queue_delay", &stats->times.queue_delay);
	write_times(json, "run_time", &stats->times.run_time);
	write_times(json, "awake", &stats->times.awake);
	gyre__json_close(json, '}');
}

static const char *
kind_name(enum gyre_stall_kind kind)
{
	switch (kind) {
	case GYRE_STALL_RUNNING:
		return "running";
	case GYRE_STALL_BLOCKED:
		return "blocked";
	case GYRE_STALL_DESCHEDULED:
		return "descheduled";
	case GYRE_STALL_UNKNOWN:
		break;
	}
	return "unknown";
}

static void
write_stall(struct gyre__json *json, const struct gyre_stall *stall)
{
	gyre__json_open(json, NULL, '{');
	gyre__json_uint(json, "shard", stall->shard);
	gyre__json_string(json, "kind", kind_name(stall->kind));
	gyre__json_string(json, "callback", stall->callback);
	gyre__json_string(json, "wait", stall->wait);
	gyre__json_int(json, "began_ns", stall->began_ns);
	gyre__json_int(json, "duration_ns", stall->duration_ns);
	gyre__json_uint(json, "is_over", stall->is_over);
	gyre__json_close(json, '}');
}

static void
write_lane(struct gyre__json *json, const struct gyre_lane_stats *lane)
{
	gyre__json_open(json, NULL, '{');
	gyre__json_string(json, "lane", lane->name);
	gyre__json_uint(json, "threads", lane->jobs.threads);
	gyre__json_uint(json, "idle", lane->jobs.idle);
	write_fields(json, &lane->jobs, FIELDS(lane_fields));
	write_times(json, "queue_delay", &lane->jobs.queue_delay);
	write_times(json, "run_time", &lane->jobs.run_time);
	gyre__json_close(json, '}');
}

static void
write_matrix(struct gyre__json *json, const struct gyre_runtime_stats *stats)
{
	gyre__json_open(json, "sent", '[');
	for (unsigned from = 0; from < stats->shards_count; from++) {
		gyre__json_open(json, NULL, '[');
		for (unsigned to = 0; to < stats->shards_count; to++)
			gyre__json_uint(json, NULL,
					gyre_runtime_sent(stats, from, to));
		gyre__json_close(json, ']');
	}
	gyre__json_close(json, ']');
}

static void
begin_answer(struct gyre__json *json, const struct gyre_runtime *runtime)
{
	gyre__json_init(json, runtime->sys);
	gyre__json_open(json, NULL, '{');
	gyre__json_uint(json, "protocol", PROTOCOL);
	gyre__json_string(json, "gyre", gyre_version());
}

static char *
end_answer(struct gyre__json *json, size_t *ret_length)
{
	gyre__json_close(json, '}');
	gyre__json_raw(json, "\n", 1);
	return gyre__json_take(json, ret_length);
}

/* -- answers ------------------------------------------------------------- */

static char *
refuse(struct gyre_runtime *runtime, const char *error, size_t *ret_length)
{
	struct gyre__json json;

	begin_answer(&json, runtime);
	gyre__json_string(&json, "error", error);
	return end_answer(&json, ret_length);
}

static char *
answer_stats(struct gyre_runtime *runtime, size_t *ret_length)
{
	struct gyre_runtime_stats *stats;
	struct gyre__json json;
	int result = gyre_runtime_stats(runtime, &stats);

	if (result < 0)
		return refuse(runtime, gyre_error_name(result), ret_length);
	begin_answer(&json, runtime);
	gyre__json_int(&json, "pid", getpid());
	gyre__json_string(&json, "phase",
			  gyre_runtime_phase_name(gyre_runtime_phase(runtime)));
	gyre__json_int(&json, "now_ns", gyre__now_ns(runtime->sys));
	gyre__json_open(&json, "shards", '[');
	for (unsigned i = 0; i < stats->shards_count; i++)
		write_shard(&json, &runtime->shards[i].shard,
			    &stats->shards[i]);
	gyre__json_close(&json, ']');
	write_matrix(&json, stats);
	gyre__json_open(&json, "stalls", '[');
	for (unsigned i = 0; i < stats->stalls_count; i++)
		write_stall(&json, &stats->stalls[i]);
	gyre__json_close(&json, ']');
	gyre__json_open(&json, "lanes", '[');
	for (unsigned i = 0; i < stats->lanes_count; i++)
		write_lane(&json, &stats->lanes[i]);
	gyre__json_close(&json, ']');
	gyre_runtime_stats_free(stats);
	return end_answer(&json, ret_length);
}

/* The stream's memory is the C library's, and ours to release as such. */
static char *
answer_prometheus(struct gyre_runtime *runtime, size_t *ret_length)
{
	struct gyre__json json;
	char *text = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);
	int result = -ENOMEM;

	if (file != NULL) {
		result = gyre_runtime_write_prometheus(runtime, file);
		if (fclose(file) != 0)
			result = -ENOMEM;
	}
	gyre__json_init(&json, runtime->sys);
	if (result == 0)
		gyre__json_raw(&json, text, length);
	free(text);
	return gyre__json_take(&json, ret_length);
}

char *
gyre__control_answer(struct gyre_runtime *runtime, const char *request,
		     size_t *ret_length, bool *ret_ends)
{
	*ret_ends = strcmp(request, "prometheus") == 0;
	if (*ret_ends)
		return answer_prometheus(runtime, ret_length);
	if (strcmp(request, "stats") == 0)
		return answer_stats(runtime, ret_length);
	return refuse(runtime, "the requests are: stats, prometheus",
		      ret_length);
}
