/*
 * Accepts connections on one loop.
 *
 * Owned by the loop's owner, like everything here. Each readiness event
 * accepts a bounded number, so that a flood of clients leaves the loop to the
 * others. Out of descriptors or memory, the queue stays readable and a
 * level-triggered loop would spin: the listener stops watching and a timeout
 * tries again. (Keeping a spare descriptor to accept with and close at once
 * would turn clients away instead; several threads race for it.)
 *
 * A listener may be closed in its own callback, so closing only marks it then
 * and whoever called on_accept finishes the work.
 */
#include <gyre/net.h>

#include "base/check.h"
#include "base/exception.h"
#include "base/fork.h"
#include "base/local_socket.h"
#include "base/log.h"
#include "base/sys.h"
#include "loop/loop.h"
#include "net/address.h"
#include "net/socket.h"

#include <errno.h>
#include <stdio.h>

#define ACCEPTS_PER_EVENT 64
#define BACKLOG_DEFAULT   511
#define BACKLOG_MAX       65535
#define PLACE_MAX         16
#define RETRY_DELAY_NS    GYRE_MS(50)
/* A shortage that comes and goes gets no more lines than this. */
#define LOG_INTERVAL_NS GYRE_SECONDS(10)

struct gyre_listener {
	/* -- immutable after open -- */
	struct gyre_loop *loop;
	const struct gyre_sys *sys;
	struct gyre_log log;
	gyre_accept_fn on_accept;
	void *arg;
	int fd;
	int backlog;
	uint16_t port; /* 0: at a path */
	struct gyre__local_socket local;

	/* -- owner -- */
	struct gyre__dependent dependent;
	bool accepting; /* on_accept may be on the stack */
	bool closing;
	bool out;           /* of descriptors or memory: `retry` will try */
	gyre_timeout retry; /* 0: none is scheduled */
	int64_t quiet_until_ns;
};

enum outcome {
	ACCEPTED,
	SKIPPED, /* one connection was lost to its own error */
	EMPTY,   /* the queue is */
	OUT,     /* of descriptors, memory or something unforeseen */
};

static enum outcome
classify(int error)
{
	switch (error) {
	case EAGAIN:
#if EWOULDBLOCK != EAGAIN
	case EWOULDBLOCK:
#endif
		return EMPTY;
	case EINTR:
	case ECONNABORTED:
	case EPERM: /* a firewall said no */
	/* Linux hands the connection's own pending errors to accept. */
	case ENETDOWN:
	case EPROTO:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EOPNOTSUPP:
	case ETIMEDOUT:
#ifdef ENONET
	case ENONET:
#endif
		return SKIPPED;
	default:
		return OUT;
	}
}

static void on_retry(void *arg);

/* Where it listens, for a line of the log. */
static const char *
place(const struct gyre_listener *listener, char *text)
{
	if (listener->port == 0)
		return listener->local.address.sun_path;
	snprintf(text, PLACE_MAX, "port %u", listener->port);
	return text;
}

static void
report_shortage(struct gyre_listener *listener, int error)
{
	int64_t now_ns = gyre_loop_time(listener->loop);
	char text[PLACE_MAX];

	if (now_ns < listener->quiet_until_ns)
		return;
	listener->quiet_until_ns = now_ns + LOG_INTERVAL_NS;
	gyre__log(&listener->log, GYRE_LOG_WARN,
		  "cannot accept on %s: %s; trying again every %d ms",
		  place(listener, text), gyre_error_name(-error),
		  (int)(RETRY_DELAY_NS / GYRE_MS(1)));
}

/* Leave the queue alone for a moment. */
static void
back_off(struct gyre_listener *listener, int error)
{
	int status;

	if (!listener->out)
		report_shortage(listener, error);
	listener->out = true;
	status = gyre_loop_call_later(listener->loop, RETRY_DELAY_NS, on_retry,
				      listener, &listener->retry);
	/* No timeout to be had: keep watching, the next event tries again. */
	gyre_loop_update_handler(listener->loop, listener->fd,
				 status == 0 ? GYRE_NONE : GYRE_READ);
}

static enum outcome
accept_one(struct gyre_listener *listener, int *ret_error)
{
	int fd = listener->sys->accept(listener->fd, NULL, NULL);

	if (fd < 0) {
		*ret_error = errno;
		return classify(errno);
	}
	listener->on_accept(listener, fd, listener->arg);
	return ACCEPTED;
}

/*
 * Accept up to `max` connections, or fewer when a callback has raised, which
 * the loop then reports. Returns 0, or the error for which trying again at
 * once is of no use.
 */
static int
accept_some(struct gyre_listener *listener, int max)
{
	int error = 0;
	int skipped = 0;

	listener->accepting = true;
	for (int i = 0; i < max; i++) {
		enum outcome outcome = accept_one(listener, &error);

		if (outcome == EMPTY || outcome == OUT) {
			listener->accepting = false;
			return outcome == OUT ? error : 0;
		}
		skipped += outcome == SKIPPED;
		if (gyre__raised() && !listener->closing &&
		    !listener->dependent.is_quiet)
			break;
		/* Who waits in the queue is the parent's. */
		if (gyre__is_fork(listener->loop->forks))
			break;
	}
	listener->accepting = false;
	/* Nothing but errors: whatever it is, it is no reason to spin. */
	return skipped == max ? error : 0;
}

