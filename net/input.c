/*
 * The way in: from the socket to on_read.
 *
 * Bytes are read into an area on the stack and handed out from there; only
 * what on_read leaves is kept, so an idle stream holds no read buffer. A
 * stream that keeps much (a large value that is not complete) is read into
 * its buffer directly.
 */
#include "net/stream.h"

#include "base/check.h"
#include "base/exception.h"
#include "base/fork.h"
#include "base/sys.h"

#include <errno.h>

#define SCRATCH_BYTES 16384u
/* One stream's share of an iteration: 256 KiB, or so many calls. */
#define READS_PER_EVENT     16
#define HAND_OUTS_PER_EVENT 256

/* Whether the user asks for what is read. */
static bool
is_pull(const struct gyre_stream *stream)
{
	return stream->ops.on_read == NULL;
}

/* Who asks knows why: a peer may send first and read then. */
bool
gyre__stream_may_hand_out(const struct gyre_stream *stream)
{
	/* In a fork the peer's bytes are for the parent. */
	return stream->state == GYRE__STREAM_OPEN && !stream->paused &&
	       (!stream->full || is_pull(stream)) &&
	       !gyre__is_fork(stream->loop->forks);
}

bool
gyre__stream_wants_input(const struct gyre_stream *stream)
{
	return gyre__stream_may_hand_out(stream) && !stream->ended &&
	       gyre__buffer_length(&stream->input) < stream->read_max_bytes &&
	       (!is_pull(stream) || gyre__pull_is_waiting(stream));
}

/*
 * Hand bytes out for as long as some are used; returns how many were. After
 * its share, or after a raise (the loop reports one at a time), it goes on in
 * a later iteration.
 */
static size_t
push(struct gyre_stream *stream, const unsigned char *data, size_t length)
{
	size_t done = 0;
	size_t used = 1;
	int turn = 0;

	while (done < length && used > 0 && gyre__stream_may_hand_out(stream)) {
		const struct gyre_bytes handed = { data + done, length - done };

		if (turn++ == HAND_OUTS_PER_EVENT || gyre__raised()) {
			stream->hand_out_due = true;
			gyre__stream_do_later(stream);
			break;
		}
		stream->handed = &handed;
		used = stream->ops.on_read(stream, handed.data, handed.length,
					   stream->arg);
		stream->handed = NULL;
		if (stream->moved)
			return 0; /* what was not used has gone along */
		GYRE_REQUIRE(used <= length - done);
		done += used;
	}
	return done;
}

/* `kept`: they are the input's. */
static size_t
offer(struct gyre_stream *stream, const unsigned char *data, size_t length,
      bool kept)
{
	return is_pull(stream) ? gyre__pull_offer(stream, data, length, kept)
			       : push(stream, data, length);
}

void
gyre__stream_hand_out(struct gyre_stream *stream)
{
	size_t used;

	stream->hand_out_due = false;
	used = offer(stream, gyre__buffer_bytes(&stream->input),
		     gyre__buffer_length(&stream->input), true);
	gyre__buffer_consume(&stream->input, &stream->loop->spares, used);
}

/* Keep what was read and not used; of a stream that is closed, if somebody
 * waits who may still get it. */
static void
keep(struct gyre_stream *stream, const unsigned char *data, size_t length)
{
	bool open = stream->state == GYRE__STREAM_OPEN;

	if (!open && !gyre__pull_is_waiting(stream))
		return;
	if (gyre__buffer_append(&stream->input, &stream->loop->spares, data,
				length) == 0)
		return;
	stream->pull.searched = 0; /* that was in what is lost */
	if (open)
		gyre__stream_end(stream, -ENOMEM);
}

void
gyre__stream_tell_end(struct gyre_stream *stream)
{
	stream->end_due = false;
	if (stream->ops.on_end != NULL)
		stream->ops.on_end(stream, stream->arg);
	else
		gyre_stream_close(stream, true);
}

/* Whoever waits for bytes hears of it first; by future, in a callback that is
 * to come. */
