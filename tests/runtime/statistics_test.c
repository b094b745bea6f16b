/*
 * A runtime's statistics: read by another thread while the shards send to each
 * other as fast as they can, and at rest, where everything adds up, and where
 * the text says what the struct does. With an argument, print that text.
 */
#include <gyre/statistics.h>

#include "tests/pool/harness.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define SHARDS 3u
#define EACH   20000u /* callbacks that a shard sends to each */
#define BURST  50u

struct field {
	struct gyre_runtime *runtime;
	atomic_uint arrived; /* of all that is sent */
	atomic_bool stopped;
	struct pump {
		struct field *field;
		const struct gyre_shard *shard;
		unsigned sent; /* to each */
	} pumps[SHARDS];
};

/* The last to arrive stops it: nothing is under way then. */
static void
arrive(void *arg)
{
	struct field *field = arg;

	if (atomic_fetch_add(&field->arrived, 1) + 1 == SHARDS * SHARDS * EACH)
		gyre_runtime_stop(field->runtime);
}

static void *
job(void *arg)
{
	return arg;
}

static void
pump(void *arg)
{
	struct pump *from = arg;

	for (unsigned i = 0; i < BURST; i++)
		for (unsigned to = 0; to < SHARDS; to++)
			CHECK(gyre_loop_add_callback(
				      gyre_runtime_shard(from->field->runtime,
							 to)
					      ->loop,
				      arrive, from->field) == 0);
	from->sent += BURST;
	if (from->sent < EACH)
		CHECK(gyre_loop_call_later(from->shard->loop, 0, pump, from,
					   NULL) == 0);
}

static int
start_pump(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	struct field *field = arg;
	struct pump *pump_of = &field->pumps[shard->index];

	pump_of->field = field;
	pump_of->shard = shard;
	*ret_state = NULL;
	gyre_future_unref(
		gyre_loop_run_in_executor(shard->loop, NULL, job, NULL));
	return gyre_loop_call_later(shard->loop, 0, pump, pump_of, NULL);
}

static const struct gyre_service_ops service = {
	.name = "pump",
	.start = start_pump,
};

static void
set_up(struct field *field)
{
	const struct gyre_runtime_options options = {
		.loops = SHARDS,
		.pin = GYRE_PIN_NONE,
		._sys = harness_sys(),
	};

	memset(field, 0, sizeof(*field));
	CHECK(gyre_runtime_new(&options, &field->runtime) == 0);
	CHECK(gyre_runtime_add_service(field->runtime, &service, field) == 0);
}

/* -- while it runs --------------------------------------------------------- */

/* Each counter of a shard is no less than it was, and they add up. */
static void
compare(const struct gyre_loop_stats *before, const struct gyre_loop_stats *now)
{
	CHECK(now->iterations >= before->iterations);
	CHECK(now->run >= before->run);
	CHECK(now->busy_ns >= before->busy_ns);
	CHECK(now->idle_ns >= before->idle_ns);
	CHECK(now->posted == now->run + now->dropped + now->waiting);
	CHECK(now->timeouts_added == now->timeouts_run + now->timeouts_dropped +
					     now->timeouts_waiting);
	CHECK(now->received <= now->posted);
	CHECK(now->arms >= now->rings);
}

static void *
read_on(void *arg)
{
	struct field *field = arg;
	struct gyre_runtime_stats *before, *now;

	CHECK(gyre_runtime_stats(field->runtime, &before) == 0);
	while (!atomic_load(&field->stopped)) {
		CHECK(gyre_runtime_stats(field->runtime, &now) == 0);
		for (unsigned i = 0; i < SHARDS; i++)
			compare(&before->shards[i].loop, &now->shards[i].loop);
		gyre_runtime_stats_free(before);
		before = now;
	}
	gyre_runtime_stats_free(before);
	return NULL;
}

/* -- at rest --------------------------------------------------------------- */

static void
everything_sent_was_received(const struct gyre_runtime_stats *stats)
{
	for (unsigned to = 0; to < SHARDS; to++) {
		const struct gyre_loop_stats *loop = &stats->shards[to].loop;
		uint64_t from_all = 0;

		for (unsigned from = 0; from < SHARDS; from++) {
			/* and what the pool sends, which is no shard */
			assert_in_range(gyre_runtime_sent(stats, from, to),
					EACH, EACH + 2);
			if (from != to)
				from_all += gyre_runtime_sent(stats, from, to);
		}
		/* Jobs come home and the stop comes from elsewhere. */
		assert_in_range(loop->received - from_all, 0, 2);
		assert_int_equal(loop->posted, loop->run + loop->dropped);
		assert_int_equal(loop->waiting, 0);
		assert_int_equal(loop->undelivered, 0);
		assert_true(stats->shards[to].times.queue_delay.count > 0);
		assert_true(stats->shards[to].times.run_time.count > 0);
		assert_int_equal(stats->shards[to].times.lateness.count,
				 loop->timeouts_run);
	}
}

static void
lanes_are_told_by_name(const struct gyre_runtime_stats *stats)
{
	assert_int_equal(stats->lanes_count, 2);
	assert_string_equal(stats->lanes[0].name, "blocking");
	assert_string_equal(stats->lanes[1].name, "fast");
	assert_int_equal(stats->lanes[0].jobs.submitted, SHARDS);
	assert_int_equal(stats->lanes[0].jobs.submitted,
			 stats->lanes[0].jobs.run +
				 stats->lanes[0].jobs.dropped);
}

