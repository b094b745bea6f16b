/*
 * The statistics as Prometheus' text format, version 0.0.4: a table of what is
 * told of each shard, one of what is told of each lane, and the matrix. The
 * histograms have a bucket for each power of two, not for its sixteenths: a
 * scrape is to stay small.
 */
#include <gyre/statistics.h>

#include <errno.h>
#include <inttypes.h>

enum kind {
	COUNTER,
	COUNTER_NS, /* in seconds, as Prometheus has it */
	GAUGE,
	GAUGE_INT, /* of an unsigned int */
	HISTOGRAM,
};

struct metric {
	const char *name;
	const char *help;
	enum kind kind;
	size_t offset;
};

/* Rows that one label tells apart. */
struct table {
	const char *rows;
	size_t row_bytes;
	unsigned count;
	void (*write_label)(FILE *file, const void *row, unsigned number);
};

#define LOOP(kind, member, name, help)                                 \
	{                                                              \
		"gyre_loop_" name, help, kind,                         \
			offsetof(struct gyre_shard_stats, loop.member) \
	}
#define TIME(member, name, help)                                        \
	{                                                               \
		"gyre_loop_" name, help, HISTOGRAM,                     \
			offsetof(struct gyre_shard_stats, times.member) \
	}
#define SHARD(kind, member, name, help)                           \
	{                                                         \
		"gyre_loop_" name, help, kind,                    \
			offsetof(struct gyre_shard_stats, member) \
	}
#define LANE(kind, member, name, help)                                \
	{                                                             \
		"gyre_pool_" name, help, kind,                        \
			offsetof(struct gyre_lane_stats, jobs.member) \
	}

static const struct metric of_shards[] = {
	LOOP(COUNTER, iterations, "iterations_total", "Iterations begun."),
	LOOP(COUNTER, polls, "polls_total", "Polls for events."),
	LOOP(COUNTER, sleeps, "sleeps_total", "Polls that could block."),
	LOOP(COUNTER, spurious, "spurious_wakes_total",
	     "Sleeps that ended with no event, task or timeout."),
	LOOP(COUNTER, spins, "spins_total",
	     "Times it looked for work before a sleep, for a while."),
	LOOP(COUNTER, spins_found, "spins_found_total",
	     "Of the spins, those that found some and spared the sleep."),
	LOOP(COUNTER_NS, busy_ns, "busy_seconds_total",
	     "Time running, neither spinning nor in a poll that could block."),
	LOOP(COUNTER_NS, idle_ns, "idle_seconds_total",
	     "Time in polls that could block."),
	LOOP(COUNTER_NS, spinning_ns, "spinning_seconds_total",
	     "Time spinning before sleeps."),
	LOOP(COUNTER, batches, "inbox_batches_total",
	     "Takes from the inbox that found callbacks or tasks."),
	LOOP(COUNTER, received, "received_total",
	     "Callbacks and tasks taken from the inbox."),
	LOOP(COUNTER, posted, "posted_total",
	     "Callbacks and tasks taken from the inbox or given to itself."),
	LOOP(COUNTER, run, "callbacks_run_total", "Callbacks and tasks run."),
	LOOP(COUNTER, dropped, "callbacks_dropped_total",
	     "Callbacks and tasks dropped since the loop closed."),
	LOOP(COUNTER, handlers_run, "handlers_run_total", "Handlers called."),
	LOOP(COUNTER, timeouts_added, "timeouts_added_total",
	     "Timeouts scheduled."),
	LOOP(COUNTER, timeouts_run, "timeouts_run_total", "Timeouts run."),
	LOOP(COUNTER, timeouts_dropped, "timeouts_dropped_total",
	     "Timeouts removed before they ran."),
	LOOP(COUNTER, exceptions, "exceptions_total",
	     "Functions that raised an error."),
	LOOP(COUNTER, poller_changes, "poller_changes_total",
	     "Pollers made anew since a closed descriptor was reported."),
	LOOP(COUNTER, arms, "arms_total", "Commitments to sleep."),
	LOOP(COUNTER, self_disarms, "self_disarms_total",
	     "Of the arms, those ended by something else than a post."),
	LOOP(COUNTER, rings, "rings_total",
	     "Of the arms, those ended by a post."),
	LOOP(COUNTER, flushes, "outbox_flushes_total",
	     "Chains pushed to other inboxes."),
	LOOP(COUNTER, sent, "sent_total",
	     "Callbacks and tasks pushed to other inboxes."),
	LOOP(COUNTER, undelivered, "undelivered_total",
	     "Callbacks and tasks dropped since their receiver had closed."),
	LOOP(COUNTER, calls, "calls_total", "Calls made to shards."),
	LOOP(COUNTER, calls_run, "calls_run_total", "Calls that ran."),
	LOOP(COUNTER, calls_canceled, "calls_canceled_total",
	     "Calls canceled before they ran."),
	LOOP(COUNTER, calls_expired, "calls_expired_total",
	     "Calls that expired before they ran."),
	LOOP(COUNTER, calls_stopped, "calls_stopped_total",
	     "Calls whose shard closed before they ran."),
	LOOP(COUNTER, calls_refused, "calls_refused_total",
	     "Calls not made, since too many were open or memory was short."),
	SHARD(COUNTER, stalls, "stalls_total",
	      "Iterations that took longer than the watchdog's threshold."),
	SHARD(COUNTER_NS, stalled_ns, "stalled_seconds_total",
	      "Time that those iterations took."),
	LOOP(GAUGE, waiting, "waiting",
	     "Callbacks and tasks taken that have not run yet."),
	LOOP(GAUGE, timeouts_waiting, "timeouts_waiting",
	     "Timeouts that are scheduled."),
	LOOP(GAUGE, handlers, "handlers", "Descriptors with a handler."),
	LOOP(GAUGE, calls_open, "calls_open", "Calls without an answer yet."),
	TIME(lateness, "timeout_lateness_seconds",
	     "From a timeout's deadline until those due with it began to "
	     "run."),
	TIME(queue_delay, "queue_delay_seconds",
	     "From a batch's first push until it began to run; one in 8."),
	TIME(run_time, "run_time_seconds",
	     "A callback, a timeout and a handler of one iteration in 8."),
	TIME(awake, "awake_seconds",
	     "From one poll that could block to the next."),
};

