/* The byte buffer against a plain array, and with no memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/spares.h"
#include "net/buffer.h"

#define MODEL_BYTES 200000u

static struct gyre__spares spares = { .sys = &gyre__sys_default };

static void *
allocate_nothing(size_t size, size_t align)
{
	(void)size;
	(void)align;
	return NULL;
}

static unsigned
next_random(unsigned *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void
bytes_come_out_as_they_went_in(void **state)
{
	static unsigned char model[MODEL_BYTES];
	struct gyre__buffer buffer = { .data = NULL };
	size_t in = 0;
	size_t out = 0;
	unsigned seed = 1;

	(void)state;
	for (size_t i = 0; i < MODEL_BYTES; i++)
		model[i] = (unsigned char)next_random(&seed);
	while (out < MODEL_BYTES) {
		size_t add = next_random(&seed) % 3000;
		size_t take = next_random(&seed) % 3000;

		if (add > MODEL_BYTES - in)
			add = MODEL_BYTES - in;
		assert_int_equal(
			gyre__buffer_append(&buffer, &spares, model + in, add),
			0);
		in += add;
		assert_int_equal(gyre__buffer_length(&buffer), in - out);
		assert_true(gyre__buffer_validate(&buffer));
		if (in > out)
			assert_memory_equal(gyre__buffer_bytes(&buffer),
					    model + out, in - out);
		if (take > in - out)
			take = in - out;
		gyre__buffer_consume(&buffer, &spares, take);
		out += take;
		assert_true(gyre__buffer_validate(&buffer));
	}
	assert_null(buffer.data);
}

static void
an_empty_buffer_holds_no_memory(void **state)
{
	struct gyre__buffer buffer = { .data = NULL };

	(void)state;
	assert_int_equal(gyre__buffer_append(&buffer, &spares, "abc", 3), 0);
	assert_non_null(buffer.data);
	gyre__buffer_consume(&buffer, &spares, 3);
	assert_null(buffer.data);
	assert_int_equal(buffer.capacity, 0);
	assert_int_equal(gyre__buffer_append(&buffer, &spares, NULL, 0), 0);
	assert_null(buffer.data);
}

static void
no_memory_changes_nothing(void **state)
{
	struct gyre_sys sys = gyre__sys_default;
	struct gyre__spares none = { .sys = &sys };
	struct gyre__buffer buffer = { .data = NULL };
	struct gyre__buffer before;
	char much[2000] = { 0 };

	(void)state;
	sys.allocate = allocate_nothing;
	assert_int_equal(gyre__buffer_append(&buffer, &none, "abc", 3),
			 -ENOMEM);
	assert_int_equal(gyre__buffer_length(&buffer), 0);
	assert_int_equal(gyre__buffer_append(&buffer, &spares, "abc", 3), 0);
	before = buffer;
	assert_int_equal(
		gyre__buffer_append(&buffer, &none, much, sizeof(much)),
		-ENOMEM);
	assert_memory_equal(&buffer, &before, sizeof(buffer));
	assert_null(gyre__buffer_reserve(&buffer, &spares, SIZE_MAX));
	assert_memory_equal(gyre__buffer_bytes(&buffer), "abc", 3);
	gyre__buffer_release(&buffer, &gyre__sys_default);
}

/* -- what is to spare ------------------------------------------------------ */

static unsigned allocated;

static void *
allocate_and_count(size_t size, size_t align)
{
	allocated++;
	return gyre__sys_default.allocate(size, align);
}

static void
release_and_count(void *memory)
{
	if (memory != NULL)
		allocated--;
	gyre__sys_default.release(memory);
}

static void
small_memory_is_kept_for_the_next(void **state)
{
	enum {
		BUFFERS = GYRE__SPARES_MAX + 10
	};
	static struct gyre__buffer buffers[BUFFERS];
	struct gyre_sys sys = gyre__sys_default;
	struct gyre__spares kept = { .sys = &sys };
	char much[GYRE__SPARE_BYTES + 1] = { 0 };

	(void)state;
	allocated = 0;
	sys.allocate = allocate_and_count;
	sys.release = release_and_count;
	for (unsigned turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < BUFFERS; i++)
			assert_int_equal(gyre__buffer_append(&buffers[i], &kept,
							     much, 1),
					 0);
		assert_int_equal(allocated, BUFFERS);
		for (unsigned i = 0; i < BUFFERS; i++)
			gyre__buffer_consume(&buffers[i], &kept, 1);
		assert_int_equal(allocated, GYRE__SPARES_MAX);
	}
	/* One that grows leaves it to others, and what is large is not kept. */
	assert_int_equal(gyre__buffer_append(&buffers[0], &kept, much, 1), 0);
	assert_int_equal(
		gyre__buffer_append(&buffers[0], &kept, much, sizeof(much)), 0);
	assert_int_equal(kept.count, GYRE__SPARES_MAX);
	assert_int_equal(allocated, GYRE__SPARES_MAX + 1);
	gyre__buffer_consume(&buffers[0], &kept, 1 + sizeof(much));
	assert_int_equal(allocated, GYRE__SPARES_MAX);
	gyre__spares_fini(&kept);
	assert_int_equal(allocated, 0);
	assert_int_equal(kept.count, 0);
}

/* A reader that keeps pace must not make the buffer grow. */
static void
room_in_front_is_used_again(void **state)
{
	struct gyre__buffer buffer = { .data = NULL };
	char chunk[100] = { 0 };

	(void)state;
	assert_int_equal(
		gyre__buffer_append(&buffer, &spares, chunk, sizeof(chunk)), 0);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(gyre__buffer_append(&buffer, &spares, chunk,
						     sizeof(chunk)),
				 0);
		gyre__buffer_consume(&buffer, &spares, sizeof(chunk));
	}
	assert_true(buffer.capacity <= 1024);
	gyre__buffer_release(&buffer, &gyre__sys_default);
}

static int
give_spares_back(void **state)
{
	(void)state;
	gyre__spares_fini(&spares);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_as_they_went_in),
		cmocka_unit_test(an_empty_buffer_holds_no_memory),
		cmocka_unit_test(no_memory_changes_nothing),
		cmocka_unit_test(small_memory_is_kept_for_the_next),
		cmocka_unit_test(room_in_front_is_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, give_spares_back);
}
