/*
 * A service that is restarted without a client being refused: on SIGHUP it
 * starts its program anew, which listens with the same socket, and ends when
 * that one serves.
 *
 *     restart [port]     7400 unless given
 *     nc 127.0.0.1 7400; kill -HUP PID; nc 127.0.0.1 7400
 *
 * Each client is told the process id of who serves it. There is one listener,
 * whose connections go to the shard with the fewest. With systemd's socket
 * activation it takes systemd's socket the same way.
 */
#define _POSIX_C_SOURCE 200809L

#include <gyre/gyre.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct service {
	const char *program;
	struct gyre_runtime *runtime;
	struct gyre_listener_options at;
	pid_t before; /* whom it replaces; 0: nobody */
	/* shard 0's */
	struct gyre_listener *listener;
	int after; /* who is to replace us; 0: nobody */
};

static void
on_accept(struct gyre_listener *listener, int fd, void *arg)
{
	static const struct gyre_stream_ops ops = { .on_read = NULL };
	struct gyre_stream *stream;
	char text[32];
	int length = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	(void)listener;
	(void)arg;
	if (gyre_stream_open(gyre_loop_current(false), fd, NULL, &ops, NULL,
			     &stream) < 0) {
		close(fd);
		return;
	}
	/* Of no memory it hears too, by the end. */
	(void)gyre_stream_write(stream, text, (size_t)length);
	gyre_stream_close(stream, true);
}

/* Who was to come after us may be gone: then we go on, as if it had not been.
 */
static void
on_child(int signo, void *arg)
{
	struct service *service = arg;

	(void)signo;
	if (service->after == 0 || waitpid(service->after, NULL, WNOHANG) <= 0)
		return;
	fprintf(stderr, "cannot restart: %d has ended\n", service->after);
	service->after = 0;
	gyre_listener_take_back(service->listener);
}

/* Start who comes after us, and go on until it says that it serves. */
static void
on_hangup(int signo, void *arg)
{
	struct service *service = arg;
	struct gyre_inherited item = { .name = "restart" };
	char pid[16];
	char replaces[] = "--replaces";
	char *program = strdup(service->program);
	char *const arguments[] = { program, replaces, pid, NULL };
	int error;

	(void)signo;
	if (service->after != 0) {
		free(program);
		return;
	}
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	item.fd = gyre_listener_hand_over(service->listener);
	error = item.fd;
	if (program != NULL && item.fd >= 0)
		error = gyre_inherited_start(program, arguments, &item, 1,
					     &service->after);
	if (program == NULL || error < 0)
		fprintf(stderr, "cannot restart: %s\n", gyre_error_name(error));
	if (item.fd >= 0) {
		close(item.fd);
		if (service->after == 0)
			gyre_listener_take_back(service->listener);
	}
	free(program);
}

static int
start(const struct gyre_shard *shard, void *arg, void **state)
{
	struct service *service = arg;
	int error;

	(void)state;
	if (shard->index != 0)
		return 0;
	error = gyre_listener_open(shard->loop, &service->at, on_accept, NULL,
				   &service->listener);
	if (error == 0)
		error = gyre_loop_add_signal(shard->loop, SIGHUP, on_hangup,
					     service);
	if (error == 0)
		error = gyre_loop_add_signal(shard->loop, SIGCHLD, on_child,
					     service);
	return error;
}

static int
serve(struct service *service)
{
	if (gyre_runtime_start(service->runtime) < 0)
		return 1;
	printf("%d serves\n", (int)getpid());
	fflush(stdout);
	/* From here on a client of the queue is ours as well as its. */
	if (service->before > 0)
		kill(service->before, SIGTERM);
	return gyre_runtime_wait(service->runtime) < 0;
}

int
main(int argc, char **argv)
{
	static const struct gyre_service_ops ops = { .name = "restart",
						     .start = start };
	const struct gyre_runtime_options options = { .stop_signals = true };
	struct service service = { .program = argv[0] };
	struct gyre_inherited inherited;
	int count = gyre_inherited_take(&inherited, 1);
	int result = 1;

	if (count < 0) {
		fprintf(stderr, "no use of LISTEN_FDS: %s\n",
			gyre_error_name(count));
		return 1;
	}
	if (argc == 3 && strcmp(argv[1], "--replaces") == 0)
		service.before = (pid_t)atoi(argv[2]);
	if (count > 0)
		service.at.fd = inherited.fd;
	else
		service.at.port = argc == 2 ? (uint16_t)atoi(argv[1]) : 7400;
	if (gyre_runtime_new(&options, &service.runtime) < 0)
		return 1;
	service.at.spread = service.runtime;
	if (gyre_runtime_add_service(service.runtime, &ops, &service) == 0)
		result = serve(&service);
	gyre_runtime_free(service.runtime);
	return result;
}
