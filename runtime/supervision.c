/*
 * Whoever waits for the runtime supervises its stop: sleeps until the last
 * shard has ended, or until the deadline, and then has every shard say what is
 * left there and end. A shard that does not do so is named, with its stack.
 *
 * A stop comes from any thread, from signal handlers too, and all it does here
 * is write when it was, and ring.
 */
#include "runtime/runtime.h"

#include "base/atomics.h"
#include "base/backtrace.h"
#include "base/check.h"
#include "base/log.h"
#include "bus/future.h"
#include "loop/loop.h"
#include "runtime/simulation.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* How long a shard may take to answer before it is said that it does not. */
#define ANSWER_NS GYRE_MS(200)

#define NAME_BYTES 128
#define REST_BYTES 320

static int64_t
now(const struct gyre_runtime *runtime)
{
	if (runtime->simulation != NULL)
		return gyre__simulation_now(runtime->simulation);
	return gyre__now_ns(runtime->sys);
}

static void
ring(struct gyre_runtime *runtime)
{
	if (runtime->simulation == NULL)
		runtime->wake.bell.ring(&runtime->wake.bell);
}

/* -- from elsewhere ------------------------------------------------------ */

void
gyre__supervision_begin(struct gyre_runtime *runtime)
{
	int64_t timeout_ns = runtime->options.stop_timeout_ns;
	int64_t now_ns = now(runtime);
	int64_t deadline_ns;

	if (__builtin_add_overflow(now_ns, timeout_ns, &deadline_ns))
		deadline_ns = GYRE_FOREVER;
	/* supervision.D1 relaxed: a number, and only that; the ring brings it.
	 * One that was brought forward before stays */
	gyre__store_64_relaxed(&runtime->deadline_ns, (uint64_t)deadline_ns);
	ring(runtime);
}

void
gyre__supervision_hurry(struct gyre_runtime *runtime)
{
	/* supervision.H1 relaxed: as D1 */
	gyre__store_32_relaxed(&runtime->is_hurried, 1);
	ring(runtime);
}

void
gyre__supervision_count_out(struct gyre__shard *shard)
{
	struct gyre_runtime *runtime = shard->shard.runtime;

	/* supervision.A1 relaxed: nothing is read through it */
	gyre__store_32_relaxed(&shard->has_answered, 1);
	/* supervision.L1 release: all that the shard did; pairs with
	 * supervision.L2 */
	if (gyre__add_32_release(&runtime->living, (uint32_t)-1) == 1)
		ring(runtime);
}

/* -- what is left -------------------------------------------------------- */

struct text {
	char bytes[REST_BYTES];
	size_t length;
};

static int64_t
milliseconds_since(const struct gyre_loop *loop, int64_t then_ns)
{
	return (gyre_loop_time(loop) - then_ns) / GYRE_MS(1);
}

/* One more thing that is left, as far as there is room. */
__attribute__((format(printf, 2, 3))) static void
add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	if (text->length > 0 && text->length + 2 < sizeof(text->bytes)) {
		strcpy(text->bytes + text->length, ", ");
		text->length += 2;
	}
	va_start(arguments, format);
	length = vsnprintf(text->bytes + text->length,
			   sizeof(text->bytes) - text->length, format,
			   arguments);
	va_end(arguments);
	text->length += (size_t)length;
	if (text->length >= sizeof(text->bytes))
		text->length = sizeof(text->bytes) - 1;
}

static void
add_count(struct text *text, uint64_t count, const char *what)
{
	if (count > 0)
		add(text, "%" PRIu64 " %s", count, what);
}

/* What waits has come since the loop last woke up, when nothing waited. */
static void
add_messages(struct text *text, struct gyre_loop *loop, uint64_t waiting)
{
	void (*first)(void) = gyre__outbox_first_waiting(&loop->outbox);
	char name[NAME_BYTES];

	if (waiting > 0)
		add(text,
		    "%" PRIu64 " messages, none older than %" PRId64 " ms",
		    waiting, milliseconds_since(loop, loop->woke_ns));
	if (first == NULL)
		return;
	gyre__function_name(first, name, sizeof(name));
	add(text, "the first is %s", name);
}

static uint64_t
count_jobs(const struct gyre__shard *shard)
{
	struct gyre_pool *pool = shard->shard.runtime->pool;

	return pool == NULL
		       ? 0
		       : gyre__pool_jobs_of(pool, shard->shard.loop->inbox);
}

static uint64_t
count_awaited(const struct gyre_loop *loop)
{
	uint64_t count = 0;

	for (const struct gyre__awaiter *awaiter = loop->inbox->awaiters;
	     awaiter != NULL; awaiter = awaiter->next)
		count++;
	return count;
}

