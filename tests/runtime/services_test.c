/* Services: their order, and what their steps wait for. */
#include "tests/runtime/fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define TOLD_BYTES 128

/* What the services of shard 0 tell: "+a" one starts, "~a" drains, "-a" stops,
 * ".a" is freed, "!" what it awaited is there. */
static char told[TOLD_BYTES];

static void
tell(char what, const char *name)
{
	size_t used = strlen(told);

	CHECK(used + 3 < sizeof(told));
	snprintf(told + used, sizeof(told) - used, "%c%s", what, name);
}

/* What a step does besides telling. */
typedef int (*step_fn)(const struct gyre_shard *shard);

struct plan {
	const char *name;
	step_fn start;
	step_fn drain;
	step_fn stop;
};

static int
take(char what, const struct gyre_shard *shard, const struct plan *plan,
     step_fn step)
{
	if (shard->index == 0)
		tell(what, plan->name);
	return step != NULL ? step(shard) : 0;
}

static int
start(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	const struct plan *plan = arg;

	*ret_state = shard->index == 0 ? arg : NULL;
	return take('+', shard, plan, plan->start);
}

static void
drain(const struct gyre_shard *shard, void *state)
{
	const struct plan *plan = state;

	if (plan != NULL)
		take('~', shard, plan, plan->drain);
}

static void
stop(const struct gyre_shard *shard, void *state)
{
	const struct plan *plan = state;

	if (plan != NULL)
		take('-', shard, plan, plan->stop);
}

static void
free_state(void *state)
{
	if (state != NULL)
		tell('.', ((const struct plan *)state)->name);
}

#define OPS(service, ...)                                                      \
	{                                                                      \
		.name = service, .start = start, .drain = drain, .stop = stop, \
		.free = free_state, .needs = (const char *const[])             \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}

/* A runtime with these services, not yet started. */
static void
make(struct fixture *fixture, unsigned loops,
     const struct gyre_service_ops *ops, const struct plan *plans,
     unsigned count)
{
	struct gyre_runtime_options options;

	told[0] = '\0';
	fixture_init(fixture);
	options = fixture_options(fixture, loops);
	assert_int_equal(fixture_new(fixture, &options, 0), 0);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(gyre_runtime_add_service(fixture->runtime,
							  &ops[i],
							  (void *)&plans[i]),
				 0);
}

static const struct plan plans_abc[] = { { .name = "a" },
					 { .name = "b" },
					 { .name = "c" } };

/* -- order --------------------------------------------------------------- */

static void
those_that_others_need_start_first_and_stop_last(void **state)
{
	const struct gyre_service_ops ops[] = { OPS("a", "c", NULL),
						OPS("b", NULL),
						OPS("c", "b", NULL) };
	struct fixture fixture;

	(void)state;
	make(&fixture, 2, ops, plans_abc, 3);
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	fixture_stop_and_end(&fixture);
	assert_string_equal(told, "+b+c+a~a~c~b-a-c-b.a.c.b");
}

static void
those_that_need_nothing_start_as_they_were_added(void **state)
{
	struct gyre_service_ops ops[] = { OPS("a", NULL), OPS("b", NULL),
					  OPS("c", NULL) };
	struct fixture fixture;

	(void)state;
	ops[1].needs = NULL;
	make(&fixture, 1, ops, plans_abc, 3);
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	fixture_stop_and_end(&fixture);
	assert_string_equal(told, "+a+b+c~c~b~a-c-b-a.c.b.a");
}

static void
refuse(const struct gyre_service_ops *ops, const char *line)
{
	struct fixture fixture;

	make(&fixture, 2, ops, plans_abc, 3);
	assert_int_equal(gyre_runtime_start(fixture.runtime), -EINVAL);
	assert_non_null(strstr(fixture.log, line));
	assert_int_equal(gyre_runtime_phase(fixture.runtime), GYRE_PHASE_ENDED);
	fixture_end(&fixture);
	assert_string_equal(told, "");
}

static void
needs_that_cannot_be_met_are_refused(void **state)
{
	const struct gyre_service_ops unknown[] = { OPS("a", NULL),
						    OPS("b", "a", "d", NULL),
						    OPS("c", NULL) };
	const struct gyre_service_ops circle[] = { OPS("a", NULL),
						   OPS("b", "c", NULL),
						   OPS("c", "b", NULL) };
	const struct gyre_service_ops itself[] = { OPS("a", "a", NULL),
						   OPS("b", NULL),
						   OPS("c", NULL) };

	(void)state;
	refuse(unknown, "service b needs d, and there is none");
	refuse(circle, "service b needs itself");
	refuse(itself, "service a needs itself");
}

/* -- awaiting ------------------------------------------------------------ */

static void *
answer(void *arg)
{
	return arg;
}

static void
hear(struct gyre_future *future, void *arg)
{
	(void)arg;
	tell('!', gyre_future_done(future) ? "" : "?");
}

