/*
 * A stream's life: opened with a connected socket, watched, settled at the
 * end of each batch in which something changed, closed, freed in a callback.
 *
 * All of it on the loop's owner. Interest is told to the poller lazily: what
 * is missing is added when the batch ends, reading that is not wanted for the
 * moment is dropped only if an event comes for it, so that a short pause costs
 * no system call.
 */
#include "net/stream.h"

#include "base/check.h"
#include "base/sys.h"
#include "net/connect.h"
#include "net/socket.h"

#include <errno.h>

#define READ_MAX_DEFAULT   ((size_t)1 << 20)
#define WRITE_HIGH_DEFAULT ((size_t)1 << 20)

static void on_event(int fd, unsigned events, void *arg);

/* -- state ---------------------------------------------------------------- */

static void
set_state(struct gyre_stream *stream, enum gyre__stream_state next)
{
	static const bool allowed[3][3] = {
		[GYRE__STREAM_OPEN][GYRE__STREAM_FLUSHING] = true,
		[GYRE__STREAM_OPEN][GYRE__STREAM_CLOSED] = true,
		[GYRE__STREAM_FLUSHING][GYRE__STREAM_CLOSED] = true,
	};

	GYRE_INSIST(allowed[stream->state][next]);
	stream->state = next;
}

/* on_close, and the stream is no more. */
static void
finish(struct gyre_stream *stream)
{
	const struct gyre_sys *sys = stream->sys;

	GYRE_INSIST(stream->state == GYRE__STREAM_CLOSED);
	gyre__lent_release(stream);
	gyre__pull_end(stream);
	if (stream->ops.on_close != NULL && !stream->moved)
		stream->ops.on_close(stream, stream->error, stream->arg);
	gyre__buffer_release(&stream->input, sys);
	gyre__buffer_release(&stream->output, sys);
	if (gyre__stream_carry(stream)->free != NULL)
		stream->transport->ops->free(stream->transport);
	sys->release(stream);
}

static void
close_fd(struct gyre_stream *stream)
{
	gyre__loop_count_connection(stream->loop, -1);
	gyre_loop_remove_handler(stream->loop, stream->fd);
	stream->sys->close(stream->fd);
	stream->fd = -1;
}

/* Nothing is due at the batch's end any more, nor with the loop's. */
static void
untie(struct gyre_stream *stream)
{
	set_state(stream, GYRE__STREAM_CLOSED);
	gyre__loop_cancel_batch_end(stream->loop, &stream->settle);
	gyre__loop_remove_dependent(&stream->dependent);
	gyre__patience_stop(stream);
}

void
gyre__stream_leave(struct gyre_stream *stream)
{
	untie(stream);
	stream->moved = true;
	gyre__loop_count_connection(stream->loop, -1);
	gyre_loop_remove_handler(stream->loop, stream->fd);
	stream->fd = -1;
	gyre__stream_do_later(stream);
}

void
gyre__stream_end(struct gyre_stream *stream, int error)
{
	untie(stream);
	stream->error = error;
	if (stream->connect != NULL)
		gyre__connect_give_up(stream->connect, error);
	stream->connect = NULL;
	gyre__lent_end(stream, error);
	if (stream->fd >= 0)
		close_fd(stream);
	if (stream->limit != NULL)
		gyre_limit_leave(stream->limit);
	gyre__stream_do_later(stream);
}

/* The loop is closing and the stream has not been closed. */
static void
close_with_loop(struct gyre__dependent *dependent)
{
	struct gyre_stream *stream =
		(struct gyre_stream *)((char *)dependent -
				       offsetof(struct gyre_stream, dependent));

	gyre__stream_end(stream, -ESHUTDOWN);
}

/* -- later ---------------------------------------------------------------- */

static struct gyre_stream *
stream_of(struct gyre_task *later)
{
	return (struct gyre_stream *)((char *)later -
				      offsetof(struct gyre_stream, later));
}

