/*
 * The copied bytes are one buffer; a message knows how many of them leave
 * between the one before it and itself. So a stream that only copies, as most
 * do, has one buffer and one send, and nothing here is looked at.
 *
 * Rejected: a chain of segments, of which each write is one or more.
 */
#include "net/lent.h"

#include "base/check.h"
#include "base/sys.h"
#include "net/stream.h"

#include <errno.h>

static void
append(struct gyre__lent_list *list, struct gyre__lent *lent)
{
	lent->next = NULL;
	if (list->oldest == NULL)
		list->oldest = lent;
	else
		list->newest->next = lent;
	list->newest = lent;
}

static struct gyre__lent *
pop(struct gyre__lent_list *list)
{
	struct gyre__lent *oldest = list->oldest;

	if (oldest != NULL)
		list->oldest = oldest->next;
	return oldest;
}

/* -- adding ---------------------------------------------------------------- */

static struct gyre__lent *
add(struct gyre_stream *stream)
{
	struct gyre__lending *lending = &stream->lending;
	struct gyre__lent *lent = gyre__allocate(stream->sys, sizeof(*lent), 0);

	if (lent == NULL)
		return NULL;
	lent->before = gyre__buffer_length(&stream->output) - lending->before;
	lending->before += lent->before;
	append(&lending->waiting, lent);
	return lent;
}

int
gyre__lent_add_message(struct gyre_stream *stream,
		       const struct gyre_message *message)
{
	struct gyre__lent *lent = add(stream);

	if (lent == NULL)
		return -ENOMEM;
	lent->message = *message;
	lent->left = message->size;
	stream->lending.left += message->size;
	return 0;
}

int
gyre__lent_add_mark(struct gyre_stream *stream, struct gyre_future *future)
{
	struct gyre__lent *lent = add(stream);

	if (lent == NULL)
		return -ENOMEM;
	lent->future = gyre_future_ref(future);
	return 0;
}

/* -- leaving ----------------------------------------------------------------
 */

static size_t
put(struct gyre_bytes *part, const unsigned char *data, size_t length)
{
	*part = (struct gyre_bytes){ data, length };
	return length > 0;
}

size_t
gyre__lent_gather(const struct gyre_stream *stream, struct gyre_bytes *parts,
		  size_t max)
{
	const struct gyre__lending *lending = &stream->lending;
	const unsigned char *copied = gyre__buffer_bytes(&stream->output);
	size_t count = 0;

	for (const struct gyre__lent *lent = lending->waiting.oldest;
	     lent != NULL && count + 2 < max; lent = lent->next) {
		const unsigned char *data = lent->message.data;
		size_t sent = lent->message.size - lent->left;

		count += put(&parts[count], copied, lent->before);
		if (lent->before > 0)
			copied += lent->before;
		if (lent->left > 0)
			count += put(&parts[count], data + sent, lent->left);
		if (lent->next == NULL)
			count += put(&parts[count], copied,
				     gyre__buffer_length(&stream->output) -
					     lending->before);
	}
	return count;
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Take off the front what has left; whether all of it has. */
static bool
take(struct gyre_stream *stream, struct gyre__lent *lent, size_t *length)
{
	size_t copied = smaller(*length, lent->before);
	size_t own = smaller(*length - copied, lent->left);

	gyre__buffer_consume(&stream->output, &stream->loop->spares, copied);
	lent->before -= copied;
	lent->left -= own;
	stream->lending.before -= copied;
	stream->lending.left -= own;
	*length -= copied + own;
	return lent->before == 0 && lent->left == 0;
}

void
gyre__lent_consume(struct gyre_stream *stream, size_t length)
{
	struct gyre__lending *lending = &stream->lending;

	while (lending->waiting.oldest != NULL) {
		if (!take(stream, lending->waiting.oldest, &length))
			break;
		append(&lending->done, pop(&lending->waiting));
		gyre__stream_do_later(stream);
	}
	if (length > 0)
		gyre__buffer_consume(&stream->output, &stream->loop->spares,
				     length);
}

/* -- ends -------------------------------------------------------------------
 */

void
gyre__lent_end(struct gyre_stream *stream, int error)
{
	struct gyre__lending *lending = &stream->lending;
	struct gyre__lent *lent;

	while ((lent = pop(&lending->waiting)) != NULL) {
		lent->error = error != 0 ? error : -EPIPE;
		append(&lending->done, lent);
	}
	lending->before = 0;
	lending->left = 0;
}

static void
complete(struct gyre_future *future, int error)
{
	if (error == 0)
		(void)gyre_future_resolve(future, NULL);
	else if (gyre_future_reject(future, error,
				    "the stream ended before all had left") ==
		 0)
		(void)gyre_future_result(future, NULL);
	gyre_future_unref(future);
}

void
gyre__lent_release(struct gyre_stream *stream)
{
	struct gyre__lent *lent;

	while ((lent = pop(&stream->lending.done)) != NULL) {
		struct gyre_message message = lent->message;

		if (lent->future != NULL)
			complete(lent->future, lent->error);
		stream->sys->release(lent);
		if (message.release != NULL)
			message.release(message.data);
	}
}
