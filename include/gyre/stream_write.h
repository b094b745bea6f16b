/*
 * Writes of several parts, of bytes that are not copied, and how to know that
 * all has left.
 *
 * Whatever is written leaves in the order of the calls, at the end of the batch
 * in as few system calls as possible. A message is the stream's from the call
 * until its release, which comes once the kernel has taken its last byte, or
 * the stream has closed: for values that are large, shared or kept elsewhere.
 *
 *     struct gyre_message page = { mapped, mapped_bytes, unmap };
 *     status = gyre_stream_write(stream, header, header_bytes);
 *     if (status == 0)
 *             status = gyre_stream_write_message(stream, &page);
 */
#ifndef GYRE_STREAM_WRITE_H
#define GYRE_STREAM_WRITE_H

#include <gyre/base.h>
#include <gyre/future.h>
#include <gyre/net.h>
#include <gyre/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Write several parts as gyre_stream_write() would their sum: all are copied,
 * or none is.
 *
 * Thread: owner
 * Blocks: never
 * Errors: as for gyre_stream_write()
 */
GYRE_API int gyre_stream_writev(struct gyre_stream *stream,
				const struct gyre_bytes *parts, size_t count);

/*
 * Write a message without copying it. Its data must not change until its
 * release, which comes in a later callback of the stream's and before on_close,
 * and may do what on_drain may. Each costs an allocation: what has less than a
 * few hundred bytes is better copied. Counts as what gyre_stream_write() takes
 * does.
 *
 * Thread: owner
 * Owns:   on 0 the stream, until release; on error still the caller
 * Blocks: never
 * Errors: as for gyre_stream_write()
 */
GYRE_API int gyre_stream_write_message(struct gyre_stream *stream,
				       const struct gyre_message *message);

/*
 * Return a future that is resolved with NULL once the kernel has taken all that
 * was written before this call, or rejected when the stream closes first: with
 * on_close's error, or -EPIPE if there is none. An error that nobody looks at
 * is not reported: on_close tells it too.
 *
 * Thread: owner
 * Owns:   the caller gets one reference to the future
 * Errors: NULL no memory, or the loop is closed
 */
GYRE_API struct gyre_future *gyre_stream_flush_future(
	struct gyre_stream *stream) GYRE_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
