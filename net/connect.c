/*
 * From where to connect to, to a connected stream.
 *
 *     host --lookup--> addresses --race--> descriptor --establish--> the
 * stream's path, address ---^           accepted ---^
 *
 * The stream holds it until it is connected or has ended; the lookup's callback
 * on the loop holds it too, and may come when the stream is long gone.
 */
#include <gyre/stream_connect.h>

#include "base/check.h"
#include "base/sys.h"
#include "net/addresses.h"
#include "net/connect.h"
#include "net/race.h"
#include "net/stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define STAGGER_DEFAULT_NS GYRE_MS(250)

struct gyre__connect {
	/* -- immutable after new -- */
	struct gyre_loop *loop;
	const struct gyre_sys *sys;
	int64_t stagger_ns;
	/* -- owner -- */
	unsigned holds;
	struct gyre_stream *stream;   /* NULL: given up */
	struct gyre_future *lookup;   /* NULL: none goes on */
	struct gyre__race *race;      /* NULL: none goes on */
	struct gyre_future *promised; /* NULL: nobody has asked */
	gyre_timeout deadline;
	int64_t deadline_ns; /* 0: none */
};

/* -- ends ----------------------------------------------------------------- */

static void
release(struct gyre__connect *connect)
{
	GYRE_INSIST(connect->holds > 0);
	if (--connect->holds == 0)
		connect->sys->release(connect);
}

/* The stream is connected or has ended. */
static void
part(struct gyre__connect *connect)
{
	gyre_loop_remove_timeout(connect->loop, connect->deadline);
	gyre_future_unref(connect->promised);
	connect->promised = NULL;
	connect->stream = NULL;
	release(connect);
}

/* Why it can't connect, as far as that is known. */
static const char *
reason(const struct gyre_stream *stream, int error)
{
	const char *text = NULL;

	if (gyre__stream_carry(stream)->error_text != NULL)
		text = gyre__stream_carry(stream)->error_text(
			stream->transport);
	return text != NULL ? text : gyre_error_name(error);
}

void
gyre__connect_give_up(struct gyre__connect *connect, int error)
{
	char line[GYRE_EXCEPTION_MESSAGE_MAX];

	if (connect->lookup != NULL)
		(void)gyre_future_cancel(connect->lookup);
	if (connect->race != NULL)
		gyre__race_cancel(connect->race);
	if (error == 0)
		error = -EPIPE;
	snprintf(line, sizeof(line), "cannot connect: %s",
		 reason(connect->stream, error));
	if (connect->promised != NULL)
		(void)gyre_future_reject(connect->promised, error, line);
	part(connect);
}

static void
on_deadline(void *arg)
{
	struct gyre__connect *connect = arg;

	connect->deadline = 0;
	gyre__stream_end(connect->stream, -ETIMEDOUT);
}

static void
succeed(struct gyre__connect *connect)
{
	struct gyre_stream *stream = connect->stream;

	if (connect->promised != NULL)
		(void)gyre_future_resolve(connect->promised, stream);
	part(connect);
	stream->connect = NULL;
	gyre__stream_touch(stream);
	if (stream->ops.on_connect != NULL &&
	    stream->state == GYRE__STREAM_OPEN)
		stream->ops.on_connect(stream, stream->arg);
}

/* -- establishing -----------------------------------------------------------
 */

/* What the peer still sends is read: it may else never read why not. */
static void
fail(struct gyre_stream *stream, int error)
{
	gyre__stream_discard(stream);
	gyre__stream_end(stream, error);
}

void
gyre__connect_go_on(struct gyre__connect *connect)
{
	struct gyre_stream *stream = connect->stream;
	int status = 0;

	if (stream->fd < 0)
		return;
	if (gyre__stream_carry(stream)->establish != NULL)
		status = gyre__stream_carry(stream)->establish(
			stream->transport, stream);
	if (status == 0)
		succeed(connect);
	else if (status == -EAGAIN)
		gyre__stream_watch(stream, GYRE_READ);
	else if (status == -EINPROGRESS)
		gyre__stream_watch(stream, GYRE_WRITE);
	else
		fail(stream, status);
}

