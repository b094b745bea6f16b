/*
 * The timeouts against a naive model: random operations, many seeds, every
 * rule of the structure checked after each step.
 */
#include "tests/support/loop_fixture.h"

#include "loop/timeouts.h"

#define SEEDS   150
#define STEPS   1500
#define KEPT    256 /* entries the model remembers, gone ones too */
#define INSTANT 40  /* few instants make many ties */
#define SCALES  8   /* from neighbours to all of time */

enum fate {
	GONE, /* popped or cancelled: the handle is stale */
	SCHEDULED,
	DUE,
};

struct entry {
	enum fate fate;
	int64_t when_ns;
	unsigned order; /* of adding or moving; while due, of gathering */
	gyre_timeout handle;
};

static struct gyre__timeouts timeouts;
static struct entry model[KEPT];
static unsigned order;
static int64_t now;
static uint64_t seed_of_run;
static unsigned step;
static int64_t unit_ns; /* between two instants */

static void
expect(bool so, const char *what)
{
	if (so)
		return;
	print_error("seed %llu, step %u: %s\n", (unsigned long long)seed_of_run,
		    step, what);
	fail();
}

static void
nothing(void *arg)
{
	(void)arg;
}

static bool
comes_before(const struct entry *a, const struct entry *b)
{
	if (a->fate == SCHEDULED && a->when_ns != b->when_ns)
		return a->when_ns < b->when_ns;
	return a->order < b->order;
}

/* The first entry of a fate, or NULL. */
static struct entry *
first_of(enum fate fate)
{
	struct entry *first = NULL;

	for (struct entry *entry = model; entry < model + KEPT; entry++)
		if (entry->fate == fate &&
		    (first == NULL || comes_before(entry, first)))
			first = entry;
	return first;
}

static int64_t
random_instant(uint64_t *seed)
{
	uint64_t pick = next_random(seed) % 50;

	if (pick == 0)
		return GYRE_FOREVER;
	if (pick == 1)
		return INT64_MIN;
	return now + unit_ns * (int64_t)(next_random(seed) % INSTANT) -
	       unit_ns * (INSTANT / 4);
}

/* Over a gone entry if it hits one, whose handle is then forgotten. */
static void
add_one(uint64_t *seed)
{
	struct gyre_callback callback = { .fn = nothing };
	struct entry *entry = &model[next_random(seed) % KEPT];

	if (entry->fate != GONE)
		return;
	*entry = (struct entry){
		.fate = SCHEDULED,
		.when_ns = random_instant(seed),
		.order = order++,
	};
	callback.arg = entry;
	expect(gyre__timeouts_add(&timeouts, entry->when_ns, &callback,
				  &entry->handle) == 0,
	       "an add failed");
}

/* Whatever its state, stale ones too. */
static void
move_one(uint64_t *seed)
{
	struct entry *entry = &model[next_random(seed) % KEPT];
	int64_t when_ns = random_instant(seed);
	int expected = entry->fate == GONE ? -ENOENT : 0;

	expect(gyre__timeouts_update(&timeouts, entry->handle, when_ns) ==
		       expected,
	       "a move was refused, or a stale one was not");
	if (entry->fate == GONE)
		return;
	entry->fate = SCHEDULED;
	entry->when_ns = when_ns;
	entry->order = order++;
}

/* Whatever its state: most are stale. */
static void
cancel_one(uint64_t *seed)
{
	struct entry *entry = &model[next_random(seed) % KEPT];
	struct gyre_callback callback = { 0 };
	bool removed =
		gyre__timeouts_remove(&timeouts, entry->handle, &callback);

	expect(removed == (entry->fate != GONE),
	       "a cancel did nothing, or not nothing");
	expect(!removed || callback.arg == entry, "another was cancelled");
	entry->fate = GONE;
}

static void
collect(uint64_t *seed)
{
	struct entry *entry;

	now += unit_ns * (int64_t)(next_random(seed) % (INSTANT / 4));
	gyre__timeouts_collect(&timeouts, now);
	while ((entry = first_of(SCHEDULED)) != NULL && entry->when_ns <= now) {
		entry->fate = DUE;
		entry->order = order++;
	}
}

static void
pop_one(void)
{
	struct entry *first = first_of(DUE);
	struct gyre_callback callback = { 0 };

	if (!gyre__timeouts_pop_due(&timeouts, &callback)) {
		expect(first == NULL, "a due one was not popped");
		return;
	}
	expect(callback.arg == first, "not the first due one was popped");
	first->fate = GONE;
}

/* Asking for the next deadline puts the heap right: not every time. */
static void
check(uint64_t *seed)
{
	struct entry *first = first_of(SCHEDULED);

	gyre__timeouts_validate(&timeouts);
	if (next_random(seed) % 2 == 0)
		return;
	expect(gyre__timeouts_next(&timeouts) ==
		       (first != NULL ? first->when_ns : GYRE_FOREVER),
	       "the next deadline is another");
	gyre__timeouts_validate(&timeouts);
}

/* At the end every one that is left is there, once. */
static void
take_the_rest(void)
{
	struct gyre_callback callback;

	while (gyre__timeouts_pop_any(&timeouts, &callback)) {
		struct entry *entry = callback.arg;

		expect(entry->fate != GONE, "one was there twice");
		entry->fate = GONE;
		gyre__timeouts_validate(&timeouts);
	}
	expect(first_of(SCHEDULED) == NULL && first_of(DUE) == NULL,
	       "one was lost");
}

static void
run_seed(uint64_t seed)
{
	seed_of_run = seed;
	memset(model, 0, sizeof(model));
	order = 0;
	now = 0;
	unit_ns = INT64_C(1) << seed % SCALES * 7;
	gyre__timeouts_init(&timeouts, &fake_sys);
	for (step = 0; step < STEPS; step++) {
		uint64_t pick = next_random(&seed) % 20;

		if (pick < 9)
			add_one(&seed);
		else if (pick < 13)
			move_one(&seed);
		else if (pick < 16)
			cancel_one(&seed);
		else if (pick < 17)
			collect(&seed);
		else
			pop_one();
		check(&seed);
	}
	take_the_rest();
	gyre__timeouts_fini(&timeouts);
	expect(fake_counts().allocations == 0, "memory was left");
}

static void
random_operations_agree_with_the_model(void **state)
{
	uint64_t seed = first_seed(1);

	(void)state;
	fake_reset();
	for (uint64_t i = 0; i < SEEDS; i++)
		run_seed(seed + i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_agree_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
