/*
 * A user's own poller: a world of three descriptors that exist nowhere, on a
 * clock that is a number. A whole loop runs in it without a system call: the
 * table has none to offer, and then the kernel has none either.
 */
#include "tests/support/loop_fixture.h"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* -- the world --------------------------------------------------------------
 */

#define NUMBERS 3

static struct {
	int64_t now_ns;
	unsigned watched[NUMBERS]; /* 0: not at all */
	unsigned ready[NUMBERS];
	uint64_t cookies[NUMBERS];
	unsigned wakes;
	unsigned opens;
	unsigned closes;
} world;

static int64_t
world_now(void *arg)
{
	(void)arg;
	return world.now_ns;
}

static int
world_open(const struct gyre_sys *sys, void **ret_poller)
{
	(void)sys;
	world.opens++;
	*ret_poller = &world;
	return 0;
}

static void
world_close(void *poller)
{
	CHECK(poller == &world);
	world.closes++;
}

static int
world_add(void *poller, int fd, unsigned events, uint64_t cookie)
{
	CHECK(poller == &world);
	if (fd >= NUMBERS)
		return -EBADF;
	CHECK(world.watched[fd] == 0);
	CHECK((events & GYRE_ERROR) == GYRE_ERROR);
	world.watched[fd] = events;
	world.cookies[fd] = cookie;
	return 0;
}

static int
world_modify(void *poller, int fd, unsigned events, uint64_t cookie)
{
	CHECK(poller == &world);
	CHECK(world.watched[fd] != 0);
	world.watched[fd] = events;
	world.cookies[fd] = cookie;
	return 0;
}

static int
world_remove(void *poller, int fd)
{
	CHECK(poller == &world);
	CHECK(world.watched[fd] != 0);
	world.watched[fd] = 0;
	return 0;
}

/* What is ready; if nothing is, time passes at once. */
static int
world_wait(void *poller, struct gyre_poller_event *events, int max,
	   int64_t timeout_ns)
{
	int count = 0;

	CHECK(poller == &world);
	for (int fd = 0; fd < NUMBERS && count < max; fd++) {
		unsigned bits = world.ready[fd] & world.watched[fd];

		if (bits == 0)
			continue;
		events[count].cookie = world.cookies[fd];
		events[count++].events = bits;
	}
	if (count > 0)
		return count;
	CHECK(timeout_ns != GYRE_FOREVER);
	world.now_ns += timeout_ns;
	return 0;
}

static void
world_wake(void *poller)
{
	CHECK(poller == &world);
	world.wakes++;
}

static const struct gyre_poller_ops world_poller = {
	.name = "world",
	.open = world_open,
	.close = world_close,
	.add = world_add,
	.modify = world_modify,
	.remove = world_remove,
	.wait = world_wait,
	.wake = world_wake,
};

/* -- a table without a system ------------------------------------------------
 */

static _Alignas(128) char memory[1 << 18];
static size_t memory_used;

static void *
take_memory(size_t size, size_t align)
{
	size_t begin;

	if (align == 0)
		align = 16;
	begin = (memory_used + align - 1) / align * align;
	CHECK(begin + size <= sizeof(memory));
	memory_used = begin + size;
	return memory + begin;
}

static void
leave_memory(void *left)
{
	(void)left;
}

/* All else is NULL: a call of it does not go unseen. */
static const struct gyre_sys no_system = {
	.allocate = take_memory,
	.release = leave_memory,
};

/* -- a life in it ------------------------------------------------------------
 */

static unsigned reads;

static void
read_thrice(int fd, unsigned events, void *arg)
{
	(void)arg;
	CHECK(fd == 1 && events == GYRE_READ);
	if (++reads < 3)
		return;
	world.ready[1] = 0;
	CHECK(gyre_loop_update_handler(the_loop, 1, GYRE_WRITE) == 0);
}

