/*
 * A datagram socket's life: bound, watched, settled at the end of each batch in
 * which something changed, closed, freed in a callback. All of it on the loop's
 * owner, and as a stream's.
 */
#include "net/datagram.h"

#include "base/check.h"
#include "base/log.h"
#include "base/sys.h"
#include "net/address.h"
#include "net/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define MESSAGE_MAX_DEFAULT 2048u
#define MESSAGE_MAX_LIMIT   65536u
#define BATCH_DEFAULT       32u
#define SEND_MAX_DEFAULT    ((size_t)1 << 20)

/* -- ends ----------------------------------------------------------------- */

static void
release(struct gyre_datagram *socket)
{
	socket->sys->release(socket->arrivals);
	socket->sys->release(socket);
}

/* on_close, and the socket is no more. */
static void
finish(struct gyre_datagram *socket)
{
	if (socket->ops.on_close != NULL)
		socket->ops.on_close(socket, socket->error, socket->arg);
	release(socket);
}

void
gyre__datagram_end(struct gyre_datagram *socket, int error)
{
	GYRE_INSIST(!socket->closed);
	socket->closed = true;
	socket->error = error;
	gyre__datagram_drop_output(socket);
	gyre__buffer_release(&socket->output, socket->sys);
	gyre__loop_cancel_batch_end(socket->loop, &socket->settle);
	gyre__loop_remove_dependent(&socket->dependent);
	gyre_loop_remove_timeout(socket->loop, socket->retry);
	gyre_loop_remove_handler(socket->loop, socket->fd);
	socket->sys->close(socket->fd);
	socket->fd = -1;
	gyre__datagram_do_later(socket);
}

/* The loop is closing and the socket has not been closed. */
static void
close_with_loop(struct gyre__dependent *dependent)
{
	struct gyre_datagram *socket =
		(struct gyre_datagram *)((char *)dependent -
					 offsetof(struct gyre_datagram,
						  dependent));

	gyre__datagram_end(socket, -ESHUTDOWN);
}

/* -- later ---------------------------------------------------------------- */

static struct gyre_datagram *
socket_of(struct gyre_task *later)
{
	return (struct gyre_datagram *)((char *)later -
					offsetof(struct gyre_datagram, later));
}

static void
later_run(struct gyre_task *task)
{
	struct gyre_datagram *socket = socket_of(task);
	int error = socket->error_due;

	socket->later_posted = false;
	if (socket->closed) {
		finish(socket);
		return;
	}
	socket->error_due = 0;
	if (error != 0 && socket->ops.on_error != NULL)
		socket->ops.on_error(socket, error, socket->arg);
	if (!socket->drain_due || socket->closed)
		return;
	socket->drain_due = false;
	if (socket->ops.on_drain != NULL)
		socket->ops.on_drain(socket, socket->arg);
}

/* The loop is closing; on_close comes all the same. */
static void
later_drop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct gyre_datagram *socket = socket_of(task);

	(void)reason;
	socket->later_posted = false;
	if (socket->closed)
		finish(socket);
}

void
gyre__datagram_do_later(struct gyre_datagram *socket)
{
	int status;

	if (socket->later_posted)
		return;
	/* It needs no memory, and no socket outlives its loop. */
	status = gyre__send_task(gyre_loop_inbox(socket->loop), &socket->later);
	GYRE_INSIST(status == 0);
	socket->later_posted = true;
}

/* -- events and settling --------------------------------------------------- */

/* Tell the poller, if it does not know. */
static void
watch(struct gyre_datagram *socket, unsigned events)
{
	int status;

	if (socket->interest == events)
		return;
	status = gyre_loop_update_handler(socket->loop, socket->fd, events);
	if (status < 0)
		gyre__datagram_end(socket, status);
	else
		socket->interest = events;
}

/* Nobody reads, which would tell what an event of an error is about. */
static void
look_for_error(struct gyre_datagram *socket)
{
	int error = gyre__socket_error(socket->sys, socket->fd);

	if (error != 0 && socket->ops.on_error != NULL)
		socket->ops.on_error(socket, error, socket->arg);
}

static void
on_event(int fd, unsigned events, void *arg)
{
	struct gyre_datagram *socket = arg;

	(void)fd;
	if ((events & (GYRE_WRITE | GYRE_ERROR)) != 0)
		socket->blocked = false;
	if (gyre__datagram_wants_input(socket)) {
		if ((events & (GYRE_READ | GYRE_ERROR)) != 0)
			gyre__datagram_receive(socket);
	} else if ((events & GYRE_ERROR) != 0) {
		look_for_error(socket);
	}
	gyre__datagram_touch(socket);
}

void
gyre__datagram_touch(struct gyre_datagram *socket)
{
	if (!socket->closed)
		gyre__loop_at_batch_end(socket->loop, &socket->settle);
}

static void
settle(struct gyre__batch_end *end)
{
	struct gyre_datagram *socket =
		(struct gyre_datagram *)((char *)end -
					 offsetof(struct gyre_datagram,
						  settle));
	int status = gyre__datagram_flush(socket);
	unsigned events = GYRE_NONE;

	if (status < 0) {
		gyre__datagram_end(socket, status);
		return;
	}
	if (socket->blocked)
		events |= GYRE_WRITE;
	if (gyre__datagram_wants_input(socket))
		events |= GYRE_READ;
	watch(socket, events);
}

