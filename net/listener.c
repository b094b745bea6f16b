/*
 * A listener's life: it begins to listen, is watched, closes its port.
 *
 * Owned by the loop's owner, like everything here. A listener may be closed in
 * its own callback, so closing only marks it then and whoever called on_accept
 * finishes the work.
 */
#include "net/listener.h"

#include "base/check.h"
#include "base/fork.h"
#include "base/log.h"
#include "base/sys.h"
#include "net/address.h"
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define BACKLOG_DEFAULT 511
#define BACKLOG_MAX     65535

const char *
gyre__listener_place(const struct gyre_listener *listener,
		     char text[GYRE__PLACE_MAX])
{
	if (listener->port != 0)
		snprintf(text, GYRE__PLACE_MAX, "port %u", listener->port);
	else if (listener->local.address.sun_path[0] != '\0')
		snprintf(text, GYRE__PLACE_MAX, "%s",
			 listener->local.address.sun_path);
	else
		snprintf(text, GYRE__PLACE_MAX, "descriptor %d", listener->fd);
	return text;
}

/* -- closing --------------------------------------------------------------- */

/* Nobody can connect any more. */
static void
close_port(struct gyre_listener *listener)
{
	gyre_loop_remove_timeout(listener->loop, listener->retry);
	gyre_loop_remove_handler(listener->loop, listener->fd);
	/* A child's copy is not the one that clients reach there. */
	if (!gyre__is_fork(listener->loop->forks) && listener->handed_over == 0)
		gyre__local_remove(listener->sys, &listener->local);
	if (listener->reserve >= 0)
		listener->sys->close(listener->reserve);
	listener->sys->close(listener->fd);
	listener->fd = -1;
}

static void
release(struct gyre_listener *listener)
{
	gyre__spread_unref(listener->spread);
	listener->sys->release(listener);
}

static void
end(struct gyre_listener *listener)
{
	gyre__loop_remove_dependent(&listener->dependent);
	if (listener->fd >= 0)
		close_port(listener);
	release(listener);
}

static struct gyre_listener *
of_dependent(struct gyre__dependent *dependent)
{
	return (struct gyre_listener *)((char *)dependent -
					offsetof(struct gyre_listener,
						 dependent));
}

/* The loop is closing: nobody could do anything with the clients in the
 * queue. */
static void
close_with_loop(struct gyre__dependent *dependent)
{
	end(of_dependent(dependent));
}

/* Take what is queued, so that no client is lost; if the queue is another's
 * too, it is for that one. */
static void
empty_queue(struct gyre_listener *listener)
{
	int error = 0;
	char text[GYRE__PLACE_MAX];

	if (listener->handed_over == 0)
		error = gyre__listener_empty(listener);
	if (error != 0)
		gyre__log(&listener->log, GYRE_LOG_WARN,
			  "%s was closed with clients in its queue: %s",
			  gyre__listener_place(listener, text),
			  gyre_error_name(-error));
}

void
gyre__listener_finish(struct gyre_listener *listener)
{
	if (listener->fd >= 0)
		empty_queue(listener);
	end(listener);
}

/* The loop takes no more from outside; the listener stays its user's. */
static void
quiet(struct gyre__dependent *dependent)
{
	struct gyre_listener *listener = of_dependent(dependent);

	empty_queue(listener);
	if (listener->closing)
		end(listener);
	else
		close_port(listener);
}

/* -- opening --------------------------------------------------------------- */

static int
refuse_options(const struct gyre_listener *listener, const char *why)
{
	gyre__log(&listener->log, GYRE_LOG_ERROR, "cannot listen %s", why);
	return -EINVAL;
}

int
gyre__listener_backlog(const struct gyre_listener_options *options)
{
	if (options->fd != 0)
		return BACKLOG_MAX; /* whatever it is, no more */
	if (options->backlog <= 0)
		return BACKLOG_DEFAULT;
	return options->backlog < BACKLOG_MAX ? options->backlog : BACKLOG_MAX;
}

static bool
has_address(const struct gyre_listener_options *options)
{
	return options->address != NULL || options->port != 0 ||
	       options->reuse_port;
}

static int
listen_with_fd(struct gyre_listener *listener,
	       const struct gyre_listener_options *options)
{
	struct gyre__address address;
	int status = -EINVAL;

	if (has_address(options) || options->path != NULL)
		return refuse_options(listener, "with a descriptor: an address "
						"or a path is given too");
	status = gyre__socket_inherit(listener->sys, options->fd, &address);
	if (status < 0) {
		gyre__log(&listener->log, GYRE_LOG_ERROR,
			  "cannot listen with descriptor %d: %s", options->fd,
			  status == -EINVAL ? "it does not listen for streams"
					    : gyre_error_name(status));
		return status;
	}
	if (address.storage.ss_family != AF_UNIX)
		listener->port = gyre__address_port(&address);
	return options->fd;
}