static void
begin_reading(void *arg)
{
	(void)arg;
	trace("callback");
	CHECK(gyre_loop_add_handler(the_loop, 1, GYRE_READ, read_thrice,
				    NULL) == 0);
	CHECK(gyre_loop_add_handler(the_loop, 1, GYRE_READ, read_thrice,
				    NULL) == -EEXIST);
	CHECK(gyre_loop_add_handler(the_loop, NUMBERS, GYRE_READ, read_thrice,
				    NULL) == -EBADF);
	world.ready[1] = GYRE_READ;
}

static void
end_of_the_day(void *arg)
{
	trace(arg);
	CHECK(reads == 3);
	CHECK(world.watched[1] == (GYRE_WRITE | GYRE_ERROR));
	CHECK(gyre_loop_remove_handler(the_loop, 1) == 0);
	gyre_loop_stop(the_loop);
}

static void
live(void)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		.clock = { .now_ns = world_now },
		.poller = &world_poller,
		._sys = &no_system,
	};

	memset(&world, 0, sizeof(world));
	memory_used = 0;
	reads = 0;
	CHECK(gyre_loop_new(&options, &the_loop) == 0);
	add_callback(begin_reading, NULL);
	call_later(GYRE_SECONDS(86400), end_of_the_day, "day");
	gyre_loop_remove_timeout(the_loop,
				 call_later(GYRE_SECONDS(5), trace_arg, "no"));
	call_later(GYRE_SECONDS(3600), trace_arg, "hour");
	CHECK(gyre_loop_start(the_loop) == 0);
	CHECK(world.now_ns == GYRE_SECONDS(86400));
	CHECK(world.wakes == 0);
	close_and_free(the_loop);
	the_loop = NULL;
	CHECK(world.opens == 1 && world.closes == 1);
}

static void
a_whole_loop_makes_no_call_of_the_table(void **state)
{
	(void)state;
	live();
	assert_trace("callback hour day");
}

/* -- and none beside it -------------------------------------------------------
 */

/* From here on the kernel ends a process that calls it, but for write and
 * the thread's exit. */
static void
live_without_a_kernel(void *arg)
{
	(void)arg;
	live(); /* once before, for what a library does at its first use */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
		_exit(77);
	live();
	syscall(SYS_exit, 3);
}

/* The sanitizers make calls of their own. */
static void
the_kernel_is_not_called_either(void **state)
{
	char output[256];
	int status;

	(void)state;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
	skip();
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
	skip();
#endif
#endif
	status = in_child(live_without_a_kernel, NULL, output, sizeof(output));
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 3);
}

/* -- others wake it
 * ------------------------------------------------------------ */

static void
post_stop(void *arg)
{
	(void)arg;
	add_callback(stop_callback, "posted");
}

static int
post_and_wait(void *poller, struct gyre_poller_event *events, int max,
	      int64_t timeout_ns)
{
	(void)poller;
	(void)events;
	(void)max;
	CHECK(timeout_ns == GYRE_FOREVER);
	elsewhere(post_stop, NULL);
	elsewhere(post_stop, NULL);
	return 0;
}

static void
a_post_to_a_sleeping_loop_is_one_wake(void **state)
{
	struct gyre_poller_ops ops = world_poller;
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		.clock = { .now_ns = world_now },
		.poller = &ops,
	};

	(void)state;
	memset(&world, 0, sizeof(world));
	ops.wait = post_and_wait;
	the_loop = new_loop(&options);
	run();
	assert_trace("posted posted");
	assert_int_equal(world.wakes, 1);
	close_and_free(the_loop);
	assert_int_equal(world.wakes, 1);
}

static void
make_one_that_cannot_be_woken(void *arg)
{
	struct gyre_poller_ops ops = world_poller;
	const struct gyre_loop_options options = { .poller = &ops };

	(void)arg;
	ops.wake = NULL;
	new_loop(&options);
}

static void
a_poller_that_cannot_be_woken_is_refused(void **state)
{
	(void)state;
	assert_true(aborts_saying(make_one_that_cannot_be_woken, NULL,
				  "wake != NULL"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_loop_makes_no_call_of_the_table),
		cmocka_unit_test(the_kernel_is_not_called_either),
		cmocka_unit_test(a_post_to_a_sleeping_loop_is_one_wake),
		cmocka_unit_test(a_poller_that_cannot_be_woken_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
