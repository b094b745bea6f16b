/*
 * Senders that wait for room in a port: told in turn, each with a slot of its
 * own, which is never lost.
 */
#include "tests/loop/port_fixture.h"

static void
send_arg(struct gyre_port *port, void *word)
{
	trace("room");
	CHECK(gyre_port_send_copy(port, word, strlen(word) + 1) == 0);
}

static void
ignore_room(struct gyre_port *port, void *word)
{
	(void)port;
	trace_arg(word);
}

static void
notify(void *word)
{
	CHECK(gyre_port_notify(the_port, send_arg, word, trace_drop) == 0);
}

static void
notify_in_vain(void *word)
{
	CHECK(gyre_port_notify(the_port, ignore_room, word, trace_drop) == 0);
}

static char a[] = "a", b[] = "b", c[] = "c", d[] = "d";

/* A port of one with a message inside. */
static void
open_full_port(void)
{
	open_port_of(1);
	assert_int_equal(gyre_port_send_copy(the_port, "full", 5), 0);
}

/* -- told ------------------------------------------------------------------ */

static void
room_that_is_there_is_told_at_once(void **state)
{
	(void)state;
	open_port_of(1);
	step_with(sender, notify, a);
	step(the_loop);
	assert_trace("");
	assert_stats(0, 0, 0, 0, 0);
	assert_int_equal(gyre_port_send_copy(the_port, "x", 2), -EAGAIN);
	step(sender);
	assert_trace("room");
	step(the_loop);
	assert_trace("a");
	assert_stats(1, 1, 0, 0, 1);
}

static void
who_waits_is_told_in_turn_on_its_own_loop(void **state)
{
	struct gyre_loop *other = stage_loop();

	(void)state;
	open_full_port();
	step_with(sender, notify, a);
	step_with(other, notify, b);
	step_with(sender, notify, c);
	step(the_loop); /* they arrive behind the message */
	assert_trace("full");
	step(the_loop);
	step(other);
	assert_trace("");
	step(sender);
	assert_trace("room");
	assert_int_equal(gyre_port_send_copy(the_port, "x", 2), -EAGAIN);
	step(the_loop);
	assert_trace("a");
	step(sender);
	assert_trace("");
	step(other);
	assert_trace("room");
	step(the_loop);
	step(sender);
	step(the_loop);
	assert_trace("b room c");
	assert_stats(4, 4, 0, 0, 1);
	close_and_free(other);
}

static void
fill_and_notify(void *word)
{
	CHECK(gyre_port_send_copy(the_port, "full", 5) == 0);
	notify(word);
	CHECK(gyre_port_send_copy(the_port, "mine", 5) == -EAGAIN);
}

static void
a_port_on_the_own_loop_tells_of_room(void **state)
{
	(void)state;
	open_port_of(1);
	step_with(the_loop, fill_and_notify, a);
	for (unsigned i = 0; i < 4; i++)
		step(the_loop);
	assert_trace("full room a");
}

static void
room_that_is_not_used_goes_to_the_next(void **state)
{
	(void)state;
	open_full_port();
	step_with(sender, notify_in_vain, a);
	step_with(sender, notify, b);
	for (unsigned i = 0; i < 3; i++) {
		step(the_loop);
		step(sender);
	}
	step(the_loop);
	assert_trace("full a room b");
	assert_stats(2, 2, 0, 0, 0);
	step_with(sender, notify_in_vain, c);
	step(the_loop);
	step(sender);
	step(the_loop);
	assert_trace("c");
	assert_int_equal(gyre_port_send_copy(the_port, "x", 2), 0);
	step(the_loop);
	assert_trace("x");
}

static void
send_twice(struct gyre_port *port, void *word)
{
	send_arg(port, word);
	CHECK(gyre_port_send_copy(port, word, 2) == -EAGAIN);
}

static void
notify_for_two(void *word)
{
	CHECK(gyre_port_notify(the_port, send_twice, word, trace_drop) == 0);
}

static void
room_is_for_one_message(void **state)
{
	(void)state;
	open_port_of(1);
	step_with(sender, notify_for_two, a);
	step(the_loop);
	step(sender);
	step(the_loop);
	assert_trace("room a");
	assert_stats(1, 1, 0, 0, 1);
}

static struct gyre_port *other_port;

static void
send_elsewhere(struct gyre_port *port, void *word)
{
	CHECK(gyre_port_send_copy(other_port, "x", 2) == -EAGAIN);
	send_arg(port, word);
}

static void
notify_elsewhere(void *word)
{
	CHECK(gyre_port_notify(the_port, send_elsewhere, word, trace_drop) ==
	      0);
}

