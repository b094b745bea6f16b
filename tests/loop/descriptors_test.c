/*
 * Handlers on real descriptors: closing them, moving to another poller, and
 * failures on the way. On epoll, whose calls are made to fail.
 */
#include "tests/support/loop_fixture.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

/* -- failures, and many --------------------------------------------------- */

static unsigned seen;

static void
note_events(int fd, unsigned events, void *arg)
{
	(void)fd;
	(void)arg;
	seen = events;
	gyre_loop_stop(the_loop);
}

static void
an_update_that_fails_changes_nothing(void **state)
{
	int fds[2];

	(void)state;
	/* To poll(2) an update is no call, and cannot fail. */
	if (poller_is("poll"))
		return;
	make_pair(fds);
	handle(fds[0], GYRE_NONE, note_events, NULL);
	fake_fail_at(1);
	assert_int_equal(gyre_loop_update_handler(the_loop, fds[0], GYRE_WRITE),
			 -ENOSPC);
	/* The table did not take it for done. */
	assert_int_equal(gyre_loop_update_handler(the_loop, fds[0], GYRE_WRITE),
			 0);
	seen = 0;
	run();
	assert_int_equal(seen, GYRE_WRITE);
	close_both(fds);
}

static void
a_set_that_fails_changes_nothing(void **state)
{
	int fds[2];

	(void)state;
	make_pair(fds);
	handle(fds[0], GYRE_WRITE, stop_handler, "old");
	fake_fail_at(1);
	assert_int_equal(set_handler(fds[0], GYRE_WRITE, stop_handler, "new"),
			 -ENOSPC);
	run();
	assert_trace("old");
	close_both(fds);
}

static void
a_hung_up_descriptor_that_cannot_be_watched_again_is_still_registered(
	void **state)
{
	int fds[2];

	(void)state;
	make_pair(fds);
	close(fds[1]);
	handle(fds[0], GYRE_NONE, stop_handler, "hung up");
	run();
	assert_trace("hung up");
	fake_fail_at(1);
	assert_int_equal(gyre_loop_update_handler(the_loop, fds[0], GYRE_READ),
			 -ENOSPC);
	assert_int_equal(gyre_loop_update_handler(the_loop, fds[0], GYRE_READ),
			 0);
	run();
	assert_trace("hung up");
	close(fds[0]);
}

static int hung_up;
static pid_t child;

/* The child goes on with the batch, and ends; then the parent does. */
static void
fork_and_wait(int fd, unsigned events, void *arg)
{
	int status;

	(void)fd;
	(void)events;
	(void)arg;
	child = fork();
	CHECK(child >= 0);
	if (child == 0)
		return;
	CHECK(waitpid(child, &status, 0) == child);
	assert_int_equal(status, 0);
	assert_int_equal(gyre_loop_update_handler(the_loop, hung_up, GYRE_READ),
			 0);
	gyre_loop_stop(the_loop);
}

static void
a_child_takes_nothing_from_its_parent_s_poller(void **state)
{
	int first[2];
	int second[2];
	int result;

	(void)state;
	make_pair(first);
	make_pair(second);
	hung_up = second[0];
	handle(first[0], GYRE_READ, fork_and_wait, NULL);
	handle(hung_up, GYRE_NONE, trace_handler, "hung up");
	assert_int_equal(write(first[1], "x", 1), 1);
	close(second[1]);
	result = gyre_loop_start(the_loop);
	if (child == 0)
		_exit(result == -EPERM ? 0 : 1);
	assert_int_equal(result, 0);
	assert_trace("hung up");
	close_both(first);
	close(hung_up);
}

#define HIGH 500

static void
grow_and_raise(int fd, unsigned events, void *arg)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH);

	(void)events;
	handle(high, GYRE_READ, trace_handler, "high");
	assert_int_equal(gyre_loop_close_fd(the_loop, high), 0);
	gyre_loop_stop(the_loop);
	gyre_raise(-EIO, "grew");
	(void)arg;
}

static void
say_failure(struct gyre_loop *loop, const struct gyre_failure *failure,
	    void *arg)
{
	(void)loop;
	(void)arg;
	assert_ptr_equal(failure->fn, (void (*)(void))grow_and_raise);
	trace(failure->arg);
}

/* Its own entry moves while it runs. */
static void
a_handler_may_have_the_table_grow(void **state)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		.on_exception = say_failure,
		._sys = &fake_sys,
	};
	int fds[2];

	(void)state;
	close_and_free(the_loop);
	the_loop = new_loop(&options);
	make_pair(fds);
	handle(fds[0], GYRE_WRITE, grow_and_raise, "argument");
	run();
	assert_trace("argument");
	close_both(fds);
}

/* -- objects, split and close --------------------------------------------- */

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
}

static const struct gyre_descriptor_ops object_ops = { object_fileno,
						       object_close };

static void
object_handler(void *object, unsigned events, void *arg)
{
	(void)object;
	(void)events;
	stop_callback(arg);
}