/* Whichever deadline comes first. */
static int
expect_by(struct gyre__connect *connect, int64_t deadline_ns)
{
	gyre_timeout timeout;
	int status;

	if (deadline_ns == 0 || deadline_ns == GYRE_FOREVER ||
	    (connect->deadline_ns != 0 && connect->deadline_ns <= deadline_ns))
		return 0;
	status = gyre_loop_call_at(connect->loop, deadline_ns, on_deadline,
				   connect, &timeout);
	if (status < 0)
		return status;
	gyre_loop_remove_timeout(connect->loop, connect->deadline);
	connect->deadline = timeout;
	connect->deadline_ns = deadline_ns;
	return 0;
}

/* How long the transport may take, from now on. */
static int
expect_established(struct gyre__connect *connect)
{
	const struct gyre_transport *transport = connect->stream->transport;

	if (transport == NULL || transport->establish_ns == 0)
		return 0;
	return expect_by(connect,
			 gyre__loop_instant_after(connect->loop,
						  transport->establish_ns));
}

/* -- the steps ----------------------------------------------------------------
 */

static void
on_race(int outcome, void *arg)
{
	struct gyre__connect *connect = arg;
	int status = outcome;

	connect->race = NULL;
	if (outcome >= 0) {
		status = gyre__stream_adopt(connect->stream, outcome);
		if (status < 0)
			connect->sys->close(outcome);
	}
	if (status == 0)
		status = expect_established(connect);
	if (status < 0)
		gyre__stream_end(connect->stream, status);
	else
		gyre__connect_go_on(connect);
}

/* The addresses are the race's, or freed. */
static int
race(struct gyre__connect *connect, struct gyre_addresses *addresses)
{
	struct gyre__race_options options = { connect->stagger_ns, on_race,
					      connect };
	int status = gyre__race_start(connect->loop, addresses, &options,
				      &connect->race);

	if (status < 0)
		gyre_addresses_free(addresses);
	return status;
}

static void
on_addresses(struct gyre_future *lookup, void *arg)
{
	struct gyre__connect *connect = arg;
	void *addresses;
	int status;

	connect->lookup = NULL;
	if (connect->stream != NULL) {
		status = gyre_future_result(lookup, &addresses);
		if (status == 0)
			status = race(connect, addresses);
		if (status < 0)
			gyre__stream_end(connect->stream, status);
	}
	release(connect);
}

/* The loop closes, and with it the stream. */
static void
drop_addresses(void *arg, enum gyre_drop_reason reason)
{
	struct gyre__connect *connect = arg;

	(void)reason;
	connect->lookup = NULL;
	release(connect);
}

static int
look_up(struct gyre__connect *connect,
	const struct gyre_connect_options *options)
{
	struct gyre_resolve_options question = {
		.host = options->host,
		.service = options->service,
		.executor = options->executor,
		.resolver = options->resolver,
	};
	struct gyre_future *lookup = gyre_net_resolve(connect->loop, &question);
	int status;

	if (lookup == NULL)
		return -ENOMEM;
	status = gyre_loop_add_future_drop(connect->loop, lookup, on_addresses,
					   connect, drop_addresses);
	if (status == 0) {
		connect->holds++;
		connect->lookup = lookup; /* which the callback holds */
	} else {
		(void)gyre_future_cancel(lookup);
	}
	gyre_future_unref(lookup);
	return status;
}

/* -- where to
 * ------------------------------------------------------------------ */

static int
check(const struct gyre_connect_options *options)
{
	int given = (options->host != NULL) + (options->path != NULL) +
		    (options->address.sockaddr != NULL);
	struct sockaddr_un un;

	if (given != 1)
		return -EINVAL;
	if (options->path != NULL &&
	    (options->path[0] == '\0' ||
	     strlen(options->path) >= sizeof(un.sun_path)))
		return -EINVAL;
	return 0;
}

