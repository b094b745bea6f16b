#include "tests/runtime/fixture.h"

#include <errno.h>
#include <string.h>

static struct fixture *current; /* whose services these are */

static void
tell(struct record *record, const char *before, int letter, const char *after)
{
	char *story = record->fixture->stories[record->shard];
	size_t used = strlen(story);

	snprintf(story + used, STORY_BYTES - used, "%s%c%s", before, letter,
		 after);
}

static int
start_service(unsigned service, const struct gyre_shard *shard,
	      void **ret_state)
{
	struct fixture *fixture = current;
	struct record *record = &fixture->records[service][shard->index];

	CHECK(gyre_loop_current(false) == shard->loop);
	CHECK(gyre_runtime_shard(shard->runtime, shard->index) == shard);
	*record = (struct record){
		.fixture = fixture,
		.service = service,
		.shard = shard->index,
		.thread = pthread_self(),
	};
	pthread_getname_np(pthread_self(), fixture->thread_names[shard->index],
			   sizeof(fixture->thread_names[0]));
	pthread_getaffinity_np(pthread_self(), sizeof(cpu_set_t),
			       &fixture->cpus[shard->index]);
	if (fixture->failure != 0 && service == fixture->failing_service &&
	    shard->index == fixture->failing_shard) {
		gyre_raise(fixture->failure, "port 80 is taken");
		return fixture->raises ? 0 : fixture->failure;
	}
	tell(record, "", 'a' + (int)service, "");
	if (fixture->on_start != NULL)
		fixture->on_start(fixture, shard);
	*ret_state = record;
	return 0;
}

static void
stop_service(const struct gyre_shard *shard, void *state)
{
	struct record *record = state;

	CHECK(shard->index == record->shard);
	CHECK(pthread_equal(record->thread, pthread_self()));
	CHECK(gyre_loop_current(false) == shard->loop);
	if (gyre_loop_in_owner_thread(shard->loop))
		tell(record, "", 'A' + (int)record->service, "");
	else
		tell(record, "(", 'A' + (int)record->service, ")");
}

static void
never_run(struct gyre_task *task)
{
	(void)task;
	CHECK(!"reached");
}

static void
never_drop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)task;
	(void)reason;
	CHECK(!"reached");
}

static void
free_service(void *state)
{
	struct record *record = state;
	struct gyre_task task = { .run = never_run, .drop = never_drop };
	const struct gyre_shard *shard =
		gyre_runtime_shard(record->fixture->runtime, record->shard);

	CHECK(pthread_equal(record->thread, pthread_self()));
	CHECK(gyre_loop_current(false) == NULL);
	CHECK(gyre_inbox_post(gyre_loop_inbox(shard->loop), &task) ==
	      -ESHUTDOWN);
	tell(record, "", '.', "");
}

#define SERVICE(letter, number)                                              \
	static int start_##letter(const struct gyre_shard *shard, void *arg, \
				  void **ret_state)                          \
	{                                                                    \
		CHECK(arg == current);                                       \
		return start_service(number, shard, ret_state);              \
	}                                                                    \
	static const struct gyre_service_ops service_##letter = {            \
		.name = #letter,                                             \
		.start = start_##letter,                                     \
		.stop = stop_service,                                        \
		.free = free_service,                                        \
	};

SERVICE(a, 0)
SERVICE(b, 1)
SERVICE(c, 2)

static const struct gyre_service_ops *const all_services[SERVICES_MAX] = {
	&service_a, &service_b, &service_c
};

static void
keep_line(enum gyre_log_level level, const char *line, void *arg)
{
	struct fixture *fixture = arg;
	size_t used;

	pthread_mutex_lock(&fixture->mutex);
	used = strlen(fixture->log);
	fixture->lines++;
	fixture->errors += level == GYRE_LOG_ERROR;
	snprintf(fixture->line, sizeof(fixture->line), "%s", line);
	snprintf(fixture->log + used, sizeof(fixture->log) - used, "%s\n",
		 line);
	pthread_mutex_unlock(&fixture->mutex);
}

void
fixture_init(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	pthread_mutex_init(&fixture->mutex, NULL);
	harness_fail(0, 0);
	harness_pretend_fork(false);
	harness_live(&fixture->before);
	current = fixture;
}

struct gyre_runtime_options
fixture_options(struct fixture *fixture, unsigned loops)
{
	return (struct gyre_runtime_options){
		.loops = loops,
		.pin = GYRE_PIN_NONE,
		/* There, and not heard of however slow the machine is. */
		.watchdog_ns = GYRE_SECONDS(3600),
		.stop_timeout_ns = fixture->stop_timeout_ns,
		.log = { .fn = keep_line, .arg = fixture },
		._sys = harness_sys(),
	};
}

int
fixture_new(struct fixture *fixture, const struct gyre_runtime_options *options,
	    unsigned services)
{
	int result = gyre_runtime_new(options, &fixture->runtime);

	if (result < 0)
		return result;
	for (unsigned i = 0; i < services; i++) {
		result = gyre_runtime_add_service(fixture->runtime,
						  all_services[i], fixture);
		if (result < 0)
			return result;
	}
	return 0;
}

void
fixture_end(struct fixture *fixture)
{
	harness_fail(0, 0);
	gyre_runtime_free(fixture->runtime);
	fixture->runtime = NULL;
	CHECK(harness_live_is(&fixture->before));
}

void
fixture_start(struct fixture *fixture, unsigned loops, unsigned services)
{
	const struct gyre_runtime_options options =
		fixture_options(fixture, loops);

	CHECK(fixture_new(fixture, &options, services) == 0);
	CHECK(gyre_runtime_start(fixture->runtime) == 0);
}

int
fixture_start_nothing(const struct gyre_shard *shard, void *arg,
		      void **ret_state)
{
	(void)shard;
	(void)arg;
	(void)ret_state;
	return 0;
}

void
fixture_start_with(struct fixture *fixture, unsigned loops,
		   const struct gyre_service_ops *service)
{
	const struct gyre_runtime_options options =
		fixture_options(fixture, loops);

	CHECK(fixture_new(fixture, &options, 0) == 0);
	CHECK(gyre_runtime_add_service(fixture->runtime, service, NULL) == 0);
	CHECK(gyre_runtime_start(fixture->runtime) == 0);
}

void
fixture_stop_and_end(struct fixture *fixture)
{
	gyre_runtime_stop(fixture->runtime);
	CHECK(gyre_runtime_wait(fixture->runtime) == 0);
	fixture_end(fixture);
}