static void
handle_object(struct object *object, unsigned events)
{
	const struct gyre_descriptor descriptor = { &object_ops, object };

	CHECK(gyre_loop_add_handler_object(the_loop, descriptor, events,
					   object_handler, NULL) == 0);
}

static void
split_tells_an_object_from_a_number(void **state)
{
	struct gyre_descriptor descriptor = { NULL, &descriptor };
	struct object object;
	int fds[2];

	(void)state;
	make_pipe(fds);
	object = (struct object){ .fd = fds[0] };
	assert_int_equal(gyre_loop_split_fd(the_loop, fds[0], &descriptor),
			 -ENOENT);
	assert_int_equal(gyre_loop_split_fd(the_loop, -1, &descriptor),
			 -ENOENT);
	assert_ptr_equal(descriptor.object, &descriptor);
	handle_object(&object, GYRE_READ);
	handle(fds[1], GYRE_WRITE, trace_handler, NULL);
	assert_int_equal(gyre_loop_split_fd(the_loop, fds[0], &descriptor), 0);
	assert_ptr_equal(descriptor.ops, &object_ops);
	assert_ptr_equal(descriptor.object, &object);
	assert_int_equal(gyre_loop_split_fd(the_loop, fds[1], &descriptor), 0);
	assert_null(descriptor.ops);
	close_both(fds);
}

static void
close_fd_closes_in_the_registered_way(void **state)
{
	struct object object;
	int fds[2];

	(void)state;
	make_pipe(fds);
	object = (struct object){ .fd = fds[0] };
	handle_object(&object, GYRE_READ);
	handle(fds[1], GYRE_WRITE, trace_handler, NULL);
	assert_int_equal(gyre_loop_close_fd(the_loop, fds[0]), 0);
	assert_int_equal(object.closed, 1);
	assert_true(is_open(fds[0]));
	/* An error of close(2) is nobody's. */
	fake_fail_at(2);
	assert_int_equal(gyre_loop_close_fd(the_loop, fds[1]), 0);
	assert_true(fake_fired());
	assert_false(is_open(fds[1]));
	for (int i = 0; i < 2; i++)
		assert_int_equal(gyre_loop_close_fd(the_loop, fds[i]), -ENOENT);
	assert_int_equal(object.closed, 1);
	close(fds[0]);
}

static void
close_fd_leaves_a_number_that_is_another_s(void **state)
{
	struct object object;
	int fds[2];
	int other[2];

	(void)state;
	make_pipe(fds);
	make_pipe(other);
	object = (struct object){ .fd = fds[0] };
	handle_object(&object, GYRE_READ);
	handle(fds[1], GYRE_NONE, trace_handler, NULL);
	for (int i = 0; i < 2; i++)
		assert_int_equal(dup2(other[i], fds[i]), fds[i]);
	/* The object knows about itself. */
	assert_int_equal(gyre_loop_close_fd(the_loop, fds[0]), 0);
	assert_int_equal(object.closed, 1);
	assert_int_equal(gyre_loop_close_fd(the_loop, fds[1]), -EBADF);
	assert_true(is_open(fds[1]));
	assert_int_equal(gyre_loop_remove_handler(the_loop, fds[1]), -ENOENT);
	close_both(fds);
	close_both(other);
}

static void
set_puts_a_number_in_the_place_of_an_object(void **state)
{
	struct object object;
	int fds[2];

	(void)state;
	make_pipe(fds);
	object = (struct object){ .fd = fds[1] };
	handle_object(&object, GYRE_WRITE);
	assert_int_equal(
		set_handler(fds[1], GYRE_WRITE, stop_handler, "number"), 0);
	run();
	assert_trace("number");
	assert_int_equal(gyre_loop_close_fd(the_loop, fds[1]), 0);
	assert_int_equal(object.closed, 0);
	assert_false(is_open(fds[1]));
	close(fds[0]);
}

/* -- to another poller ---------------------------------------------------- */

static uint64_t
poller_changes(void)
{
	struct gyre_loop_stats stats;

	gyre_loop_get_stats(the_loop, &stats);
	return stats.poller_changes;
}

/* A duplicate of a descriptor that the kernel reports, and nobody handles. */
static int
make_ghost(void)
{
	int fds[2];
	int duplicate;

	make_pair(fds);
	duplicate = dup(fds[0]);
	handle(fds[0], GYRE_READ, trace_handler, "ghost");
	close_both(fds);
	CHECK(gyre_loop_remove_handler(the_loop, fds[0]) == 0);
	return duplicate;
}

static unsigned creations;
static unsigned creations_to_fail;

static int
fail_some_creations(int flags)
{
	if (++creations <= creations_to_fail) {
		errno = EMFILE;
		return -1;
	}
	return gyre__sys_default.epoll_create1(flags);
}

static unsigned additions;
static unsigned addition_to_fail;

