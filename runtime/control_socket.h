/*
 * The control socket: where another process of the same user asks what this
 * one is doing. docs/gyre-top.md has the protocol.
 */
#ifndef GYRE_RUNTIME_CONTROL_SOCKET_H
#define GYRE_RUNTIME_CONTROL_SOCKET_H

#include <gyre/runtime.h>

struct gyre__control_socket;

/*
 * Listen at a path, or without one where GYRE_CONTROL says; without that too
 * *ret is NULL. 0, or a negative errno, with a line that says why; a path of
 * GYRE_CONTROL's that can't be had is a warning. The starter.
 */
int gyre__control_socket_open(struct gyre_runtime *runtime, const char *path,
			      struct gyre__control_socket **ret);

/* Make the thread that answers: 0 or a negative errno, with a line. NULL is a
 * no-op. The runtime has started. */
int gyre__control_socket_start(struct gyre__control_socket *control);

/* End the thread, hang up, take the path away, free it. NULL is a no-op. */
void gyre__control_socket_close(struct gyre__control_socket *control);

/* Answer one line without its end: the text, the caller's to release, or
 * NULL: no memory. *ret_ends: it has no end of its own. Any thread. */
char *gyre__control_answer(struct gyre_runtime *runtime, const char *request,
			   size_t *ret_length, bool *ret_ends);

#endif
