/*
 * Ports: what is sent is delivered or dropped, once, in order, and what there
 * is no room for is refused.
 */
#include "tests/loop/port_fixture.h"

#include "bus/port.h"

#include <sys/wait.h>
#include <unistd.h>

static struct gyre_port_stats
stats_of(const struct gyre_port *port)
{
	struct gyre_port_stats stats;

	gyre_port_get_stats(port, &stats);
	return stats;
}

/* -- sending --------------------------------------------------------------- */

static void
messages_are_delivered_in_order_and_then_released(void **state)
{
	(void)state;
	open_port_of(4);
	assert_int_equal(send_word("a"), 0);
	assert_int_equal(send_word("b"), 0);
	assert_stats(2, 0, 0, 2, 0);
	assert_trace("");
	step(the_loop);
	assert_trace("a ~ b ~");
	assert_stats(2, 2, 0, 0, 0);
}

static void
a_full_port_refuses_exactly_what_has_no_room(void **state)
{
	unsigned refused = 0;

	(void)state;
	open_port_of(4);
	for (unsigned i = 0; i < 1000; i++) {
		int result = send_word("m");

		assert_true(result == 0 || result == -EAGAIN);
		assert_int_equal(result == 0, i < 4);
		refused += result == -EAGAIN;
	}
	assert_int_equal(refused, 996);
	assert_stats(4, 0, 0, 4, 996);
	step(the_loop);
	assert_trace("m ~ m ~ m ~ m ~");
	assert_stats(4, 4, 0, 0, 996);
	assert_int_equal(send_word("more"), 0);
	step(the_loop);
	assert_trace("more ~");
}

static struct gyre_message kept;

static void
keep_message(struct gyre_port *port, struct gyre_message *message, void *arg)
{
	(void)port;
	(void)arg;
	kept = *message;
	message->release = NULL;
}

static void
a_handler_may_keep_the_message(void **state)
{
	(void)state;
	open_port((struct gyre_port_options){ .capacity = 1,
					      .on_message = keep_message });
	assert_int_equal(send_word("a"), 0);
	step(the_loop);
	assert_trace("");
	assert_string_equal(kept.data, "a");
	assert_int_equal(kept.size, 1);
	kept.release(kept.data);
	assert_trace("~");
}

static void
a_copy_is_taken_at_once(void **state)
{
	char bytes[GYRE_PORT_COPY_MAX + 1] = "copied";

	(void)state;
	open_port_of(2);
	assert_int_equal(gyre_port_send_copy(the_port, bytes, 65), -EMSGSIZE);
	assert_int_equal(gyre_port_send_copy(the_port, bytes, 64), 0);
	memcpy(bytes, "changed", sizeof("changed"));
	assert_int_equal(gyre_port_send_copy(the_port, bytes, 8), 0);
	assert_int_equal(gyre_port_send_copy(the_port, NULL, 0), -EAGAIN);
	assert_stats(2, 0, 0, 2, 1);
	step(the_loop);
	assert_trace("copied changed");
}

struct word_task {
	struct gyre_task task;
	const char *word;
};

static void
run_word(struct gyre_task *task)
{
	trace(((struct word_task *)task)->word);
}

static void
drop_word(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)task;
	(void)reason;
}

/* Everything from one sender, in one order. */
static void
send_all_kinds(void *arg)
{
	static struct word_task task;

	(void)arg;
	task = (struct word_task){
		.task = { .run = run_word, .drop = drop_word },
		.word = "2",
	};
	CHECK(send_word("0") == 0);
	add_callback(trace_arg, "1");
	CHECK(gyre_inbox_post(gyre_loop_inbox(the_loop), &task.task) == 0);
	CHECK(gyre_port_send_copy(the_port, "3", 2) == 0);
	add_callback(trace_arg, "4");
	CHECK(send_word("5") == 0);
}