__attribute__((format(printf, 2, 3))) static void
has_line(const char *text, const char *format, ...)
{
	char line[256] = "\n";
	va_list args;

	va_start(args, format);
	vsnprintf(line + 1, sizeof(line) - 2, format, args);
	va_end(args);
	strcat(line, "\n");
	if (strstr(text, line) == NULL)
		fail_msg("no line%s", line);
}

static void
the_text_says_the_same(const char *text, const struct gyre_runtime_stats *stats)
{
	for (unsigned i = 0; i < SHARDS; i++) {
		const struct gyre_loop_stats *loop = &stats->shards[i].loop;
		const struct gyre_histogram *lateness =
			&stats->shards[i].times.lateness;

		has_line(text,
			 "gyre_loop_iterations_total{shard=\"%u\"} %" PRIu64, i,
			 loop->iterations);
		has_line(text,
			 "gyre_loop_callbacks_run_total{shard=\"%u\"} "
			 "%" PRIu64,
			 i, loop->run);
		has_line(text,
			 "gyre_loop_busy_seconds_total{shard=\"%u\"} "
			 "%" PRId64 ".%09" PRId64,
			 i, loop->busy_ns / 1000000000,
			 loop->busy_ns % 1000000000);
		has_line(text, "gyre_loop_waiting{shard=\"%u\"} 0", i);
		has_line(text,
			 "gyre_loop_timeout_lateness_seconds_count"
			 "{shard=\"%u\"} %" PRIu64,
			 i, lateness->count);
		has_line(text,
			 "gyre_loop_timeout_lateness_seconds_bucket"
			 "{shard=\"%u\",le=\"+Inf\"} %" PRIu64,
			 i, lateness->count);
		has_line(text,
			 "gyre_loop_timeout_lateness_seconds_sum"
			 "{shard=\"%u\"} %" PRIu64 ".%09" PRIu64,
			 i, lateness->sum_ns / 1000000000,
			 lateness->sum_ns % 1000000000);
		for (unsigned to = 0; to < SHARDS; to++)
			has_line(text,
				 "gyre_shard_sent_total{from=\"%u\","
				 "to=\"%u\"} %" PRIu64,
				 i, to, gyre_runtime_sent(stats, i, to));
	}
	has_line(text, "gyre_pool_jobs_submitted_total{lane=\"blocking\"} %u",
		 SHARDS);
	has_line(text, "gyre_pool_threads{lane=\"fast\"} 0");
}

static char *
text_of(struct gyre_runtime *runtime)
{
	char *text;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	assert_non_null(file);
	assert_int_equal(gyre_runtime_write_prometheus(runtime, file), 0);
	fclose(file);
	return text;
}

static void
a_runtime_tells_what_it_does(void **state)
{
	struct gyre_runtime_stats *stats;
	struct field field;
	pthread_t reader;
	char *text;

	(void)state;
	set_up(&field);
	assert_int_equal(gyre_runtime_start(field.runtime), 0);
	assert_int_equal(pthread_create(&reader, NULL, read_on, &field), 0);
	assert_int_equal(gyre_runtime_wait(field.runtime), 0);
	atomic_store(&field.stopped, true);
	pthread_join(reader, NULL);
	assert_int_equal(gyre_runtime_stats(field.runtime, &stats), 0);
	text = text_of(field.runtime);
	everything_sent_was_received(stats);
	lanes_are_told_by_name(stats);
	the_text_says_the_same(text, stats);
	free(text);
	gyre_runtime_free(field.runtime);
	gyre_runtime_stats_free(stats);
}

static void
before_the_start_there_are_zeroes(void **state)
{
	struct gyre_runtime_stats *stats;
	struct field field;

	(void)state;
	set_up(&field);
	assert_int_equal(gyre_runtime_stats(field.runtime, &stats), 0);
	assert_int_equal(stats->shards_count, SHARDS);
	assert_int_equal(stats->shards[1].loop.iterations, 0);
	assert_int_equal(gyre_runtime_sent(stats, 2, 1), 0);
	gyre_runtime_stats_free(stats);
	gyre_runtime_stats_free(NULL);
	gyre_runtime_free(field.runtime);
}

static void
without_memory_or_room_it_says_so(void **state)
{
	struct gyre_runtime_stats *stats = NULL;
	FILE *full = fopen("/dev/full", "w");
	struct field field;

	(void)state;
	set_up(&field);
	harness_fail(FAULT_ALLOCATE, 1);
	assert_int_equal(gyre_runtime_stats(field.runtime, &stats), -ENOMEM);
	assert_null(stats);
	harness_fail(FAULT_ALLOCATE, 1);
	assert_int_equal(gyre_runtime_write_prometheus(field.runtime, stdout),
			 -ENOMEM);
	harness_fail(FAULT_ALLOCATE, 0);
	if (full != NULL) {
		assert_int_equal(
			gyre_runtime_write_prometheus(field.runtime, full),
			-EIO);
		fclose(full);
	}
	gyre_runtime_free(field.runtime);
}

static int
print_text(void)
{
	struct field field;
	int result;

	set_up(&field);
	CHECK(gyre_runtime_start(field.runtime) == 0);
	CHECK(gyre_runtime_wait(field.runtime) == 0);
	result = gyre_runtime_write_prometheus(field.runtime, stdout);
	gyre_runtime_free(field.runtime);
	return result < 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_the_start_there_are_zeroes),
		cmocka_unit_test(without_memory_or_room_it_says_so),
		cmocka_unit_test(a_runtime_tells_what_it_does),
	};

	(void)argv;
	if (argc > 1)
		return print_text();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
