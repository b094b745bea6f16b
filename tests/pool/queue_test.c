/* Whose turn it is in a lane, on one thread. */
#include "pool/queue.h"

#include <gyre/pool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SOURCES 200

static struct gyre__queue queue;

static void
run_nothing(struct gyre_job *job)
{
	(void)job;
}

static int
take(struct gyre_executor *executor, struct gyre_task *task)
{
	(void)executor;
	gyre__queue_push(&queue, task);
	return 0;
}

/* A source is an address only. */
static void
push(struct gyre_job *job, const char *source)
{
	static const struct gyre_executor_ops ops = { .submit = take };
	static struct gyre_executor executor = { &ops };
	const struct gyre_job_options options = { .run = run_nothing };

	gyre_job_init(job, &options);
	job->_source = (const struct gyre_inbox *)source;
	assert_int_equal(gyre_executor_submit_job(&executor, job), 0);
}

static void
pop(const struct gyre_job *expected, unsigned *ret_place)
{
	assert_ptr_equal(gyre__queue_pop(&queue, ret_place), expected);
}

static void
who_has_fewest_running_comes_first(void **state)
{
	static const char sources[2][256];
	struct gyre_job a[3], b[3];
	unsigned place_a, place_b, place;

	(void)state;
	gyre__queue_init(&queue);
	push(&a[0], sources[0]);
	pop(&a[0], &place_a);
	push(&b[0], sources[1]);
	pop(&b[0], &place_b);
	for (unsigned i = 1; i < 3; i++) {
		push(&a[i], sources[0]);
		push(&b[i], sources[1]);
	}
	/* b has none running now: it comes, though it came last. */
	gyre__queue_finish(&queue, place_b);
	pop(&b[1], &place);
	assert_int_equal(place, place_b);
	/* Then they are equal, and take turns. */
	pop(&a[1], &place);
	assert_int_equal(place, place_a);
	pop(&b[2], &place);
	pop(&a[2], &place);
	assert_null(gyre__queue_pop(&queue, &place));
}

static void
more_sources_than_places_share(void **state)
{
	static const char sources[SOURCES][128];
	static struct gyre_job jobs[SOURCES];
	unsigned place;

	(void)state;
	gyre__queue_init(&queue);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < SOURCES; i++)
			push(&jobs[i], sources[i]);
		assert_int_equal(queue.waiting, SOURCES);
		/* One from the middle of a line, others by turn. */
		for (unsigned i = 0; i < SOURCES; i += 2) {
			assert_true(gyre__queue_remove(&queue, &jobs[i]));
			assert_false(gyre__queue_remove(&queue, &jobs[i]));
		}
		for (unsigned i = 1; i < SOURCES; i += 2) {
			assert_non_null(gyre__queue_pop(&queue, &place));
			gyre__queue_finish(&queue, place);
		}
		assert_null(gyre__queue_pop(&queue, &place));
		assert_int_equal(queue.waiting, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_fewest_running_comes_first),
		cmocka_unit_test(more_sources_than_places_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