/* -- opening --------------------------------------------------------------- */

static int
set_options(struct gyre_datagram *socket,
	    const struct gyre_datagram_options *options)
{
	socket->message_max_bytes = options->message_max_bytes != 0
					    ? options->message_max_bytes
					    : MESSAGE_MAX_DEFAULT;
	socket->batch_max =
		options->batch_max != 0 ? options->batch_max : BATCH_DEFAULT;
	socket->send_max_bytes = options->send_max_bytes != 0
					 ? options->send_max_bytes
					 : SEND_MAX_DEFAULT;
	socket->has_peer = options->peer.sockaddr != NULL;
	if (socket->message_max_bytes > MESSAGE_MAX_LIMIT ||
	    socket->batch_max > GYRE_DATAGRAM_BATCH_MAX ||
	    options->peer.length > sizeof(struct sockaddr_storage))
		return -EINVAL;
	socket->arrivals = gyre__arrivals_new(socket->sys, socket->batch_max,
					      socket->message_max_bytes);
	return socket->arrivals != NULL ? 0 : -ENOMEM;
}

/* What to bind to; none: length 0. */
static int
parse_address(const struct gyre_datagram *socket,
	      const struct gyre_datagram_options *options,
	      struct gyre__address *ret_address)
{
	*ret_address = (struct gyre__address){ .length = 0 };
	if (socket->has_peer && options->address == NULL && options->port == 0)
		return 0;
	return gyre__address_for_bind(options->address, options->port,
				      &socket->log, ret_address);
}

static int
make_socket(struct gyre_datagram *socket,
	    const struct gyre_datagram_options *options)
{
	struct gyre__address address;
	int status = parse_address(socket, options, &address);

	if (status < 0)
		return status;
	status = gyre__socket_datagram(socket->sys, &address, &options->peer,
				       options->reuse_port);
	if (status < 0)
		return status;
	socket->fd = status;
	if (address.storage.ss_family != AF_UNIX)
		socket->port = gyre__address_port(&address);
	return 0;
}

static int
start(struct gyre_datagram *socket, const struct gyre_datagram_options *options)
{
	int status = set_options(socket, options);

	if (status == 0)
		status = make_socket(socket, options);
	if (status < 0)
		return status;
	socket->interest = GYRE_READ;
	status = gyre_loop_add_handler(socket->loop, socket->fd, GYRE_READ,
				       on_event, socket);
	if (status < 0)
		socket->sys->close(socket->fd);
	return status;
}

int
gyre_datagram_open(struct gyre_loop *loop,
		   const struct gyre_datagram_options *options,
		   const struct gyre_datagram_ops *ops, void *arg,
		   struct gyre_datagram **ret_socket)
{
	static const struct gyre_datagram_options defaults = { .port = 0 };
	const struct gyre_sys *sys = gyre__loop_sys(loop);
	struct gyre_datagram *socket;
	int status;

	GYRE_REQUIRE(ops != NULL && ops->on_receive != NULL);
	if (options == NULL)
		options = &defaults;
	socket = gyre__allocate(sys, sizeof(*socket), 0);
	if (socket == NULL)
		return -ENOMEM;
	socket->loop = loop;
	socket->sys = sys;
	socket->log = options->log;
	if (socket->log.fn == NULL)
		socket->log = *gyre__loop_log(loop);
	socket->ops = *ops;
	socket->arg = arg;
	socket->fd = -1;
	socket->later.run = later_run;
	socket->later.drop = later_drop;
	socket->settle.run = settle;
	socket->dependent.close = close_with_loop;
	status = start(socket, options);
	if (status < 0) {
		release(socket);
		return status;
	}
	gyre__loop_add_dependent(loop, &socket->dependent);
	*ret_socket = socket;
	return 0;
}

/* -- public --------------------------------------------------------------- */

uint16_t
gyre_datagram_port(const struct gyre_datagram *socket)
{
	gyre__loop_require_owner(socket->loop);
	return socket->closed ? 0 : socket->port;
}

int
gyre_datagram_fd(const struct gyre_datagram *socket)
{
	gyre__loop_require_owner(socket->loop);
	return socket->fd;
}

void
gyre_datagram_pause(struct gyre_datagram *socket)
{
	gyre__loop_require_owner(socket->loop);
	socket->paused = true;
	gyre__datagram_touch(socket);
}

void
gyre_datagram_resume(struct gyre_datagram *socket)
{
	gyre__loop_require_owner(socket->loop);
	socket->paused = false;
	gyre__datagram_touch(socket);
}

void
gyre_datagram_close(struct gyre_datagram *socket)
{
	gyre__loop_require_owner(socket->loop);
	if (socket->closed)
		return;
	socket->blocked = false;
	(void)gyre__datagram_flush(socket);
	gyre__datagram_end(socket, 0);
}

void
gyre_datagram_get_stats(const struct gyre_datagram *socket,
			struct gyre_datagram_stats *ret_stats)
{
	gyre__loop_require_owner(socket->loop);
	*ret_stats = socket->stats;
	ret_stats->pending_bytes = gyre__buffer_length(&socket->output);
}
