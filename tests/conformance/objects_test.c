/*
 * Descriptor objects as documented, and descriptors of both kinds that were
 * closed before their handler was removed.
 */
#include "tests/support/loop_fixture.h"

#include <unistd.h>

static unsigned seen;

static void
note_events(int fd, unsigned events, void *arg)
{
	(void)fd;
	(void)arg;
	seen = events;
	gyre_loop_stop(the_loop);
}

static int
add_number(int fd)
{
	return gyre_loop_add_handler(the_loop, fd, GYRE_READ, trace_handler,
				     NULL);
}

struct object {
	int fd;
	unsigned closed;
};

static int
object_fileno(void *arg)
{
	return ((struct object *)arg)->fd;
}

static void
object_close(void *arg)
{
	struct object *object = arg;

	object->closed++;
	close(object->fd);
	object->fd = -1;
}

static const struct gyre_descriptor_ops object_ops = { object_fileno,
						       object_close };

static struct gyre_descriptor
descriptor_of(struct object *object)
{
	return (struct gyre_descriptor){ &object_ops, object };
}

static void *seen_object;

static void
note_object(void *object, unsigned events, void *arg)
{
	seen_object = object;
	seen = events;
	stop_callback(arg);
}

static int
add_object(struct object *object, unsigned events)
{
	static char word[] = "object";

	return gyre_loop_add_handler_object(the_loop, descriptor_of(object),
					    events, note_object, word);
}

static void
L65_a_handler_gets_back_the_very_object(void **state)
{
	struct object object;
	int fds[2];

	(void)state;
	make_pair(fds);
	object = (struct object){ .fd = fds[0] };
	assert_int_equal(add_object(&object, GYRE_WRITE), 0);
	seen_object = NULL;
	run();
	assert_trace("object");
	assert_ptr_equal(seen_object, &object);
	assert_int_equal(seen, GYRE_WRITE);
	close_both(fds);
}

/* L75 holds: objects and numbers share one space of keys, the number: an object
 * and its number are the same descriptor to add, update and remove. */
static void
L75_an_object_and_its_number_are_one(void **state)
{
	struct object object;
	struct object twin;
	int fds[2];

	(void)state;
	make_pair(fds);
	object = (struct object){ .fd = fds[0] };
	twin = object;
	assert_int_equal(add_object(&object, GYRE_READ), 0);
	assert_int_equal(add_number(fds[0]), -EEXIST);
	assert_int_equal(add_object(&object, GYRE_READ), -EEXIST);
	assert_int_equal(add_object(&twin, GYRE_READ), -EEXIST);
	/* By number, or by another object of that number. */
	assert_int_equal(gyre_loop_update_handler(the_loop, fds[0], GYRE_WRITE),
			 0);
	run();
	assert_trace("object");
	assert_ptr_equal(seen_object, &object);
	assert_int_equal(gyre_loop_update_handler_object(
				 the_loop, descriptor_of(&twin), GYRE_NONE),
			 0);
	assert_int_equal(gyre_loop_remove_handler(the_loop, fds[0]), 0);
	assert_int_equal(gyre_loop_remove_handler_object(
				 the_loop, descriptor_of(&object)),
			 -ENOENT);
	/* And the other way round. */
	handle(fds[0], GYRE_READ, note_events, NULL);
	assert_int_equal(add_object(&object, GYRE_READ), -EEXIST);
	assert_int_equal(gyre_loop_update_handler_object(
				 the_loop, descriptor_of(&object), GYRE_WRITE),
			 0);
	seen = 0;
	run();
	assert_int_equal(seen, GYRE_WRITE);
	assert_int_equal(gyre_loop_remove_handler_object(
				 the_loop, descriptor_of(&object)),
			 0);
	assert_int_equal(gyre_loop_remove_handler(the_loop, fds[0]), -ENOENT);
	close_both(fds);
}

static void
L74_an_object_without_a_descriptor_is_refused(void **state)
{
	struct object object = { .fd = -1 };

	(void)state;
	assert_int_equal(add_object(&object, GYRE_READ), -EBADF);
	object.fd = -ENOTCONN;
	assert_int_equal(add_object(&object, GYRE_READ), -EBADF);
	assert_int_equal(gyre_loop_update_handler_object(
				 the_loop, descriptor_of(&object), GYRE_READ),
			 -ENOENT);
	assert_int_equal(gyre_loop_remove_handler_object(
				 the_loop, descriptor_of(&object)),
			 -ENOENT);
	assert_int_equal(object.closed, 0);
}

/* -- closed before its handler was removed -------------------------------- */

/* L79 deviates: removing a handler after its descriptor was closed takes the
 * entry off and answers 0, by number and by object. Why: an object that does
 * not know its number any more is found all the same, so that nothing leaks. */
static void
L79_a_descriptor_closed_before_its_handler_is_removed_is_forgiven(void **state)
{
	int closed[2];
	int pair[2];

	(void)state;
	make_pipe(closed);
	make_pair(pair);
	handle(closed[0], GYRE_READ, trace_handler, "x");
	close(closed[0]);
	assert_int_equal(gyre_loop_remove_handler(the_loop, closed[0]), 0);
	assert_int_equal(gyre_loop_remove_handler(the_loop, closed[0]),
			 -ENOENT);
	assert_int_equal(dup2(pair[0], closed[0]), closed[0]);
	handle(closed[0], GYRE_WRITE, stop_handler, "successor");
	run();
	assert_trace("successor");
	close_both(closed);
	close_both(pair);
}

static void
L79_a_closed_object_is_found(void **state)
{
	struct object object;
	int pipe[2];
	int pair[2];

	(void)state;
	make_pipe(pipe);
	make_pair(pair);
	object = (struct object){ .fd = pair[0] };
	handle(pipe[0], GYRE_READ, trace_handler, "pipe");
	assert_int_equal(add_object(&object, GYRE_READ), 0);
	object_close(&object);
	/* Its number is another's by now, which has a handler to keep. */
	assert_int_equal(gyre_loop_remove_handler_object(
				 the_loop, descriptor_of(&object)),
			 0);
	assert_int_equal(gyre_loop_remove_handler_object(
				 the_loop, descriptor_of(&object)),
			 -ENOENT);
	assert_int_equal(gyre_loop_remove_handler(the_loop, pair[0]), -ENOENT);
	assert_int_equal(gyre_loop_remove_handler(the_loop, pipe[0]), 0);
	close_both(pipe);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(L65_a_handler_gets_back_the_very_object),
		REAL_TEST(L75_an_object_and_its_number_are_one),
		REAL_TEST(L74_an_object_without_a_descriptor_is_refused),
		REAL_TEST(
			L79_a_descriptor_closed_before_its_handler_is_removed_is_forgiven),
		REAL_TEST(L79_a_closed_object_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
