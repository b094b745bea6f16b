/*
 * Closing a loop: when it may be, what it closes, in which order, and what does
 * not happen meanwhile. Real descriptors.
 */
#include "tests/support/loop_fixture.h"

#include "loop/poller.h"

#include <unistd.h>

/* -- objects -------------------------------------------------------------- */

struct object {
	int fd;
	const char *word; /* said when it is closed */
	void (*on_close)(struct object *object);
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

	trace(object->word);
	if (object->on_close != NULL)
		object->on_close(object);
}

static const struct gyre_descriptor_ops object_ops = { object_fileno,
						       object_close };

static struct gyre_descriptor
descriptor_of(struct object *object)
{
	return (struct gyre_descriptor){ &object_ops, object };
}

static void
fail_object_handler(void *object, unsigned events, void *arg)
{
	(void)object;
	(void)events;
	(void)arg;
	fail();
}

static void
fail_handler(int fd, unsigned events, void *arg)
{
	(void)fd;
	fail_object_handler(NULL, events, arg);
}

static void
fail_callback(void *arg)
{
	fail_object_handler(NULL, 0, arg);
}

static void
handle_object(struct object *object)
{
	CHECK(gyre_loop_add_handler_object(the_loop, descriptor_of(object),
					   GYRE_WRITE, fail_object_handler,
					   NULL) == 0);
}

/* -- when ----------------------------------------------------------------- */

static void
close_it(void *arg)
{
	assert_int_equal(gyre_loop_close(the_loop, false), -EBUSY);
	trace(arg);
}

static void
close_it_elsewhere(void *arg)
{
	elsewhere(close_it, arg);
}

/* L165 holds: close answers -EBUSY while the loop runs, on its thread and on
 * any other, and changes nothing. */
static void
L165_close_of_a_running_loop_is_refused(void **state)
{
	(void)state;
	add_callback(close_it, "here");
	add_callback(close_it_elsewhere, "elsewhere");
	add_callback(trace_arg, "goes on");
	run_once();
	assert_trace("here elsewhere goes on");
}

/* -- what ----------------------------------------------------------------- */

/* L166 holds: unless it is asked to, close leaves the user's descriptors open
 * and closes no object; the loop's own are closed. */
static void
L166_the_user_s_descriptors_stay_open(void **state)
{
	unsigned before;
	struct object object;
	int fds[2];

	(void)state;
	before = open_descriptors();
	make_pair(fds);
	object = (struct object){ .fd = fds[0], .word = "never" };
	handle_object(&object);
	handle(fds[1], GYRE_READ, fail_handler, NULL);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_true(is_open(fds[0]));
	assert_true(is_open(fds[1]));
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(open_descriptors(), before - loop_descriptors());
}

/* L167 holds: with all_fds, each registered object is closed by its own close
 * and each plain number by close(2), never both; what is not registered stays
 * open, also a number that was closed before and is another's by now. */
static void
L167_all_that_is_registered_is_closed_in_its_way(void **state)
{
	struct object object;
	int fds[2];
	int removed[2];

	(void)state;
	make_pair(fds);
	make_pair(removed);
	object = (struct object){ .fd = fds[0], .word = "object" };
	handle_object(&object);
	handle(fds[1], GYRE_READ, fail_handler, NULL);
	handle(removed[0], GYRE_READ, fail_handler, NULL);
	gyre_loop_remove_handler(the_loop, removed[0]);
	assert_int_equal(gyre_loop_close(the_loop, true), 0);
	assert_trace("object");
	assert_true(is_open(fds[0]));
	assert_false(is_open(fds[1]));
	assert_true(is_open(removed[0]));
	assert_true(is_open(removed[1]));
	close(fds[0]);
	close(removed[0]);
	close(removed[1]);
}

static void
L167_a_number_that_is_another_s_stays_open(void **state)
{
	int fds[2];

	(void)state;
	make_pair(fds);
	handle(fds[0], GYRE_READ, fail_handler, NULL);
	close(fds[0]);
	assert_int_equal(dup2(fds[1], fds[0]), fds[0]);
	assert_int_equal(gyre_loop_close(the_loop, true), 0);
	assert_true(is_open(fds[0]));
	close(fds[0]);
	close(fds[1]);
}