/* Nobody can connect any more. */
static void
close_port(struct gyre_listener *listener)
{
	gyre_loop_remove_timeout(listener->loop, listener->retry);
	gyre_loop_remove_handler(listener->loop, listener->fd);
	/* A child's copy is not the one that clients reach there. */
	if (!gyre__is_fork(listener->loop->forks))
		gyre__local_remove(listener->sys, &listener->local);
	listener->sys->close(listener->fd);
	listener->fd = -1;
}

static void
end(struct gyre_listener *listener)
{
	gyre__loop_remove_dependent(&listener->dependent);
	if (listener->fd >= 0)
		close_port(listener);
	listener->sys->release(listener);
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

/* Take what is queued, so that no client is lost. */
static void
empty_queue(struct gyre_listener *listener)
{
	/* The kernel queues one more than it was told. */
	int error = accept_some(listener, listener->backlog + 1);
	char text[PLACE_MAX];

	if (error != 0)
		gyre__log(&listener->log, GYRE_LOG_WARN,
			  "%s was closed with clients in its queue: %s",
			  place(listener, text), gyre_error_name(-error));
}

static void
finish(struct gyre_listener *listener)
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

static void
serve(struct gyre_listener *listener)
{
	int error = accept_some(listener, ACCEPTS_PER_EVENT);

	if (listener->closing) {
		finish(listener);
	} else if (error != 0) {
		back_off(listener, error);
	} else if (listener->out) {
		listener->out = false;
		gyre_loop_update_handler(listener->loop, listener->fd,
					 GYRE_READ);
	}
}

static void
on_readable(int fd, unsigned events, void *arg)
{
	(void)fd;
	(void)events;
	serve(arg);
}

static void
on_retry(void *arg)
{
	struct gyre_listener *listener = arg;

	listener->retry = 0;
	serve(listener);
}

/* -- public --------------------------------------------------------------- */

static int
parse_address(const struct gyre_listener *listener,
	      const struct gyre_listener_options *options,
	      struct gyre__address *ret_address)
{
	const char *text = options->address;
	int status;

	if (text == NULL)
		text = "127.0.0.1";
	status = gyre__address_parse(text, options->port, ret_address);
	if (status < 0)
		gyre__log(&listener->log, GYRE_LOG_ERROR,
			  "cannot listen on \"%s\": not a numeric address",
			  text);
	return status;
}

static int
backlog_of(const struct gyre_listener_options *options)
{
	if (options->backlog <= 0)
		return BACKLOG_DEFAULT;
	return options->backlog < BACKLOG_MAX ? options->backlog : BACKLOG_MAX;
}

static int
listen_at_path(struct gyre_listener *listener,
	       const struct gyre_listener_options *options)
{
	mode_t mode =
		options->mode != 0 ? (mode_t)options->mode : S_IRUSR | S_IWUSR;
	char why[GYRE__LOCAL_WHY_MAX] = "an address or a port is given too";
	int status = -EINVAL;

	if (options->address == NULL && options->port == 0 &&
	    !options->reuse_port)
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
	int fd = parse_address(listener, options, &address);

	if (fd < 0)
		return fd;
	fd = gyre__socket_listen(listener->sys, &address, listener->backlog,
				 options->reuse_port);
	if (fd >= 0)
		listener->port = gyre__address_port(&address);
	return fd;
}

/* Listen and watch; on failure nothing of it is left. */
static int
start_listening(struct gyre_listener *listener,
		const struct gyre_listener_options *options)
{
	int status;

	listener->fd = options->path != NULL
			       ? listen_at_path(listener, options)
			       : listen_on_address(listener, options);
	if (listener->fd < 0)
		return listener->fd;
	status = gyre_loop_add_handler(listener->loop, listener->fd, GYRE_READ,
				       on_readable, listener);
	if (status < 0) {
		gyre__local_remove(listener->sys, &listener->local);
		listener->sys->close(listener->fd);
	}
	return status;
}

int
gyre_listener_open(struct gyre_loop *loop,
		   const struct gyre_listener_options *options,
		   gyre_accept_fn on_accept, void *arg,
		   struct gyre_listener **ret_listener)
{
	static const struct gyre_listener_options defaults = { .port = 0 };
	const struct gyre_sys *sys = gyre__loop_sys(loop);
	struct gyre_listener *listener;
	int status;

	GYRE_REQUIRE(on_accept != NULL && ret_listener != NULL);
	if (options == NULL)
		options = &defaults;
	listener = gyre__allocate(sys, sizeof(*listener), 0);
	if (listener == NULL)
		return -ENOMEM;
	listener->loop = loop;
	listener->sys = sys;
	listener->log = options->log;
	if (listener->log.fn == NULL)
		listener->log = *gyre__loop_log(loop);
	listener->on_accept = on_accept;
	listener->arg = arg;
	listener->backlog = backlog_of(options);
	listener->dependent.close = close_with_loop;
	listener->dependent.quiet = quiet;
	status = start_listening(listener, options);
	if (status < 0) {
		sys->release(listener);
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
		finish(listener);
}