static const struct metric of_lanes[] = {
	LANE(COUNTER, submitted, "jobs_submitted_total", "Jobs accepted."),
	LANE(COUNTER, run, "jobs_run_total", "Jobs that ran."),
	LANE(COUNTER, dropped, "jobs_dropped_total",
	     "Jobs dropped since the lane was shut down."),
	LANE(COUNTER, cancelled, "jobs_cancelled_total",
	     "Jobs cancelled before they ran."),
	LANE(COUNTER, expired, "jobs_expired_total",
	     "Jobs that expired before they ran."),
	LANE(COUNTER, refused, "jobs_refused_total",
	     "Jobs refused since the lane was full."),
	LANE(COUNTER, spawned, "threads_started_total", "Threads started."),
	LANE(GAUGE, waiting, "jobs_waiting", "Jobs that wait for a thread."),
	LANE(GAUGE, running, "jobs_running", "Jobs that run."),
	LANE(GAUGE_INT, threads, "threads", "Threads that are there."),
	LANE(GAUGE_INT, idle, "threads_idle", "Threads without a job."),
	LANE(HISTOGRAM, queue_delay, "queue_delay_seconds",
	     "From a job's submit until it began to run, of those timed."),
	LANE(HISTOGRAM, run_time, "run_time_seconds",
	     "How long a job ran, of those timed."),
};

/* -- samples --------------------------------------------------------------- */

/* All digits, whatever the locale takes for a decimal point. */
static void
write_seconds(FILE *file, uint64_t ns)
{
	fprintf(file, "%" PRIu64 ".%09" PRIu64, ns / 1000000000,
		ns % 1000000000);
}

static void
write_shard_label(FILE *file, const void *row, unsigned number)
{
	(void)row;
	fprintf(file, "shard=\"%u\"", number);
}

static void
write_lane_label(FILE *file, const void *row, unsigned number)
{
	const struct gyre_lane_stats *lane = row;

	(void)number;
	fputs("lane=\"", file);
	for (const char *at = lane->name; *at != '\0'; at++) {
		if (*at == '\n') {
			fputs("\\n", file);
			continue;
		}
		if (*at == '"' || *at == '\\')
			fputc('\\', file);
		fputc(*at, file);
	}
	fputc('"', file);
}

static const char *
kind_name(enum kind kind)
{
	if (kind == HISTOGRAM)
		return "histogram";
	return kind == COUNTER || kind == COUNTER_NS ? "counter" : "gauge";
}

static void
write_head(FILE *file, const char *name, const char *help, enum kind kind)
{
	fprintf(file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
		kind_name(kind));
}