/* Whether there is something to read that the poller does not know of. */
static bool
has_more(const struct gyre_stream *stream)
{
	const struct gyre_transport *transport = stream->transport;

	return transport != NULL && transport->ops->has_more != NULL &&
	       (gyre__stream_wants_input(stream) ||
		gyre__stream_is_idle(stream)) &&
	       transport->ops->has_more(transport);
}

/* There may be something to read; false: nothing is wanted. */
static bool
take_in(struct gyre_stream *stream)
{
	if (!gyre__stream_wants_input(stream))
		return gyre__stream_look(stream);
	gyre__stream_read(stream);
	return true;
}

static void
later_run(struct gyre_task *task)
{
	struct gyre_stream *stream = stream_of(task);

	stream->later_posted = false;
	gyre__lent_release(stream);
	if (stream->state != GYRE__STREAM_OPEN &&
	    gyre__pull_is_waiting(stream)) {
		gyre__pull_complete(stream);
		/* on_close comes after those who wait for a future */
		gyre__stream_do_later(stream);
		return;
	}
	if (stream->state == GYRE__STREAM_CLOSED) {
		finish(stream);
		return;
	}
	if (stream->end_due && stream->state == GYRE__STREAM_OPEN)
		gyre__stream_tell_end(stream);
	if (stream->drain_due && stream->state == GYRE__STREAM_OPEN) {
		stream->drain_due = false;
		if (stream->ops.on_drain != NULL)
			stream->ops.on_drain(stream, stream->arg);
	}
	if (stream->hand_out_due)
		gyre__stream_hand_out(stream);
	if (stream->connect != NULL)
		gyre__connect_go_on(stream->connect);
	else if (has_more(stream))
		take_in(stream);
	gyre__stream_touch(stream);
}

/* The loop is closing; on_close comes all the same. */
static void
later_drop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct gyre_stream *stream = stream_of(task);

	(void)reason;
	stream->later_posted = false;
	if (stream->state == GYRE__STREAM_CLOSED)
		finish(stream);
}

void
gyre__stream_do_later(struct gyre_stream *stream)
{
	int status;

	if (stream->later_posted)
		return;
	/* It needs no memory, and no stream outlives its loop. */
	status = gyre__send_task(gyre_loop_inbox(stream->loop), &stream->later);
	GYRE_INSIST(status == 0);
	stream->later_posted = true;
}

/* -- events --------------------------------------------------------------- */

void
gyre__stream_watch(struct gyre_stream *stream, unsigned events)
{
	int status;

	if (stream->interest == events)
		return;
	status = gyre_loop_update_handler(stream->loop, stream->fd, events);
	if (status < 0)
		gyre__stream_end(stream, status);
	else
		stream->interest = events;
}

static void
on_event(int fd, unsigned events, void *arg)
{
	struct gyre_stream *stream = arg;

	(void)fd;
	if (stream->connect != NULL) {
		gyre__connect_go_on(stream->connect);
		return;
	}
	if ((events & (GYRE_WRITE | GYRE_ERROR)) != 0)
		stream->blocked = false;
	/* If nothing is wanted of the peer now, a hang-up is told of once,
	 * until there is something to read or write again. */
	if ((events & (GYRE_READ | GYRE_ERROR)) != 0 && !take_in(stream))
		gyre__stream_watch(stream, stream->interest & ~GYRE_READ);
	gyre__stream_touch(stream);
}

/* -- settling ------------------------------------------------------------- */

void
gyre__stream_touch(struct gyre_stream *stream)
{
	if (stream->state != GYRE__STREAM_CLOSED)
		gyre__loop_at_batch_end(stream->loop, &stream->settle);
}

/* Closing over unread input would reset the connection, and with it what has
 * left but not arrived. */
static void
end_gently(struct gyre_stream *stream)
{
	if (!stream->ended && stream->fd >= 0)
		gyre__stream_discard(stream);
	gyre__stream_end(stream, 0);
}

static bool
has_finish(const struct gyre_stream *stream)
{
	return gyre__stream_carry(stream)->finish != NULL;
}

