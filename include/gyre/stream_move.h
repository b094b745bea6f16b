/*
 * Streams that move from one loop to another.
 *
 * gyre_stream_detach() makes a thing of a stream that belongs to no loop: the
 * descriptor, what was read and not used, what was written and has not left,
 * its options and its place in a limit. It may travel in a task, and
 * gyre_stream_attach() makes a stream of it where it arrives. The peer notices
 * nothing, and no byte is lost or comes twice.
 *
 *     static void arrive(struct gyre_task *task)       // on the other loop
 *     {
 *             struct move *move = (struct move *)task;
 *             if (gyre_stream_attach(gyre_loop_current(false), move->detached,
 *                                    &ops, move, &move->stream) < 0)
 *                     gyre_detached_free(move->detached);
 *     }
 */
#ifndef GYRE_STREAM_MOVE_H
#define GYRE_STREAM_MOVE_H

#include <gyre/base.h>
#include <gyre/net.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_detached;

/*
 * Take a stream off its loop. It is gone when this returns: none of its
 * callbacks comes any more, not even on_close. May be called from them.
 *
 * Within on_read, `used` says how much of what that was called with is used:
 * the rest goes along, and what on_read then returns is not looked at.
 * Elsewhere it is 0. A deadline stays behind, an idle time begins anew where it
 * arrives.
 *
 * Thread: owner
 * Owns:   on 0 the stream is gone, and the caller gets what was made of it; on
 *         error nothing has changed
 * Errors: -EPIPE the stream is not connected, or it or its peer has ended, or
 *         begun to; -EBUSY a read waits or has its callback on the stack, or a
 *         message or future of gyre_stream_write_message() or
 *         gyre_stream_flush_future() does; -ENOTSUP it has a transport, such
 *         as TLS; -ENOMEM
 */
GYRE_API int gyre_stream_detach(struct gyre_stream *stream, size_t used,
				struct gyre_detached **ret_detached)
	GYRE_MUST_CHECK;

/*
 * Make a stream of a detached one, on this loop. What is unread is handed out,
 * or may be asked for, in a later callback, before what comes then.
 *
 * Thread: owner
 * Owns:   on 0 the stream, as for gyre_stream_open(); on error it is still the
 *         caller's
 * Errors: -ESHUTDOWN; -EEXIST; -ENOMEM
 */
GYRE_API int gyre_stream_attach(
	struct gyre_loop *loop, struct gyre_detached *detached,
	const struct gyre_stream_ops *ops, void *arg,
	struct gyre_stream **ret_stream) GYRE_MUST_CHECK;

/*
 * Return what was read and not used, to decide by; valid until it is attached
 * or freed.
 *
 * Thread: any, who has it
 */
GYRE_API struct gyre_bytes gyre_detached_unread(
	const struct gyre_detached *detached);

/*
 * Close the connection of a detached stream that arrives nowhere, and give its
 * place back. What was written and has not left is lost. NULL is a no-op.
 *
 * Thread: any, who has it
 */
GYRE_API void gyre_detached_free(struct gyre_detached *detached);

#ifdef __cplusplus
}
#endif

#endif