static void
messages_keep_order_with_callbacks_and_tasks(void **state)
{
	(void)state;
	open_port_of(8);
	step_with(sender, send_all_kinds, NULL);
	step(the_loop);
	assert_trace("0 ~ 1 2 3 4 5 ~");
	send_all_kinds(NULL); /* a thread without a loop */
	step(the_loop);
	assert_trace("0 ~ 1 2 3 4 5 ~");
	step_with(the_loop, send_all_kinds, NULL); /* the port's own loop */
	step(the_loop);
	assert_trace("0 ~ 1 2 3 4 5 ~");
}

static void
ignore_message(struct gyre_port *port, struct gyre_message *message, void *arg)
{
	(void)port;
	(void)message;
	(void)arg;
}

static void
a_send_allocates_nothing_and_makes_no_system_call(void **state)
{
	struct fake_counts before;

	(void)state;
	open_port((struct gyre_port_options){ .capacity = 64,
					      .on_message = ignore_message });
	before = fake_counts();
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(gyre_port_send_copy(the_port, "m", 2), 0);
	assert_int_equal(fake_counts().allocations, before.allocations);
	assert_int_equal(fake_counts().writes, before.writes);
	step(the_loop);
	assert_stats(64, 64, 0, 0, 0);
}

static void
say_arg_first(struct gyre_port *port, struct gyre_message *message, void *arg)
{
	(void)port;
	trace(arg);
	trace(message->data);
}

static void
many_ports_share_a_loop(void **state)
{
	static const char *const names[] = { "p0", "p1", "p2" };
	struct gyre_port *ports[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const struct gyre_port_options options = {
			.capacity = 2,
			.on_message = say_arg_first,
			.arg = (void *)(uintptr_t)names[i],
		};

		assert_int_equal(gyre_port_new(the_loop, &options, &ports[i]),
				 0);
	}
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(gyre_port_send_copy(ports[i % 3], "m", 2), 0);
	assert_int_equal(gyre_port_send_copy(ports[1], "m", 2), -EAGAIN);
	gyre_port_close(ports[2]);
	step(the_loop);
	assert_trace("p0 m p1 m p0 m p1 m");
	assert_int_equal(stats_of(ports[2]).dropped, 2);
	for (unsigned i = 0; i < 3; i++)
		gyre_port_unref(ports[i]);
}

/* -- marks ----------------------------------------------------------------- */

static void
say_high(struct gyre_port *port, void *arg)
{
	(void)port;
	(void)arg;
	trace("high");
}

static void
say_low(struct gyre_port *port, void *arg)
{
	(void)port;
	(void)arg;
	trace("low");
}

static void
marks_are_told_once_each_way(void **state)
{
	(void)state;
	open_port((struct gyre_port_options){ .capacity = 5,
					      .high_water = 3,
					      .low_water = 1,
					      .on_high = say_high,
					      .on_low = say_low });
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 5; i++)
			assert_int_equal(gyre_port_send_copy(the_port, "m", 2),
					 0);
		step(the_loop);
		assert_trace("high m m m m low m");
	}
	assert_int_equal(gyre_port_send_copy(the_port, "m", 2), 0);
	assert_int_equal(gyre_port_send_copy(the_port, "m", 2), 0);
	step(the_loop);
	assert_trace("m m");
}