/* Tell the peer of the end, where the socket's is not enough; whether it has
 * been told. */
static bool
finish_output(struct gyre_stream *stream)
{
	struct gyre_transport *transport = stream->transport;

	if (!has_finish(stream) || stream->shut)
		return true;
	stream->blocked = transport->ops->finish(transport, stream) == -EAGAIN;
	return !stream->blocked;
}

/* All has left: half-close or close, if that is what it was waiting for. */
static void
end_output(struct gyre_stream *stream)
{
	if (stream->state == GYRE__STREAM_FLUSHING) {
		if (finish_output(stream))
			end_gently(stream);
		return;
	}
	/* A socket that cannot be shut down is gone; reading tells why. */
	if (stream->ending && !stream->shut && finish_output(stream)) {
		stream->sys->shutdown(stream->fd, SHUT_WR);
		stream->shut = true;
	}
	if (stream->shut && stream->ended)
		gyre__stream_end(stream, 0);
}

static unsigned
wanted(const struct gyre_stream *stream)
{
	unsigned events = GYRE_NONE;

	if (stream->blocked)
		events |= GYRE_WRITE;
	if (gyre__stream_wants_input(stream) || gyre__stream_is_idle(stream))
		events |= GYRE_READ;
	else if (stream->state == GYRE__STREAM_OPEN && !stream->ended)
		events |= stream->interest & GYRE_READ;
	return events;
}

static void
settle(struct gyre__batch_end *end)
{
	struct gyre_stream *stream =
		(struct gyre_stream *)((char *)end -
				       offsetof(struct gyre_stream, settle));
	int status = 0;

	if (stream->connect != NULL)
		return;
	if (!stream->blocked && gyre__stream_pending(stream) > 0)
		status = gyre__stream_send(stream);
	if (status < 0) {
		gyre__stream_end(stream, status);
		return;
	}
	gyre__stream_note_drain(stream);
	if (!stream->blocked && gyre__stream_pending(stream) == 0)
		end_output(stream);
	if (has_more(stream))
		gyre__stream_do_later(stream);
	if (stream->state != GYRE__STREAM_CLOSED)
		gyre__stream_watch(stream, wanted(stream));
}

/* -- public --------------------------------------------------------------- */

static size_t
or_default(size_t value, size_t fallback)
{
	return value != 0 ? value : fallback;
}

static void
set_options(struct gyre_stream *stream,
	    const struct gyre_stream_options *options)
{
	stream->read_max_bytes =
		or_default(options->read_max_bytes, READ_MAX_DEFAULT);
	stream->write_high_bytes =
		or_default(options->write_high_bytes, WRITE_HIGH_DEFAULT);
	stream->write_max_bytes =
		or_default(options->write_max_bytes, SIZE_MAX);
	stream->no_delay = options->no_delay;
	stream->keepalive_s = gyre__socket_keepalive_s(options->keepalive_ns);
	stream->limit = options->limit;
	stream->patience.idle_ns = options->idle_ns;
	stream->transport = options->transport;
}

static void
flush_and_close(struct gyre_stream *stream)
{
	set_state(stream, GYRE__STREAM_FLUSHING);
	if (gyre__pull_is_waiting(stream))
		gyre__stream_do_later(stream);
	gyre__stream_touch(stream);
}

struct gyre_stream *
gyre__stream_new(struct gyre_loop *loop,
		 const struct gyre_stream_options *options,
		 const struct gyre_stream_ops *ops, void *arg)
{
	const struct gyre_sys *sys = gyre__loop_sys(loop);
	struct gyre_stream *stream = gyre__allocate(sys, sizeof(*stream), 0);

	if (stream == NULL)
		return NULL;
	stream->loop = loop;
	stream->sys = sys;
	stream->ops = *ops;
	stream->arg = arg;
	set_options(stream, options);
	stream->fd = -1;
	stream->later.run = later_run;
	stream->later.drop = later_drop;
	stream->settle.run = settle;
	stream->dependent.close = close_with_loop;
	return stream;
}