static void
L167_a_hung_up_descriptor_is_closed(void **state)
{
	int fds[2];

	(void)state;
	make_pair(fds);
	close(fds[1]);
	handle(fds[0], GYRE_NONE, trace_handler, "hung up");
	call_later(GYRE_MS(5), stop_callback, NULL);
	run();
	/* A kqueue that is asked for nothing tells of nothing. */
	assert_trace(poller_is("kqueue") ? "" : "hung up");
	assert_int_equal(gyre_loop_close(the_loop, true), 0);
	assert_false(is_open(fds[0]));
}

/* -- when it fails -------------------------------------------------------- */

static void
raise_it(struct object *object)
{
	close(object->fd);
	gyre_raise(-EIO, "close of %s", object->word);
}

static void
say_failure(struct gyre_loop *loop, const struct gyre_failure *failure,
	    void *arg)
{
	(void)loop;
	(void)arg;
	assert_string_equal(failure->what, "close");
	trace(gyre_exception()->message);
}

/* L168 holds: errors of close(2) are ignored. A close function that raises is
 * reported, and everything else is closed all the same. */
static void
L168_errors_do_not_end_it_half_way(void **state)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		.on_exception = say_failure,
		._sys = &fake_sys,
	};
	struct object objects[2];
	int fds[2];
	int numbers[2];

	(void)state;
	close_and_free(the_loop);
	the_loop = new_loop(&options);
	make_pair(numbers);
	make_pair(fds);
	objects[0] = (struct object){ fds[0], "a", raise_it };
	objects[1] = (struct object){ fds[1], "b", raise_it };
	handle(numbers[0], GYRE_READ, fail_handler, NULL);
	handle(numbers[1], GYRE_READ, fail_handler, NULL);
	handle_object(&objects[0]);
	handle_object(&objects[1]);
	/* Taking the first off is one call, closing it the next. */
	fake_fail_at(2);
	assert_int_equal(gyre_loop_close(the_loop, true), 0);
	assert_true(fake_fired());
	assert_trace("a close of a b close of b");
	assert_null(gyre_exception());
	assert_false(is_open(numbers[0]));
	assert_false(is_open(numbers[1]));
}

/* -- close functions ------------------------------------------------------ */

static struct object first;
static struct object second;
static struct object third;

static void
use_the_closing_loop(struct object *object)
{
	gyre_timeout timeout;

	/* Off already, as its descriptor is going to be closed. */
	assert_int_equal(gyre_loop_remove_handler_object(the_loop,
							 descriptor_of(object)),
			 -ENOENT);
	/* Taken from the poller while that is open, and left to us. */
	assert_int_equal(gyre_loop_remove_handler_object(
				 the_loop, descriptor_of(&second)),
			 0);
	assert_int_equal(gyre_loop_add_callback(the_loop, fail_callback, NULL),
			 -ESHUTDOWN);
	assert_int_equal(
		gyre_loop_call_at(the_loop, 0, fail_callback, NULL, &timeout),
		-ESHUTDOWN);
	assert_int_equal(gyre_loop_add_handler_object(
				 the_loop, descriptor_of(object), GYRE_WRITE,
				 fail_object_handler, NULL),
			 -ESHUTDOWN);
	assert_int_equal(gyre_loop_update_handler_object(
				 the_loop, descriptor_of(&third), GYRE_READ),
			 -ESHUTDOWN);
	assert_int_equal(gyre_loop_start(the_loop), -ESHUTDOWN);
	assert_int_equal(gyre_loop_close(the_loop, true), 0);
	gyre_loop_stop(the_loop);
}

static void
close_its_descriptor(struct object *object)
{
	close(object->fd);
}

static unsigned removals;

static int
count_removal(void *poller, int fd)
{
	removals++;
	return gyre__poller_epoll.remove(poller, fd);
}

/* L169 holds: a close function may call back: the poller is open, handlers can
 * be removed, and what it removes is left to it. All else is refused. */