static void
come_to_end(struct gyre_stream *stream)
{
	bool by_future = gyre__pull_waits_by_future(stream);

	stream->ended = true;
	if (gyre__pull_is_waiting(stream))
		gyre__pull_complete(stream);
	if (stream->state != GYRE__STREAM_OPEN)
		return;
	if (!by_future && !gyre__raised()) {
		gyre__stream_tell_end(stream);
		return;
	}
	stream->end_due = true;
	gyre__stream_do_later(stream);
}

static ptrdiff_t
receive(struct gyre_stream *stream, void *data, size_t size, bool peek)
{
	return gyre__stream_carry(stream)->recv(stream->transport, stream, data,
						size, peek);
}

/* Look at what recv said; whether there are bytes. */
static bool
received(struct gyre_stream *stream, ptrdiff_t length)
{
	if (length > 0) {
		stream->read_bytes += (uint64_t)length;
		return true;
	}
	if (length == 0)
		come_to_end(stream);
	else if (length != -EAGAIN)
		gyre__stream_end(stream, (int)length);
	return false;
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Read behind much that is unread; whether there may be more to read. */
static bool
read_directly(struct gyre_stream *stream)
{
	struct gyre__buffer *input = &stream->input;
	void *room = gyre__buffer_reserve(input, &stream->loop->spares,
					  SCRATCH_BYTES);
	size_t size;
	ptrdiff_t length;

	if (room == NULL) {
		gyre__stream_end(stream, -ENOMEM);
		return false;
	}
	size = smaller(gyre__buffer_room(input),
		       stream->read_max_bytes - gyre__buffer_length(input));
	length = receive(stream, room, size, false);
	if (!received(stream, length))
		return false;
	gyre__buffer_fill(input, (size_t)length);
	gyre__stream_hand_out(stream);
	return (size_t)length == size;
}

/* Read by way of the scratch area; whether there may be more to read. */
static bool
read_once(struct gyre_stream *stream, unsigned char *scratch)
{
	size_t unread = gyre__buffer_length(&stream->input);
	size_t size = smaller(SCRATCH_BYTES, stream->read_max_bytes - unread);
	size_t used;
	ptrdiff_t length = receive(stream, scratch, size, false);

	if (!received(stream, length))
		return false;
	used = unread == 0 ? offer(stream, scratch, (size_t)length, false) : 0;
	keep(stream, scratch + used, (size_t)length - used);
	if (unread > 0 || gyre__pull_waits_by_future(stream))
		gyre__stream_hand_out(stream);
	return (size_t)length == size;
}

void
gyre__stream_read(struct gyre_stream *stream)
{
	unsigned char scratch[SCRATCH_BYTES];
	bool more = true;

	/* What is to be handed out again comes first, in its callback. */
	for (int turn = 0; more && turn < READS_PER_EVENT; turn++) {
		if (!gyre__stream_wants_input(stream) || stream->hand_out_due ||
		    gyre__raised())
			break;
		if (gyre__buffer_length(&stream->input) < SCRATCH_BYTES)
			more = read_once(stream, scratch);
		else
			more = read_directly(stream);
	}
}

bool
gyre__stream_is_idle(const struct gyre_stream *stream)
{
	return is_pull(stream) && stream->state == GYRE__STREAM_OPEN &&
	       !stream->paused && !stream->ended && !stream->pull.neglected &&
	       gyre__pull_unread(stream) == 0;
}

/* What is there stays in the kernel: the bytes of a future, which are taken but
 * may be looked at, must not move. */
bool
gyre__stream_look(struct gyre_stream *stream)
{
	unsigned char byte;
	ptrdiff_t length;

	if (!gyre__stream_is_idle(stream))
		return false;
	length = receive(stream, &byte, 1, true);
	stream->pull.neglected = length > 0;
	if (length <= 0)
		(void)received(stream, length);
	return length <= 0;
}

/* From the socket: what it means does not matter any more. */
void
gyre__stream_discard(struct gyre_stream *stream)
{
	unsigned char scratch[SCRATCH_BYTES];
	ssize_t length = 1;

	for (int turn = 0; length > 0 && turn < READS_PER_EVENT; turn++)
		length = stream->sys->recv(stream->fd, scratch, sizeof(scratch),
					   MSG_DONTWAIT);
}