void
gyre__supervision_report_rest(const struct gyre__shard *shard)
{
	struct gyre_loop *loop = shard->shard.loop;
	const char *service = gyre__services_awaiting(shard);
	struct gyre_loop_stats stats;
	struct text text = { .length = 0 };

	gyre_loop_get_stats(loop, &stats);
	if (service != NULL)
		add(&text, "waits for service %s for %" PRId64 " ms", service,
		    milliseconds_since(loop, shard->awaits_since_ns));
	add_messages(&text, loop, stats.waiting);
	add_count(&text, stats.calls_open, "calls to others");
	add_count(&text, count_awaited(loop), "futures awaited");
	add_count(&text, count_jobs(shard), "jobs");
	add_count(&text, stats.timeouts_waiting, "timeouts");
	add_count(&text, stats.handlers, "descriptors");
	add_count(&text, gyre__loop_connections(loop), "connections");
	gyre__log(&shard->shard.runtime->log, GYRE_LOG_WARN,
		  "shard %u: the stop's deadline has come; left are: %s",
		  shard->shard.index,
		  text.length > 0 ? text.bytes : "nothing of its own");
}

/* It is not asked: it does not answer. */
static void
report_stuck(struct gyre_runtime *runtime, const struct gyre__shard *shard)
{
	struct gyre_loop *loop = shard->shard.loop;
	const struct gyre__backtrace_request request = {
		.thread = shard->thread,
		.word = &loop->heartbeat.beat,
		/* supervision.S1 relaxed: compared, and no more */
		.value = gyre__load_64_relaxed(&loop->heartbeat.beat),
	};
	struct gyre__backtrace backtrace = { 0 };
	char who[NAME_BYTES];
	int result;

	gyre__log(&runtime->log, GYRE_LOG_ERROR,
		  "shard %u: does not answer at the stop's deadline, and is "
		  "waited for (loop %p)",
		  shard->shard.index, (void *)loop);
	gyre__backtrace_prepare();
	result = gyre__backtrace_take_other(runtime->sys, &request, &backtrace);
	snprintf(who, sizeof(who), "loop %p", (void *)loop);
	gyre__watched_log_stack(&runtime->log, who, result, &backtrace);
}

static void
report_stuck_shards(struct gyre_runtime *runtime)
{
	for (unsigned i = 0; i < runtime->shards_count; i++) {
		const struct gyre__shard *shard = &runtime->shards[i];

		/* supervision.A2 relaxed: nothing is read through it */
		if (gyre__load_32_relaxed(&shard->has_answered) == 0)
			report_stuck(runtime, shard);
	}
}

/* -- supervising --------------------------------------------------------- */

int64_t
gyre__supervision_deadline(const struct gyre_runtime *runtime)
{
	/* supervision.H2 relaxed: as D1 */
	if (gyre__load_32_relaxed(&runtime->is_hurried) != 0)
		return INT64_MIN;
	/* supervision.D2 relaxed: as D1 */
	return (int64_t)gyre__load_64_relaxed(&runtime->deadline_ns);
}

bool
gyre__supervision_is_due(const struct gyre_runtime *runtime)
{
	return now(runtime) >= gyre__supervision_deadline(runtime);
}

static bool
is_over(const struct gyre_runtime *runtime)
{
	/* supervision.L2 acquire: what the shards did; pairs with
	 * supervision.L1 */
	return gyre__load_32_acquire(&runtime->living) == 0;
}

static void
sleep_until(struct gyre_runtime *runtime, int64_t until_ns)
{
	struct pollfd entry = { .fd = runtime->wake.read_fd, .events = POLLIN };
	const struct timespec timeout = gyre__timespec(until_ns - now(runtime));

	(void)runtime->sys->poll(&entry, 1,
				 until_ns == GYRE_FOREVER ? NULL : &timeout);
	(void)gyre__wake_fd_drain(&runtime->wake);
}

void
gyre__supervise(struct gyre_runtime *runtime)
{
	while (!is_over(runtime) && !gyre__supervision_is_due(runtime))
		sleep_until(runtime, gyre__supervision_deadline(runtime));
	if (!is_over(runtime)) {
		int64_t answer_ns = now(runtime) + ANSWER_NS;

		gyre__control_force_shards(runtime);
		while (!is_over(runtime) && now(runtime) < answer_ns)
			sleep_until(runtime, answer_ns);
		report_stuck_shards(runtime);
	}
	while (!is_over(runtime))
		sleep_until(runtime, GYRE_FOREVER);
}

void
gyre__supervise_pool(struct gyre_runtime *runtime)
{
	int64_t deadline_ns = gyre__supervision_deadline(runtime);

	/* The loops are closed: what a job still sends them is refused. */
	if (gyre_pool_shut_down(runtime->pool, GYRE_SHUT_DOWN_CANCEL,
				deadline_ns) == -ETIMEDOUT)
		(void)!gyre_pool_shut_down(runtime->pool, GYRE_SHUT_DOWN_CANCEL,
					   GYRE_FOREVER);
}