int
gyre__stream_adopt(struct gyre_stream *stream, int fd)
{
	int status = gyre_loop_add_handler(stream->loop, fd, GYRE_READ,
					   on_event, stream);

	if (status < 0)
		return status;
	status = gyre__patience_start(stream);
	if (status < 0) {
		gyre_loop_remove_handler(stream->loop, fd);
		return status;
	}
	stream->fd = fd;
	stream->interest = GYRE_READ;
	gyre__loop_count_connection(stream->loop, 1);
	gyre__socket_tune(stream->sys, fd, stream->no_delay,
			  stream->keepalive_s);
	return 0;
}

/* Give it its descriptor, and whatever it needs to be established. */
static int
open_with(struct gyre_stream *stream, int fd)
{
	int status = 0;

	if (gyre__stream_carry(stream)->establish != NULL)
		status = gyre__connect_establish(stream);
	if (status < 0)
		return status;
	status = gyre__stream_adopt(stream, fd);
	if (status < 0 && stream->connect != NULL)
		gyre__connect_give_up(stream->connect, status);
	return status;
}

int
gyre_stream_open(struct gyre_loop *loop, int fd,
		 const struct gyre_stream_options *options,
		 const struct gyre_stream_ops *ops, void *arg,
		 struct gyre_stream **ret_stream)
{
	static const struct gyre_stream_options defaults = { .no_delay =
								     false };
	struct gyre_stream *stream;
	int status;

	GYRE_REQUIRE(ops != NULL);
	stream = gyre__stream_new(loop, options != NULL ? options : &defaults,
				  ops, arg);
	if (stream == NULL)
		return -ENOMEM;
	status = open_with(stream, fd);
	if (status < 0) {
		stream->sys->release(stream);
		return status;
	}
	gyre__loop_add_dependent(loop, &stream->dependent);
	if (stream->connect != NULL)
		gyre__stream_do_later(stream);
	*ret_stream = stream;
	return 0;
}

void
gyre_stream_pause(struct gyre_stream *stream)
{
	gyre__loop_require_owner(stream->loop);
	stream->paused = true;
}

void
gyre_stream_resume(struct gyre_stream *stream)
{
	gyre__loop_require_owner(stream->loop);
	if (stream->state != GYRE__STREAM_OPEN)
		return;
	stream->paused = false;
	if (gyre__buffer_length(&stream->input) > 0 || stream->ended) {
		stream->hand_out_due = true;
		gyre__stream_do_later(stream);
	}
	gyre__stream_touch(stream);
}

void
gyre_stream_shutdown(struct gyre_stream *stream)
{
	gyre__loop_require_owner(stream->loop);
	stream->ending = true;
	gyre__stream_touch(stream);
}

void
gyre_stream_close(struct gyre_stream *stream, bool flush)
{
	bool unfinished =
		has_finish(stream) && !stream->shut && stream->connect == NULL;
	bool pending = unfinished || gyre__stream_pending(stream) > 0;

	gyre__loop_require_owner(stream->loop);
	if (stream->state == GYRE__STREAM_CLOSED)
		return;
	if (!flush)
		gyre__stream_end(stream, 0);
	else if (!pending)
		end_gently(stream);
	else if (stream->state == GYRE__STREAM_OPEN)
		flush_and_close(stream);
}

int
gyre_stream_fd(const struct gyre_stream *stream)
{
	gyre__loop_require_owner(stream->loop);
	return stream->fd;
}

void
gyre_stream_get_stats(const struct gyre_stream *stream,
		      struct gyre_stream_stats *ret_stats)
{
	gyre__loop_require_owner(stream->loop);
	*ret_stats = (struct gyre_stream_stats){
		.read_bytes = stream->read_bytes,
		.written_bytes = stream->written_bytes,
		.pending_bytes = gyre__stream_pending(stream),
		.unread_bytes = gyre__pull_unread(stream),
	};
}