static void
L169_close_functions_may_remove_handlers(void **state)
{
	struct gyre_poller_ops ops = gyre__poller_epoll;
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		.poller = &ops,
		._sys = &fake_sys,
	};
	int fds[2];

	(void)state;
	ops.remove = count_removal;
	close_and_free(the_loop);
	the_loop = new_loop(&options);
	make_pair(fds);
	first = (struct object){ fds[0], "first", use_the_closing_loop };
	second = (struct object){ fds[1], "second", NULL };
	third = (struct object){ dup(fds[1]), "third", close_its_descriptor };
	handle_object(&first);
	handle_object(&second);
	handle_object(&third);
	removals = 0;
	assert_int_equal(gyre_loop_close(the_loop, true), 0);
	assert_trace("first third");
	assert_int_equal(removals, 3);
	close(fds[0]);
	close(fds[1]);
}

/* -- in which order ------------------------------------------------------- */

static int number;
static bool joined;

static int
say_close(int fd)
{
	trace(fd == number ? "number" : "own");
	return gyre__sys_default.close(fd);
}

static int
say_join(pthread_t thread, void **ret_value)
{
	if (!joined)
		trace("pool");
	joined = true;
	return gyre__sys_default.thread_join(thread, ret_value);
}

static void
say_close_poller(void *poller)
{
	trace("poller");
	gyre__poller_epoll.close(poller);
}

static void *
job(void *arg)
{
	return arg;
}

/* L170 deviates: what waits is dropped first, then the handlers' descriptors
 * are closed, then the loop's own pool, and last the poller.
 * Why: what is dropped may still need its descriptors, and what a pool's job
 * posts last may still ring. */
static void
L170_what_waits_then_descriptors_then_the_loop_s_own(void **state)
{
	struct gyre_poller_ops ops = gyre__poller_epoll;
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		.poller = &ops,
		._sys = &fake_sys,
	};
	struct gyre_future *future;
	struct object object;
	char word[] = "callback";
	int fds[2];

	(void)state;
	ops.close = say_close_poller;
	close_and_free(the_loop);
	the_loop = new_loop(&options);
	make_pair(fds);
	object = (struct object){ .fd = fds[0], .word = "object" };
	number = fds[1];
	handle_object(&object);
	handle(number, GYRE_READ, fail_handler, NULL);
	assert_int_equal(gyre_loop_add_callback_drop(the_loop, fail_callback,
						     word, trace_drop),
			 0);
	joined = false;
	fake_sys.thread_join = say_join;
	future = gyre_loop_run_in_executor(the_loop, NULL, job, NULL);
	assert_non_null(future);
	fake_sys.close = say_close;
	assert_int_equal(gyre_loop_close(the_loop, true), 0);
	assert_trace("callback stopped object number pool poller own own");
	gyre_future_unref(future);
	close(fds[0]);
}

/* L171 holds: no handler, callback or timeout runs in close, however due. */
static void
L171_nothing_runs_in_close(void **state)
{
	int fds[2];

	(void)state;
	for (int all = 0; all < 2; all++) {
		make_pair(fds);
		close(fds[1]);
		handle(fds[0], GYRE_READ | GYRE_WRITE, fail_handler, NULL);
		add_callback(fail_callback, NULL);
		call_later(-1, fail_callback, NULL);
		assert_int_equal(gyre_loop_close(the_loop, all), 0);
		if (!all)
			close(fds[0]);
		gyre_loop_free(the_loop);
		the_loop = real_loop();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(L165_close_of_a_running_loop_is_refused),
		REAL_TEST(L166_the_user_s_descriptors_stay_open),
		REAL_TEST(L167_all_that_is_registered_is_closed_in_its_way),
		REAL_TEST(L167_a_number_that_is_another_s_stays_open),
		REAL_TEST(L167_a_hung_up_descriptor_is_closed),
		REAL_TEST(L168_errors_do_not_end_it_half_way),
		REAL_TEST(L169_close_functions_may_remove_handlers),
		REAL_TEST(L170_what_waits_then_descriptors_then_the_loop_s_own),
		REAL_TEST(L171_nothing_runs_in_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
