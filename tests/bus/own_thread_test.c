/*
 * What a loop sends to itself touches no atomic: the bus as it is, with a
 * backend of the atomics seam that counts. One thread, so it need do no more.
 */
#include "base/atomics.h"
#include "bus/inbox.h"
#include "bus/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* -- the backend ----------------------------------------------------------- */

static unsigned operations;
static unsigned changes; /* of them: not loads */

static uint64_t
exchange(void *p, size_t size, uint64_t value)
{
	uint64_t seen = 0;

	operations++;
	changes++;
	memcpy(&seen, p, size);
	memcpy(p, &value, size);
	return seen;
}

uint64_t
gyre__explorer_load(const void *p, size_t size, enum gyre__explorer_order order)
{
	uint64_t seen = 0;

	(void)order;
	operations++;
	memcpy(&seen, p, size);
	return seen;
}

void
gyre__explorer_store(void *p, size_t size, uint64_t value,
		     enum gyre__explorer_order order)
{
	(void)order;
	exchange(p, size, value);
}

uint64_t
gyre__explorer_swap(void *p, size_t size, uint64_t value,
		    enum gyre__explorer_order order)
{
	(void)order;
	return exchange(p, size, value);
}

bool
gyre__explorer_cas(void *p, size_t size, void *expected, uint64_t value,
		   enum gyre__explorer_order order)
{
	(void)order;
	if (memcmp(p, expected, size) != 0) {
		memcpy(expected, p, size);
		return false;
	}
	exchange(p, size, value);
	return true;
}

uint64_t
gyre__explorer_add(void *p, size_t size, uint64_t delta,
		   enum gyre__explorer_order order)
{
	uint64_t seen = gyre__explorer_load(p, size, order);

	exchange(p, size, seen + delta);
	return seen;
}

void
gyre__explorer_pause(void)
{
}

/* -- a loop's outbox ------------------------------------------------------- */

static unsigned rings;
static unsigned ran;

static void
count_ring(struct gyre__doorbell *bell)
{
	(void)bell;
	rings++;
}

static void
count_run(void *arg)
{
	(void)arg;
	ran++;
}

static void
never_dropped(void *arg, enum gyre_drop_reason reason)
{
	(void)arg;
	(void)reason;
	abort();
}

static void
run_task(struct gyre_task *task)
{
	count_run(task);
}

static void
drop_task(struct gyre_task *task, enum gyre_drop_reason reason)
{
	never_dropped(task, reason);
}

#define ADDS 200 /* several blocks */

static void
add_all(struct gyre_inbox *inbox, struct gyre_task *task)
{
	for (int i = 0; i < ADDS; i++) {
		assert_int_equal(
			gyre__send_callback(inbox, count_run, NULL, NULL), 0);
		assert_int_equal(gyre__send_callback(inbox, count_run, NULL,
						     never_dropped),
				 0);
	}
	assert_int_equal(gyre_inbox_post(inbox, task), 0);
}

static void
run_all(struct gyre__outbox *outbox)
{
	struct gyre__chain batch;

	ran = 0;
	gyre__outbox_take_ready(outbox, &batch);
	gyre__outbox_run(outbox, &batch);
	assert_int_equal(ran, 2 * ADDS + 1);
}

static void
sending_to_oneself_touches_no_atomic_and_does_not_ring(void **state)
{
	struct gyre_task task = { .run = run_task, .drop = drop_task };
	struct gyre__doorbell bell = { .ring = count_ring };
	struct gyre_inbox *inbox = gyre__inbox_new(&gyre__sys_default, &bell);
	struct gyre__outbox outbox;

	(void)state;
	gyre__outbox_init(&outbox, &gyre__sys_default, inbox, NULL);
	gyre__outbox_enter(&outbox);
	for (int cold = 1; cold >= 0; cold--) {
		operations = 0;
		changes = 0;
		add_all(inbox, &task);
		assert_int_equal(operations, 0);
		run_all(&outbox);
		/* Looks at what others sent, and at what is urgent. */
		assert_int_equal(changes, 0);
	}
	/* A thread without an outbox takes a cell and pushes. */
	gyre__outbox_leave(&outbox);
	operations = 0;
	add_all(inbox, &task);
	assert_true(operations >= 4 * ADDS);
	gyre__outbox_enter(&outbox);
	run_all(&outbox);
	assert_int_equal(rings, 0);
	gyre__outbox_close(&outbox);
	gyre__outbox_leave(&outbox);
	gyre_inbox_unref(inbox);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			sending_to_oneself_touches_no_atomic_and_does_not_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
