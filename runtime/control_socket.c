/*
 * One thread of the runtime's serves the control socket, so that loops that
 * are stuck can still be looked at, and no client can keep one busy.
 *
 * Who is let in is decided twice: by the path's mode, which is set before
 * anybody can connect, between bind and listen, and by the peer's user. A
 * client has one request at a time, of REQUEST_MAX bytes, and is not read from
 * until it has taken the answer. There are CLIENTS_MAX of them; one more has
 * the place of the one that was idle longest, which may be one that never
 * reads: hence there is no time limit.
 */
#include "runtime/control_socket.h"

#include "base/check.h"
#include "base/local_socket.h"
#include "base/log.h"
#include "base/thread.h"
#include "runtime/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS_MAX    8
#define REQUEST_MAX    128
#define BACKLOG        8
#define PATH_MAX_SHOWN 256
#define ACCEPT_LATER_NS                                       \
	GYRE_MS(200) /* no descriptor for a client: try again \
		      */

#if defined(MSG_NOSIGNAL)
#define SEND_FLAGS MSG_NOSIGNAL
#else
#define SEND_FLAGS 0 /* the thread has every signal blocked */
#endif

struct client {
	int fd; /* -1: nobody */
	char request[REQUEST_MAX];
	size_t used;
	char *answer; /* NULL: none is under way */
	size_t length;
	size_t sent;
	bool ends;       /* hang up behind the answer */
	uint64_t active; /* when it did something, in turns of the thread */
};

struct gyre__control_socket {
	/* -- immutable after open -- */
	struct gyre_runtime *runtime;
	const struct gyre_sys *sys;
	uint32_t forks;
	int fd;
	int stop[2]; /* a pipe; closing its second end stops the thread */
	char path[PATH_MAX_SHOWN]; /* as it was given, for lines of the log */
	struct gyre__local_socket local;
	/* -- starter -- */
	pthread_t thread;
	bool runs;
	/* -- its thread -- */
	uint64_t turn;
	bool accepts_later;
	struct client clients[CLIENTS_MAX];
};

/* -- the path ------------------------------------------------------------ */

static int
failed(struct gyre__control_socket *control, int error, const char *why)
{
	gyre__log(&control->runtime->log, GYRE_LOG_ERROR,
		  "runtime: no control socket at %s: %s", control->path, why);
	return error;
}

static int
failed_errno(struct gyre__control_socket *control)
{
	int error = -errno;

	return failed(control, error, gyre_error_name(error));
}

/* -- clients ------------------------------------------------------------- */

static void
hang_up(struct gyre__control_socket *control, struct client *client)
{
	if (client->fd < 0)
		return;
	control->sys->close(client->fd);
	control->sys->release(client->answer);
	*client = (struct client){ .fd = -1 };
}

static struct client *
place_for_client(struct gyre__control_socket *control)
{
	struct client *idle = &control->clients[0];

	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &control->clients[i];

		if (client->fd < 0)
			return client;
		if (client->active < idle->active)
			idle = client;
	}
	hang_up(control, idle);
	return idle;
}

static void
accept_client(struct gyre__control_socket *control)
{
	int fd = control->sys->accept(control->fd, NULL, NULL);
	struct client *client;
	uid_t user;

	if (fd < 0) {
		control->accepts_later = errno != EAGAIN && errno != EINTR &&
					 errno != ECONNABORTED;
		return;
	}
	if (control->sys->peer_user(fd, &user) < 0 || user != geteuid()) {
		control->sys->close(fd);
		return;
	}
	client = place_for_client(control);
	client->fd = fd;
	client->active = control->turn;
}

/* Send what the socket takes; false: hang up. */
static bool
send_answer(struct gyre__control_socket *control, struct client *client)
{
	while (client->sent < client->length) {
		ssize_t count = control->sys->send(
			client->fd, client->answer + client->sent,
			client->length - client->sent, SEND_FLAGS);

		if (count < 0)
			return errno == EAGAIN || errno == EINTR;
		client->sent += (size_t)count;
		client->active = control->turn;
	}
	control->sys->release(client->answer);
	client->answer = NULL;
	return !client->ends;
}

/* Answer the first whole line, if there is one; false: hang up. */
static bool
answer_line(struct gyre__control_socket *control, struct client *client)
{
	char *end = memchr(client->request, '\n', client->used);
	size_t taken;

	if (end == NULL)
		return client->used < REQUEST_MAX;
	*end = '\0';
	taken = (size_t)(end - client->request) + 1;
	client->answer = gyre__control_answer(control->runtime, client->request,
					      &client->length, &client->ends);
	client->sent = 0;
	client->used -= taken;
	memmove(client->request, client->request + taken, client->used);
	return client->answer != NULL && send_answer(control, client);
}

/* False: hang up. */
static bool
read_request(struct gyre__control_socket *control, struct client *client)
{
	ssize_t count =
		control->sys->recv(client->fd, client->request + client->used,
				   REQUEST_MAX - client->used, 0);

	if (count < 0)
		return errno == EAGAIN || errno == EINTR;
	if (count == 0)
		return false;
	client->used += (size_t)count;
	client->active = control->turn;
	return true;
}

