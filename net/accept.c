/*
 * What comes out of a listener's queue.
 *
 * Each readiness event accepts a bounded number, so that a flood of clients
 * leaves the loop to the others. Out of descriptors or memory, the queue stays
 * readable and a level-triggered loop would spin: the listener stops watching
 * and a timeout tries again. What ends by then has cost nobody anything. What
 * lasts longer would leave clients hanging who could be elsewhere: they are
 * accepted by way of a descriptor that is kept for it, and refused. Another
 * thread may take that one's place, for a client of its own or anything else;
 * then they wait for the next try, which first fills it again.
 */
#include "net/listener.h"

#include "base/check.h"
#include "base/exception.h"
#include "base/fork.h"
#include "base/log.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>

#define ACCEPTS_PER_EVENT 64
#define RETRY_DELAY_NS    GYRE_MS(50)
/* A shortage that comes and goes gets no more lines than this. */
#define LOG_INTERVAL_NS GYRE_SECONDS(10)

enum outcome {
	ACCEPTED,
	SKIPPED, /* one connection was lost to its own error */
	EMPTY,   /* the queue is */
	OUT,     /* of descriptors, memory or something unforeseen */
};

static void on_retry(void *arg);

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

/* -- one connection -------------------------------------------------------- */

static void
refuse(struct gyre_listener *listener, int fd)
{
	if (listener->on_refuse != NULL)
		listener->on_refuse(listener, fd, listener->arg);
	else
		listener->sys->close(fd);
}

static void
take(struct gyre_listener *listener, int fd)
{
	if (listener->limit != NULL && !gyre_limit_take(listener->limit))
		refuse(listener, fd);
	else if (listener->spread == NULL ||
		 !gyre__spread_send(listener->spread, listener->loop, fd))
		listener->on_accept(listener, fd, listener->arg);
}

static enum outcome
accept_one(struct gyre_listener *listener,
	   void (*then)(struct gyre_listener *listener, int fd), int *ret_error)
{
	int fd = listener->sys->accept(listener->fd, NULL, NULL);

	if (fd < 0) {
		*ret_error = errno;
		return classify(errno);
	}
	then(listener, fd);
	return ACCEPTED;
}

/* Whether a callback was the last for now: it has raised, which the loop then
 * reports, or forked, and who waits in the queue is the parent's. */
static bool
is_interrupted(const struct gyre_listener *listener)
{
	if (gyre__raised() && !listener->closing &&
	    !listener->dependent.is_quiet)
		return true;
	return gyre__is_fork(listener->loop->forks);
}

/*
 * Accept up to `max` connections. Returns 0, or the error for which trying
 * again at once is of no use.
 */
static int
accept_some(struct gyre_listener *listener, int max)
{
	enum outcome outcome = ACCEPTED;
	int error = 0;
	int skipped = 0;

	listener->accepting = true;
	for (int i = 0; i < max && !is_interrupted(listener); i++) {
		outcome = accept_one(listener, take, &error);
		if (outcome == EMPTY || outcome == OUT)
			break;
		skipped += outcome == SKIPPED;
	}
	listener->accepting = false;
	if (outcome == EMPTY)
		return 0;
	/* Nothing but errors: whatever it is, it is no reason to spin. */
	return outcome == OUT || skipped == max ? error : 0;
}

/* -- shortages ------------------------------------------------------------- */

int
gyre__listener_keep_reserve(struct gyre_listener *listener)
{
	if (listener->reserve < 0)
		listener->reserve =
			listener->sys->fcntl(listener->fd, F_DUPFD_CLOEXEC, 0);
	return listener->reserve >= 0 ? 0 : -errno;
}

/* Refuse up to `max` of those who wait, with the descriptor that is kept: 0, or
 * the error that leaves them waiting. */
static int
refuse_some(struct gyre_listener *listener, int max)
{
	enum outcome outcome = ACCEPTED;
	int error = 0;

	listener->accepting = true;
	for (int i = 0; i < max && !is_interrupted(listener); i++) {
		error = -gyre__listener_keep_reserve(listener);
		outcome = OUT;
		if (error != 0)
			break;
		listener->sys->close(listener->reserve);
		listener->reserve = -1;
		outcome = accept_one(listener, refuse, &error);
		if (outcome == EMPTY || outcome == OUT)
			break;
	}
	listener->accepting = false;
	(void)gyre__listener_keep_reserve(listener);
	return outcome == OUT ? error : 0;
}

static bool
is_of_descriptors(int error)
{
	return error == EMFILE || error == ENFILE;
}

static void
report_shortage(struct gyre_listener *listener, int error)
{
	int64_t now_ns = gyre_loop_time(listener->loop);
	char text[GYRE__PLACE_MAX];

	if (now_ns < listener->quiet_until_ns)
		return;
	listener->quiet_until_ns = now_ns + LOG_INTERVAL_NS;
	gyre__log(&listener->log, GYRE_LOG_WARN,
		  "cannot accept on %s: %s; trying again every %d ms",
		  gyre__listener_place(listener, text), gyre_error_name(-error),
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

/* -- events ---------------------------------------------------------------- */

static void
serve(struct gyre_listener *listener)
{
	int error = accept_some(listener, ACCEPTS_PER_EVENT);

	/* The shortage lasts. */
	if (is_of_descriptors(error) && listener->out && !listener->closing)
		(void)refuse_some(listener, ACCEPTS_PER_EVENT);
	if (listener->closing) {
		gyre__listener_finish(listener);
	} else if (error != 0) {
		back_off(listener, error);
	} else if (listener->out) {
		listener->out = false;
		(void)gyre__listener_keep_reserve(listener);
		gyre_loop_update_handler(listener->loop, listener->fd,
					 GYRE_READ);
	}
}

void
gyre__listener_on_readable(int fd, unsigned events, void *arg)
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

int
gyre__listener_empty(struct gyre_listener *listener)
{
	/* The kernel queues one more than it was told. */
	int max = listener->backlog + 1;
	int error = accept_some(listener, max);

	return is_of_descriptors(error) ? refuse_some(listener, max) : error;
}