/* Await what the last shard answers. */
static int
ask_last(const struct gyre_shard *shard)
{
	struct gyre_bus *bus = gyre_runtime_bus(shard->runtime);
	struct gyre_future *future =
		gyre_bus_call(bus, gyre_bus_shards(bus) - 1, answer, NULL);

	CHECK(future != NULL);
	if (shard->index == 0)
		CHECK(gyre_loop_add_future(shard->loop, future, hear, NULL) ==
		      0);
	return gyre_shard_await(shard, future);
}

/* On shard 0 alone, so that all others are done before it. */
static int
ask_last_from_first(const struct gyre_shard *shard)
{
	return shard->index == 0 ? ask_last(shard) : 0;
}

static void
each_step_waits_for_what_the_one_before_awaits(void **state)
{
	const struct gyre_service_ops ops[] = { OPS("a", NULL), OPS("b", NULL),
						OPS("c", NULL) };
	const struct plan all[] = { { "a", ask_last, ask_last, ask_last },
				    { "b", ask_last, ask_last, ask_last },
				    { "c", ask_last, ask_last, ask_last } };
	const struct plan some[] = { { "a", ask_last_from_first, NULL, NULL },
				     { "b", NULL, NULL, NULL },
				     { "c", NULL, ask_last_from_first, NULL } };

	(void)state;
	for (unsigned loops = 1; loops <= 3; loops++) {
		struct fixture fixture;

		make(&fixture, loops, ops, all, 3);
		assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
		fixture_stop_and_end(&fixture);
		assert_string_equal(told, "+a!+b!+c!~c!~b!~a!-c!-b!-a!.c.b.a");
		make(&fixture, loops, ops, some, 3);
		assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
		fixture_stop_and_end(&fixture);
		assert_string_equal(told, "+a!+b+c~c!~b~a-c-b-a.c.b.a");
	}
}

static int
await_two(const struct gyre_shard *shard)
{
	CHECK(ask_last(shard) == 0);
	return ask_last(shard);
}

static void
a_step_may_await_several(void **state)
{
	const struct gyre_service_ops ops[] = { OPS("a", NULL),
						OPS("b", NULL) };
	const struct plan plans[] = { { "a", await_two, NULL, NULL },
				      { "b", NULL, await_two, NULL } };
	struct fixture fixture;

	(void)state;
	make(&fixture, 2, ops, plans, 2);
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	fixture_stop_and_end(&fixture);
	assert_string_equal(told, "+a!!+b~b!!~a-b-a.b.a");
}

/* -- what fails ---------------------------------------------------------- */

static int
await_failure(const struct gyre_shard *shard)
{
	struct gyre_future *future;

	if (shard->index != 0)
		return 0;
	future = gyre_future_new(shard->loop);
	CHECK(future != NULL);
	CHECK(gyre_future_reject(future, -EHOSTDOWN, "nobody home") == 0);
	return gyre_shard_await(shard, future);
}

static void
a_start_whose_await_fails_undoes_all(void **state)
{
	const struct gyre_service_ops ops[] = { OPS("a", NULL), OPS("b", NULL),
						OPS("c", NULL) };
	const struct plan plans[] = { { "a", ask_last, NULL, NULL },
				      { "b", await_failure, NULL, NULL },
				      { "c", NULL, NULL, NULL } };
	struct fixture fixture;

	(void)state;
	for (unsigned loops = 1; loops <= 3; loops++) {
		make(&fixture, loops, ops, plans, 3);
		assert_int_equal(gyre_runtime_start(fixture.runtime),
				 -EHOSTDOWN);
		assert_non_null(strstr(fixture.line,
				       "shard 0: service b did not start: "
				       "EHOSTDOWN: nobody home"));
		fixture_end(&fixture);
		/* b has a state to free, and nothing to stop */
		assert_string_equal(told, "+a!+b-a.b.a");
	}
}

static void
a_stop_goes_on_when_its_await_fails(void **state)
{
	const struct gyre_service_ops ops[] = { OPS("a", NULL),
						OPS("b", NULL) };
	const struct plan plans[] = { { "a", NULL, NULL, await_failure },
				      { "b", NULL, await_failure, NULL } };
	struct fixture fixture;

	(void)state;
	make(&fixture, 2, ops, plans, 2);
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	gyre_runtime_stop(fixture.runtime);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	assert_non_null(strstr(fixture.log,
			       "shard 0: what service b awaited to drain "
			       "failed: EHOSTDOWN: nobody home"));
	assert_non_null(strstr(fixture.log,
			       "shard 0: what service a awaited to stop "
			       "failed: EHOSTDOWN: nobody home"));
	assert_int_equal(fixture.errors, 0);
	fixture_end(&fixture);
	assert_string_equal(told, "+a+b~b~a-b-a.b.a");
}

static struct gyre_future *endless;

static int
await_for_ever(const struct gyre_shard *shard)
{
	if (shard->index != 0)
		return 0;
	endless = gyre_future_new(shard->loop);
	CHECK(endless != NULL);
	return gyre_shard_await(shard, gyre_future_ref(endless));
}

static int
fail_elsewhere(const struct gyre_shard *shard)
{
	return shard->index == 1 ? -ENODEV : 0;
}