static int
listen_at_path(struct gyre_listener *listener,
	       const struct gyre_listener_options *options)
{
	mode_t mode =
		options->mode != 0 ? (mode_t)options->mode : S_IRUSR | S_IWUSR;
	char why[GYRE__LOCAL_WHY_MAX] = "an address or a port is given too";
	int status = -EINVAL;

	if (!has_address(options))
		status = gyre__local_listen(listener->sys, options->path, mode,
					    listener->backlog, &listener->local,
					    why);
	if (status < 0)
		gyre__log(&listener->log, GYRE_LOG_ERROR,
			  "cannot listen at %s: %s", options->path, why);
	return status;
}

static int
listen_on_address(struct gyre_listener *listener,
		  const struct gyre_listener_options *options)
{
	struct gyre__address address;
	int fd = gyre__address_for_bind(options->address, options->port,
					&listener->log, &address);

	if (fd < 0)
		return fd;
	fd = gyre__socket_listen(listener->sys, &address, listener->backlog,
				 options->reuse_port);
	if (fd >= 0)
		listener->port = gyre__address_port(&address);
	return fd;
}

static int
make_socket(struct gyre_listener *listener,
	    const struct gyre_listener_options *options)
{
	if (options->steer)
		return refuse_options(listener, "steered, but with a socket of "
						"gyre_listener_sockets()");
	if (options->fd != 0)
		return listen_with_fd(listener, options);
	if (options->path != NULL)
		return listen_at_path(listener, options);
	return listen_on_address(listener, options);
}

/* Listen and watch; on failure nothing of it is left. */
static int
start_listening(struct gyre_listener *listener,
		const struct gyre_listener_options *options)
{
	int status = make_socket(listener, options);

	if (status < 0)
		return status;
	listener->fd = status;
	status = gyre__listener_keep_reserve(listener);
	if (status == 0)
		status = gyre_loop_add_handler(
			listener->loop, listener->fd, GYRE_READ,
			gyre__listener_on_readable, listener);
	if (status == 0)
		return 0;
	gyre__local_remove(listener->sys, &listener->local);
	if (listener->reserve >= 0)
		listener->sys->close(listener->reserve);
	if (options->fd == 0)
		listener->sys->close(listener->fd);
	return status;
}

static struct gyre_listener *
new_listener(struct gyre_loop *loop,
	     const struct gyre_listener_options *options,
	     gyre_accept_fn on_accept, void *arg)
{
	const struct gyre_sys *sys = gyre__loop_sys(loop);
	struct gyre_listener *listener =
		gyre__allocate(sys, sizeof(*listener), 0);

	if (listener == NULL)
		return NULL;
	listener->loop = loop;
	listener->sys = sys;
	listener->log = options->log;
	if (listener->log.fn == NULL)
		listener->log = *gyre__loop_log(loop);
	listener->on_accept = on_accept;
	listener->on_refuse = options->on_refuse;
	listener->arg = arg;
	listener->limit = options->limit;
	listener->backlog = gyre__listener_backlog(options);
	listener->reserve = -1;
	listener->dependent.close = close_with_loop;
	listener->dependent.quiet = quiet;
	if (options->spread == NULL)
		return listener;
	listener->spread = gyre__spread_new(options->spread, on_accept, arg,
					    options->limit);
	if (listener->spread != NULL)
		return listener;
	sys->release(listener);
	return NULL;
}

/* -- public --------------------------------------------------------------- */

int
gyre_listener_open(struct gyre_loop *loop,
		   const struct gyre_listener_options *options,
		   gyre_accept_fn on_accept, void *arg,
		   struct gyre_listener **ret_listener)
{
	static const struct gyre_listener_options defaults = { .port = 0 };
	struct gyre_listener *listener;
	int status;

	GYRE_REQUIRE(on_accept != NULL && ret_listener != NULL);
	if (options == NULL)
		options = &defaults;
	listener = new_listener(loop, options, on_accept, arg);
	if (listener == NULL)
		return -ENOMEM;
	status = start_listening(listener, options);
	if (status < 0) {
		release(listener);
		return status;
	}
	gyre__loop_add_dependent(loop, &listener->dependent);
	*ret_listener = listener;
	return 0;
}

uint16_t
gyre_listener_port(const struct gyre_listener *listener)
{
	return listener->port;
}

void
gyre_listener_close(struct gyre_listener *listener)
{
	if (listener == NULL || listener->closing)
		return;
	gyre__loop_require_owner(listener->loop);
	listener->closing = true;
	if (!listener->accepting)
		gyre__listener_finish(listener);
}

int
gyre_listener_hand_over(struct gyre_listener *listener)
{
	int fd;

	gyre__loop_require_owner(listener->loop);
	if (listener->fd < 0)
		return -ESHUTDOWN;
	fd = listener->sys->fcntl(listener->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	listener->handed_over++;
	return fd;
}

void
gyre_listener_take_back(struct gyre_listener *listener)
{
	gyre__loop_require_owner(listener->loop);
	GYRE_REQUIRE(listener->handed_over > 0);
	listener->handed_over--;
}