static int
fail_an_addition(int epoll, int operation, int fd, struct epoll_event *event)
{
	if (operation == EPOLL_CTL_ADD && ++additions == addition_to_fail) {
		gyre_loop_stop(the_loop);
		errno = ENOSPC;
		return -1;
	}
	return gyre__sys_default.epoll_ctl(epoll, operation, fd, event);
}

static void
a_poller_that_cannot_be_had_is_tried_for_again(void **state)
{
	unsigned polls = fake_counts().polls;
	int duplicate = make_ghost();
	int fds[2];

	(void)state;
	make_pair(fds);
	creations = 0;
	creations_to_fail = 2;
	fake_sys.epoll_create1 = fail_some_creations;
	run_for(GYRE_MS(30));
	assert_int_equal(creations, 3);
	assert_int_equal(poller_changes(), 1);
	/* Each failure doubles what is borne: 16, 32 and 64 polls. */
	assert_in_range(fake_counts().polls - polls, 112, 116);
	handle(fds[0], GYRE_WRITE, stop_handler, "works");
	run();
	assert_trace("works");
	close(duplicate);
	close_both(fds);
}

static void
a_move_that_fails_half_way_loses_nothing(void **state)
{
	struct fake_counts before;
	int fds[3][2];
	int duplicate;

	(void)state;
	for (int i = 0; i < 3; i++) {
		make_pair(fds[i]);
		handle(fds[i][0], GYRE_READ, stop_handler, "read");
	}
	duplicate = make_ghost();
	/* The wake descriptor, and all but the last. */
	additions = 0;
	addition_to_fail = 4;
	fake_sys.epoll_ctl = fail_an_addition;
	before = fake_counts();
	run();
	assert_int_equal(poller_changes(), 0);
	assert_int_equal(fake_counts().allocations, before.allocations);
	for (int after = 0; after < 2; after++) {
		for (int i = 0; i < 3; i++) {
			char byte;

			assert_int_equal(write(fds[i][1], "x", 1), 1);
			run();
			assert_trace("read");
			assert_int_equal(read(fds[i][0], &byte, 1), 1);
		}
		assert_int_equal(poller_changes(), after);
		run_for(GYRE_MS(10));
		assert_int_equal(poller_changes(), 1);
	}
	close(duplicate);
	for (int i = 0; i < 3; i++)
		close_both(fds[i]);
}

/* Its descriptor was closed, and the number is somebody's who has registered
 * nothing: the new poller must not be given that. */
static void
a_move_gives_no_number_to_a_handler_that_lost_it(void **state)
{
	int lost[2];
	int other[2];
	int duplicate;

	(void)state;
	make_pair(lost);
	make_pair(other);
	handle(lost[0], GYRE_WRITE | GYRE_READ, trace_handler, "lost");
	close(lost[0]);
	assert_int_equal(dup2(other[0], lost[0]), lost[0]);
	duplicate = make_ghost();
	run_for(GYRE_MS(10));
	assert_int_equal(poller_changes(), 1);
	assert_trace("");
	close(duplicate);
	close_both(lost);
	close_both(other);
}

static void
a_move_leaves_a_hung_up_descriptor_alone(void **state)
{
	int duplicate;
	int fds[2];

	(void)state;
	make_pair(fds);
	close(fds[1]);
	handle(fds[0], GYRE_NONE, stop_handler, "hung up");
	run();
	assert_trace("hung up");
	duplicate = make_ghost();
	run_for(GYRE_MS(10));
	assert_int_equal(poller_changes(), 1);
	assert_trace("");
	close(duplicate);
	close(fds[0]);
}

static int
epoll_set_up(void **state)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		.poller = gyre_poller_find("epoll"),
		._sys = &fake_sys,
	};

	real_set_up(state);
	close_and_free(the_loop);
	the_loop = new_loop(&options);
	return 0;
}

#define EPOLL_TEST(name) \
	cmocka_unit_test_setup_teardown(name, epoll_set_up, loop_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EPOLL_TEST(an_update_that_fails_changes_nothing),
		EPOLL_TEST(a_set_that_fails_changes_nothing),
		EPOLL_TEST(
			a_hung_up_descriptor_that_cannot_be_watched_again_is_still_registered),
		EPOLL_TEST(a_child_takes_nothing_from_its_parent_s_poller),
		EPOLL_TEST(a_handler_may_have_the_table_grow),
		EPOLL_TEST(split_tells_an_object_from_a_number),
		EPOLL_TEST(close_fd_closes_in_the_registered_way),
		EPOLL_TEST(close_fd_leaves_a_number_that_is_another_s),
		EPOLL_TEST(set_puts_a_number_in_the_place_of_an_object),
		EPOLL_TEST(a_poller_that_cannot_be_had_is_tried_for_again),
		EPOLL_TEST(a_move_that_fails_half_way_loses_nothing),
		EPOLL_TEST(a_move_gives_no_number_to_a_handler_that_lost_it),
		EPOLL_TEST(a_move_leaves_a_hung_up_descriptor_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