/* The one address that the options name, or NULL for a host. */
static int
address_of(const struct gyre_sys *sys,
	   const struct gyre_connect_options *options,
	   struct gyre_addresses **ret_addresses)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct gyre_address address = options->address;

	*ret_addresses = NULL;
	if (options->host != NULL)
		return 0;
	if (options->path != NULL) {
		memcpy(un.sun_path, options->path, strlen(options->path));
		address = (struct gyre_address){ (struct sockaddr *)&un,
						 sizeof(un) };
	}
	return gyre__addresses_new(sys, &address, 1, NULL, ret_addresses);
}

static struct gyre__connect *
new_connect(struct gyre_loop *loop)
{
	const struct gyre_sys *sys = gyre__loop_sys(loop);
	struct gyre__connect *connect =
		gyre__allocate(sys, sizeof(*connect), 0);

	if (connect == NULL)
		return NULL;
	connect->loop = loop;
	connect->sys = sys;
	connect->holds = 1;
	return connect;
}

/* The addresses, if any, are the race's, or freed. */
static int
start(struct gyre__connect *connect, const struct gyre_connect_options *options,
      struct gyre_addresses *addresses)
{
	int status = expect_by(connect, options->deadline_ns);

	if (status < 0)
		gyre_addresses_free(addresses);
	else if (addresses != NULL)
		status = race(connect, addresses);
	else
		status = look_up(connect, options);
	return status;
}

/* -- accepted -------------------------------------------------------------- */

int
gyre__connect_establish(struct gyre_stream *stream)
{
	struct gyre__connect *connect = new_connect(stream->loop);
	int status;

	if (connect == NULL)
		return -ENOMEM;
	connect->stream = stream;
	status = expect_established(connect);
	if (status < 0) {
		connect->sys->release(connect);
		return status;
	}
	stream->connect = connect;
	return 0;
}

/* -- public
 * -------------------------------------------------------------------- */

int
gyre_stream_connect(struct gyre_loop *loop,
		    const struct gyre_connect_options *options,
		    const struct gyre_stream_ops *ops, void *arg,
		    struct gyre_stream **ret_stream)
{
	const struct gyre_sys *sys = gyre__loop_sys(loop);
	struct gyre_addresses *addresses;
	struct gyre__connect *connect;
	struct gyre_stream *stream;
	int status;

	GYRE_REQUIRE(options != NULL && ops != NULL && ret_stream != NULL);
	gyre__loop_require_owner(loop);
	status = gyre__loop_refusal(loop);
	if (status == 0)
		status = check(options);
	if (status == 0)
		status = address_of(sys, options, &addresses);
	if (status < 0)
		return status;
	connect = new_connect(loop);
	stream = gyre__stream_new(loop, &options->stream, ops, arg);
	if (connect == NULL || stream == NULL) {
		gyre_addresses_free(addresses);
		sys->release(connect);
		sys->release(stream);
		return -ENOMEM;
	}
	gyre__loop_add_dependent(loop, &stream->dependent);
	connect->stagger_ns = options->stagger_ns != 0 ? options->stagger_ns
						       : STAGGER_DEFAULT_NS;
	connect->stream = stream;
	stream->connect = connect;
	status = start(connect, options, addresses);
	if (status < 0)
		gyre__stream_end(stream, status);
	*ret_stream = stream;
	return 0;
}

struct gyre_future *
gyre_stream_connect_future(struct gyre_stream *stream)
{
	struct gyre__connect *connect = stream->connect;
	struct gyre_future *future;

	gyre__loop_require_owner(stream->loop);
	if (connect != NULL && connect->promised != NULL &&
	    !gyre_future_done(connect->promised))
		return gyre_future_ref(connect->promised);
	future = gyre_future_new(stream->loop);
	if (future == NULL)
		return NULL;
	if (connect != NULL) {
		gyre_future_unref(connect->promised);
		connect->promised = gyre_future_ref(future);
	} else if (stream->fd >= 0) {
		(void)gyre_future_resolve(future, stream);
	} else {
		(void)gyre_future_reject(
			future, stream->error != 0 ? stream->error : -EPIPE,
			"the stream is closed");
	}
	return future;
}