/* The name with its suffix, and the label; what follows is the value. */
static void
write_sample(FILE *file, const struct table *table, unsigned i,
	     const char *name, const char *suffix)
{
	fprintf(file, "%s%s{", name, suffix);
	table->write_label(file, table->rows + i * table->row_bytes, i);
}

static void
write_histogram(FILE *file, const struct table *table, unsigned i,
		const char *name, const struct gyre_histogram *histogram)
{
	uint64_t count = 0;

	for (unsigned bucket = 0; bucket + 1 < GYRE_HISTOGRAM_BUCKETS;
	     bucket++) {
		count += histogram->buckets[bucket];
		if ((bucket + 1) % GYRE_HISTOGRAM_STEPS != 0)
			continue;
		write_sample(file, table, i, name, "_bucket");
		fputs(",le=\"", file);
		write_seconds(file, gyre_histogram_limit_ns(bucket));
		fprintf(file, "\"} %" PRIu64 "\n", count);
	}
	write_sample(file, table, i, name, "_bucket");
	fprintf(file, ",le=\"+Inf\"} %" PRIu64 "\n", histogram->count);
	write_sample(file, table, i, name, "_sum");
	fputs("} ", file);
	write_seconds(file, histogram->sum_ns);
	fputc('\n', file);
	write_sample(file, table, i, name, "_count");
	fprintf(file, "} %" PRIu64 "\n", histogram->count);
}

static void
write_value(FILE *file, const struct table *table, unsigned i,
	    const struct metric *metric)
{
	const void *value = table->rows + i * table->row_bytes + metric->offset;

	if (metric->kind == HISTOGRAM) {
		write_histogram(file, table, i, metric->name, value);
		return;
	}
	write_sample(file, table, i, metric->name, "");
	fputs("} ", file);
	if (metric->kind == COUNTER_NS)
		write_seconds(file, (uint64_t) * (const int64_t *)value);
	else if (metric->kind == GAUGE_INT)
		fprintf(file, "%u", *(const unsigned *)value);
	else
		fprintf(file, "%" PRIu64, *(const uint64_t *)value);
	fputc('\n', file);
}

/* -- all of it ------------------------------------------------------------- */

static void
write_table(FILE *file, const struct table *table, const struct metric *metrics,
	    size_t count)
{
	for (const struct metric *metric = metrics; metric < metrics + count;
	     metric++) {
		write_head(file, metric->name, metric->help, metric->kind);
		for (unsigned i = 0; i < table->count; i++)
			write_value(file, table, i, metric);
	}
}

static void
write_matrix(FILE *file, const struct gyre_runtime_stats *stats)
{
	write_head(file, "gyre_shard_sent_total",
		   "Callbacks and tasks sent from one shard to another, or to "
		   "itself.",
		   COUNTER);
	for (unsigned from = 0; from < stats->shards_count; from++)
		for (unsigned to = 0; to < stats->shards_count; to++)
			fprintf(file,
				"gyre_shard_sent_total"
				"{from=\"%u\",to=\"%u\"} %" PRIu64 "\n",
				from, to, gyre_runtime_sent(stats, from, to));
}

static void
write_all(FILE *file, const struct gyre_runtime_stats *stats)
{
	const struct table shards = {
		.rows = (const char *)stats->shards,
		.row_bytes = sizeof(stats->shards[0]),
		.count = stats->shards_count,
		.write_label = write_shard_label,
	};
	const struct table lanes = {
		.rows = (const char *)stats->lanes,
		.row_bytes = sizeof(stats->lanes[0]),
		.count = stats->lanes_count,
		.write_label = write_lane_label,
	};

	write_head(file, "gyre_shards", "Shards of the runtime.", GAUGE);
	fprintf(file, "gyre_shards %u\n", stats->shards_count);
	write_table(file, &shards, of_shards,
		    sizeof(of_shards) / sizeof(of_shards[0]));
	write_matrix(file, stats);
	write_table(file, &lanes, of_lanes,
		    sizeof(of_lanes) / sizeof(of_lanes[0]));
}

int
gyre_runtime_write_prometheus(struct gyre_runtime *runtime, FILE *file)
{
	struct gyre_runtime_stats *stats;
	int result = gyre_runtime_stats(runtime, &stats);

	if (result < 0)
		return result;
	write_all(file, stats);
	gyre_runtime_stats_free(stats);
	return fflush(file) != 0 || ferror(file) ? -EIO : 0;
}