static void
no_start_waits_for_one_that_has_failed(void **state)
{
	const struct gyre_service_ops ops[] = { OPS("a", NULL),
						OPS("b", NULL) };
	const struct plan plans[] = { { "a", fail_elsewhere, NULL, NULL },
				      { "b", await_for_ever, NULL, NULL } };
	struct fixture fixture;

	(void)state;
	endless = NULL;
	make(&fixture, 2, ops, plans, 2);
	assert_int_equal(gyre_runtime_start(fixture.runtime), -ENODEV);
	gyre_future_unref(endless);
	fixture_end(&fixture);
}

static int
await_and_be_stopped(const struct gyre_shard *shard)
{
	if (shard->index == 0)
		gyre_runtime_stop(shard->runtime);
	return await_for_ever(shard);
}

static void
a_stop_overtakes_a_start_that_waits(void **state)
{
	const struct gyre_service_ops ops[] = { OPS("a", NULL),
						OPS("b", NULL) };
	const struct plan plans[] = { { "a", NULL, NULL, NULL },
				      { "b", await_and_be_stopped, NULL,
					NULL } };

	(void)state;
	for (unsigned loops = 1; loops <= 3; loops++) {
		struct fixture fixture;

		make(&fixture, loops, ops, plans, 2);
		assert_int_equal(gyre_runtime_start(fixture.runtime),
				 -ESHUTDOWN);
		assert_non_null(strstr(fixture.line,
				       "service b did not start: ESHUTDOWN: "
				       "the runtime was stopped"));
		assert_int_equal(fixture.lines, 1);
		gyre_future_unref(endless);
		fixture_end(&fixture);
		assert_string_equal(told, "+a+b-a.b.a");
	}
}

static int
await_and_end(const struct gyre_shard *shard)
{
	if (shard->index == 0)
		gyre_loop_stop(shard->loop);
	return await_for_ever(shard);
}

static void
a_start_whose_loop_ends_has_failed(void **state)
{
	const struct gyre_service_ops ops[] = { OPS("a", NULL) };
	const struct plan plans[] = { { "a", await_and_end, NULL, NULL } };
	struct fixture fixture;

	(void)state;
	make(&fixture, 2, ops, plans, 1);
	assert_int_equal(gyre_runtime_start(fixture.runtime), -ECANCELED);
	assert_non_null(strstr(fixture.line, "its loop has ended"));
	gyre_future_unref(endless);
	fixture_end(&fixture);
	assert_string_equal(told, "+a.a");
}

/* -- what cannot be awaited ---------------------------------------------- */

static struct gyre_loop *foreign;

static int
await_nothing(const struct gyre_shard *shard)
{
	struct gyre_future *future = gyre_future_new(foreign);

	CHECK(gyre_shard_await(shard, NULL) == -ENOMEM);
	CHECK(future != NULL);
	CHECK(gyre_shard_await(shard, future) == -EINVAL);
	return 0;
}

static int
await_too_late(const struct gyre_shard *shard)
{
	struct gyre_future *future = gyre_future_new(shard->loop);

	CHECK(future != NULL);
	CHECK(gyre_shard_await(shard, future) == -ESHUTDOWN);
	return 0;
}

static void
what_cannot_be_awaited_is_refused(void **state)
{
	const struct gyre_service_ops ops[] = { OPS("a", NULL) };
	const struct plan plans[] = { { "a", await_nothing, await_nothing,
					await_nothing } };
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO
	};
	struct fixture fixture;

	(void)state;
	assert_int_equal(gyre_loop_new(&options, &foreign), 0);
	make(&fixture, 1, ops, plans, 1);
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	fixture_stop_and_end(&fixture);
	gyre_loop_close(foreign, false);
	gyre_loop_free(foreign);
	assert_string_equal(told, "+a~a-a.a");
}

static void
nothing_is_awaited_after_the_loop(void **state)
{
	const struct gyre_service_ops ops[] = { OPS("a", NULL) };
	const struct plan plans[] = { { "a", NULL, NULL, await_too_late } };
	struct fixture fixture;

	(void)state;
	make(&fixture, 1, ops, plans, 1);
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	gyre_loop_stop(gyre_runtime_shard(fixture.runtime, 0)->loop);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	fixture_end(&fixture);
	assert_string_equal(told, "+a-a.a");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			those_that_others_need_start_first_and_stop_last),
		cmocka_unit_test(
			those_that_need_nothing_start_as_they_were_added),
		cmocka_unit_test(needs_that_cannot_be_met_are_refused),
		cmocka_unit_test(
			each_step_waits_for_what_the_one_before_awaits),
		cmocka_unit_test(a_step_may_await_several),
		cmocka_unit_test(a_start_whose_await_fails_undoes_all),
		cmocka_unit_test(a_stop_goes_on_when_its_await_fails),
		cmocka_unit_test(no_start_waits_for_one_that_has_failed),
		cmocka_unit_test(a_stop_overtakes_a_start_that_waits),
		cmocka_unit_test(a_start_whose_loop_ends_has_failed),
		cmocka_unit_test(what_cannot_be_awaited_is_refused),
		cmocka_unit_test(nothing_is_awaited_after_the_loop),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
