#include "tests/bus/fixture.h"

#include "base/exception.h"

/* -- the trace ----------------------------------------------------------- */

static char trace[16384];

void
say(const char *word)
{
	size_t used = strlen(trace);

	assert_true(used + strlen(word) + 2 < sizeof(trace));
	if (used > 0)
		trace[used++] = ' ';
	strcpy(trace + used, word);
}

void
assert_trace_at(const char *expected, const char *file, int line)
{
	_assert_string_equal(trace, expected, file, line);
	forget_trace();
}

void
forget_trace(void)
{
	trace[0] = '\0';
}

void *
argument(const char *word)
{
	return (void *)(uintptr_t)word;
}

void
say_arg(void *word)
{
	say(word);
}

void
say_dropped(void *word, enum gyre_drop_reason reason)
{
	char text[64];

	snprintf(text, sizeof(text), "%s!%s", (const char *)word,
		 gyre_drop_reason_name(reason));
	say(text);
}

/* -- messages ------------------------------------------------------------ */

static void
run_message(struct gyre_task *task)
{
	say(((struct message *)task)->word);
}

static void
drop_message(struct gyre_task *task, enum gyre_drop_reason reason)
{
	say_dropped(argument(((struct message *)task)->word), reason);
}

struct message
message(const char *word)
{
	return (struct message){
		.task = { .run = run_message, .drop = drop_message },
		.word = word,
	};
}

/* -- stand-ins ----------------------------------------------------------- */

static void
count_ring(struct gyre__doorbell *bell)
{
	((struct counting_bell *)bell)->rings++;
}

void
counting_bell_init(struct counting_bell *bell)
{
	*bell = (struct counting_bell){ .bell = { .ring = count_ring } };
}

static void
count_raise(struct gyre__outbox *outbox, const char *what, void (*fn)(void),
	    void *arg)
{
	(void)what;
	(void)fn;
	(void)arg;
	assert_non_null(gyre_exception());
	((struct stand_in *)outbox)->raised++;
}

void
stand_in_open(struct stand_in *stand_in)
{
	counting_bell_init(&stand_in->bell);
	stand_in->inbox = gyre__inbox_new(harness_sys(), &stand_in->bell.bell);
	assert_non_null(stand_in->inbox);
	stand_in->raised = 0;
	gyre__outbox_init(&stand_in->outbox, harness_sys(), stand_in->inbox,
			  count_raise);
}

void
enter(struct stand_in *stand_in)
{
	gyre__outbox_enter(&stand_in->outbox);
}

void
leave(struct stand_in *stand_in)
{
	gyre__outbox_leave(&stand_in->outbox);
}

/* Every stand-in has a thread of its own, as it were. */
static struct gyre__outbox *
change_thread(struct gyre__outbox *outbox)
{
	struct gyre__outbox *before = gyre__outbox_of_thread;

	gyre__outbox_of_thread = outbox;
	return before;
}

void
step(struct stand_in *stand_in)
{
	struct gyre__outbox *before = change_thread(NULL);
	struct gyre__chain batch;

	enter(stand_in);
	gyre__outbox_take_ready(&stand_in->outbox, &batch);
	gyre__outbox_run(&stand_in->outbox, &batch);
	assert_int_equal(batch.messages, 0);
	gyre__outbox_flush(&stand_in->outbox);
	assert_true(gyre__outbox_is_flushed(&stand_in->outbox));
	leave(stand_in);
	assert_conserved(stand_in);
	change_thread(before);
}

void
stand_in_close(struct stand_in *stand_in)
{
	struct gyre__outbox *before = change_thread(NULL);

	enter(stand_in);
	gyre__outbox_close(&stand_in->outbox);
	leave(stand_in);
	assert_int_equal(stand_in->outbox.ready.messages, 0);
	assert_int_equal(stand_in->outbox.spares, 0);
	assert_conserved(stand_in);
	change_thread(before);
}

void
stand_in_free(struct stand_in *stand_in)
{
	gyre_inbox_unref(stand_in->inbox);
}

void
stand_in_end(struct stand_in *stand_in)
{
	if (!gyre__inbox_is_closed(stand_in->inbox))
		stand_in_close(stand_in);
	stand_in_free(stand_in);
}

void
assert_conserved(const struct stand_in *stand_in)
{
	const struct gyre__outbox *outbox = &stand_in->outbox;

	assert_int_equal(outbox->posted, outbox->run + outbox->dropped +
						 outbox->ready.messages);
}

static void
send_with(struct stand_in *from, struct stand_in *to, const char *word,
	  gyre_drop_fn drop)
{
	assert_int_equal(gyre__outbox_add(&from->outbox, to->inbox, say_arg,
					  argument(word), drop),
			 0);
}

void
send_word(struct stand_in *from, struct stand_in *to, const char *word)
{
	send_with(from, to, word, NULL);
}

void
send_droppable(struct stand_in *from, struct stand_in *to, const char *word)
{
	send_with(from, to, word, say_dropped);
}

void
post_message(struct stand_in *from, struct stand_in *to,
	     struct message *message)
{
	assert_int_equal(
		gyre__outbox_post(&from->outbox, to->inbox, &message->task), 0);
}

/* -- the frame of a test ------------------------------------------------- */

static struct harness_live live_before;

int
bus_set_up(void **state)
{
	(void)state;
	watchdog(10);
	forget_trace();
	harness_fail(0, 0);
	harness_live(&live_before);
	return 0;
}

int
bus_tear_down(void **state)
{
	(void)state;
	harness_fail(0, 0);
	watchdog(0);
	assert_trace("");
	assert_null(gyre__outbox_of_thread);
	assert_null(gyre_exception());
	assert_true(harness_live_is(&live_before));
	return 0;
}