static void
serve(struct gyre__control_socket *control, struct client *client)
{
	bool stays = client->answer != NULL ? send_answer(control, client)
					    : read_request(control, client);

	while (stays && client->answer == NULL) {
		size_t used = client->used;

		stays = answer_line(control, client);
		if (client->used == used)
			break;
	}
	if (!stays)
		hang_up(control, client);
}

/* -- the thread ---------------------------------------------------------- */

/* The first two are the stop and the listener; a negative one is ignored. */
static void
fill_polled(const struct gyre__control_socket *control, struct pollfd *polled)
{
	polled[0] = (struct pollfd){ .fd = control->stop[0], .events = POLLIN };
	polled[1] = (struct pollfd){
		.fd = control->accepts_later ? -1 : control->fd,
		.events = POLLIN,
	};
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		const struct client *client = &control->clients[i];

		polled[2 + i] = (struct pollfd){
			.fd = client->fd,
			.events = client->answer != NULL ? POLLOUT : POLLIN,
		};
	}
}

static void *
control_main(void *arg)
{
	struct gyre__control_socket *control = arg;
	const struct timespec later = { .tv_nsec = ACCEPT_LATER_NS };
	struct pollfd polled[2 + CLIENTS_MAX];

	gyre__thread_enter("gyre-control-", 0);
	/* Where it may not, it runs anywhere. */
	(void)gyre__cpus_apply(control->sys,
			       &control->runtime->placement->helpers);
	for (;;) {
		int count;

		control->turn++;
		fill_polled(control, polled);
		count = control->sys->poll(polled, 2 + CLIENTS_MAX,
					   control->accepts_later ? &later
								  : NULL);
		control->accepts_later = false;
		if (count <= 0)
			continue;
		if (polled[0].revents != 0)
			return NULL;
		for (unsigned i = 0; i < CLIENTS_MAX; i++)
			if (polled[2 + i].revents != 0)
				serve(control, &control->clients[i]);
		if (polled[1].revents != 0)
			accept_client(control);
	}
}

/* -- life ---------------------------------------------------------------- */

static int
listen_at_path(struct gyre__control_socket *control, const char *path)
{
	char why[GYRE__LOCAL_WHY_MAX];
	int fd = gyre__local_listen(control->sys, path, S_IRUSR | S_IWUSR,
				    BACKLOG, &control->local, why);

	if (fd < 0)
		return failed(control, fd, why);
	control->fd = fd;
	return 0;
}

static int
open_pipe(struct gyre__control_socket *control)
{
	if (control->sys->pipe(control->stop) < 0) {
		control->stop[0] = control->stop[1] = -1;
		return failed_errno(control);
	}
	for (unsigned i = 0; i < 2; i++)
		if (control->sys->fcntl(control->stop[i], F_SETFD, FD_CLOEXEC) <
		    0)
			return failed_errno(control);
	return 0;
}

static void
free_socket(struct gyre__control_socket *control)
{
	const struct gyre_sys *sys = control->sys;

	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		hang_up(control, &control->clients[i]);
	for (unsigned i = 0; i < 2; i++)
		if (control->stop[i] >= 0)
			sys->close(control->stop[i]);
	if (control->fd >= 0)
		sys->close(control->fd);
	sys->release(control);
}

static struct gyre__control_socket *
new_control(struct gyre_runtime *runtime)
{
	struct gyre__control_socket *control =
		gyre__allocate(runtime->sys, sizeof(*control), 0);

	if (control == NULL) {
		gyre__log(&runtime->log, GYRE_LOG_ERROR,
			  "runtime: no memory for the control socket");
		return NULL;
	}
	control->runtime = runtime;
	control->sys = runtime->sys;
	control->forks = gyre__forks();
	control->fd = control->stop[0] = control->stop[1] = -1;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		control->clients[i].fd = -1;
	return control;
}

static int
open_at(struct gyre_runtime *runtime, const char *path,
	struct gyre__control_socket **ret)
{
	struct gyre__control_socket *control = new_control(runtime);
	int result;

	if (control == NULL)
		return -ENOMEM;
	snprintf(control->path, sizeof(control->path), "%s", path);
	result = open_pipe(control);
	if (result == 0)
		result = listen_at_path(control, path);
	if (result < 0)
		free_socket(control);
	else
		*ret = control;
	return result;
}

int
gyre__control_socket_open(struct gyre_runtime *runtime, const char *path,
			  struct gyre__control_socket **ret)
{
	const char *by_user = getenv("GYRE_CONTROL");

	*ret = NULL;
	if (path != NULL)
		return open_at(runtime, path, ret);
	/* Not what the program asked for: it runs on without. */
	if (by_user != NULL)
		(void)open_at(runtime, by_user, ret);
	return 0;
}

int
gyre__control_socket_start(struct gyre__control_socket *control)
{
	int result;

	if (control == NULL)
		return 0;
	result = gyre__thread_start_blocked(control->sys, &control->thread, 0,
					    control_main, control);
	control->runs = result == 0;
	if (result < 0)
		failed(control, result, "no thread could be made");
	return result;
}

void
gyre__control_socket_close(struct gyre__control_socket *control)
{
	if (control == NULL)
		return;
	if (control->runs) {
		control->sys->close(control->stop[1]);
		control->stop[1] = -1;
		control->sys->thread_join(control->thread, NULL);
	}
	gyre__local_remove(control->sys, &control->local);
	free_socket(control);
}