static void
room_in_one_port_is_none_in_another(void **state)
{
	const struct gyre_port_options options = {
		.capacity = 1,
		.on_message = say_message,
	};

	(void)state;
	open_port_of(1);
	assert_int_equal(gyre_port_new(the_loop, &options, &other_port), 0);
	assert_int_equal(gyre_port_send_copy(other_port, "other", 6), 0);
	step_with(sender, notify_elsewhere, a);
	step(the_loop);
	assert_trace("other");
	assert_int_equal(gyre_port_send_copy(other_port, "other", 6), 0);
	step(sender);
	step(the_loop);
	assert_trace("room other a");
	gyre_port_unref(other_port);
}

/* -- closed ---------------------------------------------------------------- */

static void
closing_the_port_drops_who_waits_at_home(void **state)
{
	struct gyre_loop *holder = stage_loop();

	(void)state;
	open_port_of(1);
	step_with(holder, notify, d);
	step(the_loop); /* d has the slot */
	step_with(sender, notify, a);
	step(the_loop); /* a is in the queue */
	step_with(sender, notify, b);
	gyre_port_close(the_port);
	assert_trace("");
	step(the_loop); /* b is turned away */
	assert_trace("");
	step(sender);
	assert_trace("a stopped b stopped");
	step(holder);
	assert_trace("d stopped");
	step(the_loop);
	assert_stats(0, 0, 0, 0, 0);
	close_and_free(holder);
}

static void
room_in_a_port_that_closed_meanwhile_is_no_room(void **state)
{
	(void)state;
	open_port_of(1);
	step_with(sender, notify, a);
	step(the_loop);
	gyre_port_close(the_port);
	step(sender);
	assert_trace("a stopped");
	step(the_loop); /* the slot comes home, and the port may go */
	assert_stats(0, 0, 0, 0, 0);
}

static void
closing_the_port_s_loop_drops_who_waits_at_home(void **state)
{
	(void)state;
	open_full_port();
	step_with(sender, notify, a);
	step(the_loop);               /* granted */
	step_with(sender, notify, b); /* on its way there */
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("full room a stopped");
	step(sender);
	assert_trace("b stopped");
}

static void
try_closed(void *arg)
{
	(void)arg;
	CHECK(gyre_port_notify(the_port, send_arg, NULL, trace_drop) ==
	      -ESHUTDOWN);
}

static void
a_closed_port_and_a_thread_without_a_loop_are_refused(void **state)
{
	(void)state;
	open_port_of(1);
	assert_int_equal(gyre_port_notify(the_port, send_arg, a, trace_drop),
			 -ENOENT);
	gyre_port_close(the_port);
	step_with(sender, try_closed, NULL);
}

static void
notify_without_memory(void *arg)
{
	(void)arg;
	fake_fail_at(1);
	CHECK(gyre_port_notify(the_port, send_arg, NULL, trace_drop) ==
	      -ENOMEM);
}

static void
without_memory_nobody_waits(void **state)
{
	(void)state;
	open_port_of(1);
	step_with(sender, notify_without_memory, NULL);
}

/* -- the sender's loop closes ---------------------------------------------- */

static void
close_sender(void)
{
	close_and_free(sender);
	sender = NULL;
}

static void
assert_no_slot_is_lost(void)
{
	struct gyre_port_stats stats;

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(gyre_port_send_copy(the_port, "x", 2), 0);
		assert_int_equal(gyre_port_send_copy(the_port, "y", 2),
				 -EAGAIN);
		gyre_port_get_stats(the_port, &stats);
		assert_int_equal(stats.waiting, 1);
		step(the_loop);
		assert_trace("x");
	}
}

static void
a_sender_that_closes_while_queued_is_dropped_and_the_next_told(void **state)
{
	struct gyre_loop *holder = stage_loop();
	struct gyre_loop *other = stage_loop();

	(void)state;
	open_port_of(1);
	step_with(holder, notify, d);
	step(the_loop); /* d has the slot */
	step_with(sender, notify, a);
	step_with(sender, notify, b);
	step_with(other, notify, c);
	step(the_loop); /* they are in the queue */
	close_sender();
	step(holder);
	assert_trace("room");
	step(the_loop); /* d's message; a and b have no home any more */
	assert_trace("d a stopped b stopped");
	step(other);
	step(the_loop);
	assert_trace("room c");
	assert_no_slot_is_lost();
	close_and_free(other);
	close_and_free(holder);
}

static void
a_sender_that_closes_with_room_on_its_way_gives_it_back(void **state)
{
	(void)state;
	open_port_of(1);
	step_with(sender, notify, a);
	step(the_loop);
	close_sender();
	assert_trace("a stopped");
	step(the_loop);
	assert_no_slot_is_lost();
}