static void
options_out_of_range_are_refused(void **state)
{
	static const struct gyre_port_options wrong[] = {
		{ .capacity = 0 },
		{ .capacity = GYRE_PORT_CAPACITY_MAX + 1 },
		{ .capacity = 4, .high_water = 5 },
		{ .capacity = 4, .high_water = 2, .low_water = 2 },
		{ .capacity = 4, .low_water = 1 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct gyre_port_options options = wrong[i];

		options.on_message = say_message;
		assert_int_equal(gyre_port_new(the_loop, &options, &the_port),
				 -EINVAL);
		assert_null(the_port);
	}
}

/* -- closing --------------------------------------------------------------- */

static void
closing_drops_what_is_inside_when_its_turn_comes(void **state)
{
	(void)state;
	open_port_of(4);
	assert_int_equal(send_word("a"), 0);
	assert_int_equal(send_word("b"), 0);
	gyre_port_close(the_port);
	gyre_port_close(the_port);
	assert_int_equal(send_word("c"), -ESHUTDOWN);
	assert_trace("");
	assert_stats(2, 0, 0, 2, 1);
	step(the_loop);
	assert_trace("a stopped ~ b stopped ~");
	assert_stats(2, 0, 2, 0, 1);
}

static void
close_it(struct gyre_port *port, struct gyre_message *message, void *arg)
{
	say_message(port, message, arg);
	gyre_port_close(port);
	gyre_port_unref(port);
	the_port = NULL;
}

static void
a_handler_may_close_its_port_and_give_it_up(void **state)
{
	(void)state;
	open_port((struct gyre_port_options){ .capacity = 4,
					      .on_message = close_it });
	assert_int_equal(send_word("a"), 0);
	assert_int_equal(send_word("b"), 0);
	step(the_loop);
	assert_trace("a ~ b stopped ~");
}

static void
messages_hold_a_port_that_nobody_else_does(void **state)
{
	(void)state;
	open_port_of(4);
	assert_int_equal(send_word("a"), 0);
	gyre_port_close(the_port);
	gyre_port_unref(the_port);
	the_port = NULL;
	step(the_loop);
	assert_trace("a stopped ~");
}

static void
an_open_port_lives_without_references(void **state)
{
	(void)state;
	open_port_of(4);
	assert_int_equal(send_word("a"), 0);
	gyre_port_unref(the_port);
	the_port = NULL;
	step(the_loop);
	assert_trace("a ~"); /* and the tear-down closes it with the loop */
}

static void
closing_the_loop_drops_what_is_inside(void **state)
{
	(void)state;
	open_port_of(4);
	assert_int_equal(send_word("a"), 0);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("a stopped ~");
	assert_stats(1, 0, 1, 0, 0);
	assert_int_equal(send_word("b"), -ESHUTDOWN);
	assert_int_equal(gyre_port_send_copy(the_port, "b", 2), -ESHUTDOWN);
	assert_stats(1, 0, 1, 0, 2);
}

static void
close_the_loop(void *arg)
{
	(void)arg;
	CHECK(gyre_loop_close(the_loop, false) == 0);
}

static void
send_as_the_loop_closes(void *arg)
{
	CHECK(send_word(arg) == 0);
	elsewhere(close_the_loop, NULL);
}

/* It was accepted into the sender's outbox, and is dropped on its thread. */
static void
a_message_on_its_way_to_a_loop_that_closes_is_dropped(void **state)
{
	static char word[] = "a";

	(void)state;
	open_port_of(4);
	step_with(sender, send_as_the_loop_closes, word);
	assert_trace("a stopped ~");
	assert_stats(1, 0, 1, 0, 0);
}

static void
a_closed_port_may_be_closed_after_its_loop_is_gone(void **state)
{
	(void)state;
	open_port_of(1);
	close_and_free(the_loop);
	gyre_port_close(the_port);
	the_loop = stage_loop();
}

/* -- refusals -------------------------------------------------------------- */

static void
raise_it(struct gyre_port *port, struct gyre_message *message, void *arg)
{
	say_message(port, message, arg);
	gyre_raise(-EIO, "no");
}

static char failed[256];

static void
on_exception(struct gyre_loop *loop, const struct gyre_failure *failure,
	     void *arg)
{
	(void)loop;
	(void)arg;
	snprintf(failed, sizeof(failed), "%s: %s", failure->what,
		 gyre_exception()->message);
}

static void
a_handler_that_raises_is_reported(void **state)
{
	struct gyre_loop_options options = stage_options();

	(void)state;
	options.on_exception = on_exception;
	close_and_free(the_loop);
	the_loop = new_loop(&options);
	open_port((struct gyre_port_options){ .capacity = 1,
					      .on_message = raise_it });
	assert_int_equal(gyre_port_send_copy(the_port, "a", 2), 0);
	step(the_loop);
	assert_trace("a");
	assert_string_equal(failed, "port: no");
	assert_stats(1, 1, 0, 0, 0);
}

static void
without_memory_or_a_loop_there_is_no_port(void **state)
{
	const struct gyre_port_options options = {
		.capacity = 1,
		.on_message = say_message,
	};

	(void)state;
	for (unsigned n = 1; n <= 2; n++) {
		fake_fail_at(n);
		assert_int_equal(gyre_port_new(the_loop, &options, &the_port),
				 -ENOMEM);
	}
	fake_fail_at(0);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(gyre_port_new(the_loop, &options, &the_port),
			 -ESHUTDOWN);
	assert_null(the_port);
}

static void
use_as_a_fork(void *arg)
{
	const struct gyre_port_options options = {
		.capacity = 1,
		.on_message = say_message,
	};
	struct gyre_port *port;

	(void)arg;
	CHECK(gyre_port_new(the_loop, &options, &port) == -EPERM);
	CHECK(send_word("a") == -EPERM);
	CHECK(gyre_port_send_copy(the_port, "a", 2) == -EPERM);
	CHECK(gyre_port_send_wait(the_port, message("a"), 0) == -EPERM);
	CHECK(gyre_port_notify(the_port, say_high, NULL, NULL) == -EPERM);
	gyre_port_close(the_port);
	CHECK(!gyre__port_is_closed(the_port));
	_exit(7);
}

static void
a_fork_is_refused(void **state)
{
	char output[256];
	int status;

	(void)state;
	open_port_of(1);
	assert_int_equal(send_word("a"), 0); /* full: refused all the same */
	status = in_child(use_as_a_fork, NULL, output, sizeof(output));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
		fail_msg("%s", output);
	step(the_loop);
	assert_trace("a ~");
}

static void
close_elsewhere(void *arg)
{
	(void)arg;
	gyre_port_close(the_port);
}

static void
make_elsewhere(void *arg)
{
	const struct gyre_port_options options = {
		.capacity = 1,
		.on_message = say_message,
	};

	(void)arg;
	(void)!gyre_port_new(the_loop, &options, &the_port);
}

static void
misuse(void *call)
{
	elsewhere(*(void (**)(void *))call, NULL);
}

/* In a child, which may not run its parent's loop. */
static void
run_and_misuse(void *call)
{
	the_loop = stage_loop();
	open_port_of(1);
	(void)!gyre_loop_add_callback(the_loop, misuse, call);
	(void)!gyre_loop_start(the_loop);
}

static void
a_call_from_the_wrong_thread_is_named(void **state)
{
	void (*call)(void *) = close_elsewhere;

	(void)state;
	assert_true(
		aborts_saying(run_and_misuse, &call, " gyre_port_close():"));
	call = make_elsewhere;
	assert_true(aborts_saying(run_and_misuse, &call, " gyre_port_new():"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PORT_TEST(messages_are_delivered_in_order_and_then_released),
		PORT_TEST(a_full_port_refuses_exactly_what_has_no_room),
		PORT_TEST(a_handler_may_keep_the_message),
		PORT_TEST(a_copy_is_taken_at_once),
		PORT_TEST(messages_keep_order_with_callbacks_and_tasks),
		PORT_TEST(a_send_allocates_nothing_and_makes_no_system_call),
		PORT_TEST(many_ports_share_a_loop),
		PORT_TEST(marks_are_told_once_each_way),
		PORT_TEST(options_out_of_range_are_refused),
		PORT_TEST(closing_drops_what_is_inside_when_its_turn_comes),
		PORT_TEST(a_handler_may_close_its_port_and_give_it_up),
		PORT_TEST(messages_hold_a_port_that_nobody_else_does),
		PORT_TEST(an_open_port_lives_without_references),
		PORT_TEST(closing_the_loop_drops_what_is_inside),
		PORT_TEST(
			a_message_on_its_way_to_a_loop_that_closes_is_dropped),
		PORT_TEST(a_closed_port_may_be_closed_after_its_loop_is_gone),
		PORT_TEST(a_handler_that_raises_is_reported),
		PORT_TEST(without_memory_or_a_loop_there_is_no_port),
		PORT_TEST(a_fork_is_refused),
		PORT_TEST(a_call_from_the_wrong_thread_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
