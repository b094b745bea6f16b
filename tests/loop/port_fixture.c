/* What tests of ports share. */
#include "tests/loop/port_fixture.h"

struct gyre_port *the_port;
struct gyre_loop *sender;

void
say_message(struct gyre_port *port, struct gyre_message *message, void *arg)
{
	(void)port;
	(void)arg;
	trace(message->data);
}

void
say_dropped(struct gyre_port *port, struct gyre_message *message,
	    enum gyre_drop_reason reason, void *arg)
{
	(void)port;
	(void)arg;
	trace_drop(message->data, reason);
}

static void
say_released(void *data)
{
	(void)data;
	trace("~");
}

struct gyre_message
message(const char *word)
{
	return (struct gyre_message){
		.data = (void *)(uintptr_t)word,
		.size = strlen(word),
		.release = say_released,
	};
}

void
open_port(struct gyre_port_options options)
{
	if (options.on_message == NULL)
		options.on_message = say_message;
	if (options.on_drop == NULL)
		options.on_drop = say_dropped;
	assert_int_equal(gyre_port_new(the_loop, &options, &the_port), 0);
}

void
open_port_of(uint32_t capacity)
{
	open_port((struct gyre_port_options){ .capacity = capacity });
}

int
send_word(const char *word)
{
	return gyre_port_send(the_port, message(word));
}

static void
stop_it(void *loop)
{
	gyre_loop_stop(loop);
}

void
step(struct gyre_loop *loop)
{
	assert_int_equal(gyre_loop_add_callback(loop, stop_it, loop), 0);
	assert_int_equal(gyre_loop_start(loop), 0);
}

void
step_with(struct gyre_loop *loop, gyre_callback_fn fn, void *arg)
{
	assert_int_equal(gyre_loop_add_callback(loop, fn, arg), 0);
	step(loop);
}

void
assert_stats_at(uint64_t accepted, uint64_t delivered, uint64_t dropped,
		uint32_t waiting, uint64_t refused, const char *file, int line)
{
	struct gyre_port_stats stats;

	gyre_port_get_stats(the_port, &stats);
	_assert_int_equal(stats.accepted, accepted, file, line);
	_assert_int_equal(stats.delivered, delivered, file, line);
	_assert_int_equal(stats.dropped, dropped, file, line);
	_assert_int_equal(stats.waiting, waiting, file, line);
	_assert_int_equal(stats.refused, refused, file, line);
}

int
port_set_up(void **state)
{
	stage_set_up(state);
	sender = stage_loop();
	the_port = NULL;
	return 0;
}

int
port_tear_down(void **state)
{
	gyre_port_unref(the_port);
	if (sender != NULL)
		close_and_free(sender);
	return loop_tear_down(state);
}