static void
close_sender_elsewhere(void *arg)
{
	CHECK(gyre_loop_close(arg, false) == 0);
}

/* Behind the waiter in the port's batch: the grant is in the outbox. */
static void
close_sender_now(void *arg)
{
	elsewhere(close_sender_elsewhere, arg);
}

static void
room_that_meets_a_closed_home_at_the_flush_comes_back(void **state)
{
	(void)state;
	open_port_of(1);
	step_with(sender, notify, a);
	step_with(the_loop, close_sender_now, sender);
	assert_trace("a stopped");
	step(the_loop);
	assert_no_slot_is_lost();
}

/* -- in a circle ----------------------------------------------------------- */

#define TOKENS 3
#define HOPS   40

/*
 * Two loops whose ports of one are full of each other's messages: a handler
 * that cannot pass a token on keeps it and asks for room. Nobody blocks, so
 * they get on.
 */
struct side {
	struct gyre_port *port;
	struct side *other;
	unsigned waiting; /* tokens that are kept here */
	unsigned hops_left[TOKENS * HOPS];
};

static unsigned ended;

static void pass_on(struct side *side);

static void
on_side_room(struct gyre_port *port, void *arg)
{
	struct side *side = arg;

	CHECK(side->waiting > 0);
	side->waiting--;
	CHECK(gyre_port_send_copy(port, &side->hops_left[side->waiting],
				  sizeof(unsigned)) == 0);
}

static void
pass_on(struct side *side)
{
	unsigned hops = side->hops_left[side->waiting];
	int result =
		gyre_port_send_copy(side->other->port, &hops, sizeof(hops));

	if (result == 0)
		return;
	CHECK(result == -EAGAIN);
	side->waiting++;
	CHECK(gyre_port_notify(side->other->port, on_side_room, side, NULL) ==
	      0);
}

static void
on_token(struct gyre_port *port, struct gyre_message *message, void *arg)
{
	struct side *side = arg;
	unsigned hops;

	(void)port;
	memcpy(&hops, message->data, sizeof(hops));
	if (hops == 0) {
		ended++;
		return;
	}
	side->hops_left[side->waiting] = hops - 1;
	pass_on(side);
}

static void
add_token(void *arg)
{
	struct side *side = arg;

	side->hops_left[side->waiting] = HOPS;
	pass_on(side);
}

static void
two_loops_with_full_ports_of_one_do_not_lock_each_other(void **state)
{
	static struct side sides[2];
	struct gyre_loop *const loops[] = { the_loop, sender };

	(void)state;
	ended = 0;
	for (unsigned i = 0; i < 2; i++) {
		const struct gyre_port_options options = {
			.capacity = 1,
			.on_message = on_token,
			.arg = &sides[i],
		};

		sides[i] = (struct side){ .other = &sides[1 - i] };
		assert_int_equal(
			gyre_port_new(loops[i], &options, &sides[i].port), 0);
	}
	for (unsigned i = 0; i < 2 * TOKENS; i++)
		step_with(loops[i % 2], add_token, &sides[i % 2]);
	for (unsigned i = 0; i < 8 * HOPS * TOKENS && ended < 2 * TOKENS; i++)
		step(loops[i % 2]);
	assert_int_equal(ended, 2 * TOKENS);
	gyre_port_unref(sides[0].port);
	gyre_port_unref(sides[1].port);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PORT_TEST(room_that_is_there_is_told_at_once),
		PORT_TEST(who_waits_is_told_in_turn_on_its_own_loop),
		PORT_TEST(a_port_on_the_own_loop_tells_of_room),
		PORT_TEST(room_that_is_not_used_goes_to_the_next),
		PORT_TEST(room_is_for_one_message),
		PORT_TEST(room_in_one_port_is_none_in_another),
		PORT_TEST(closing_the_port_drops_who_waits_at_home),
		PORT_TEST(room_in_a_port_that_closed_meanwhile_is_no_room),
		PORT_TEST(closing_the_port_s_loop_drops_who_waits_at_home),
		PORT_TEST(
			a_closed_port_and_a_thread_without_a_loop_are_refused),
		PORT_TEST(without_memory_nobody_waits),
		PORT_TEST(
			a_sender_that_closes_while_queued_is_dropped_and_the_next_told),
		PORT_TEST(
			a_sender_that_closes_with_room_on_its_way_gives_it_back),
		PORT_TEST(
			room_that_meets_a_closed_home_at_the_flush_comes_back),
		PORT_TEST(
			two_loops_with_full_ports_of_one_do_not_lock_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
