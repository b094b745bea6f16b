/* A sharded echo service on port 7400: a pinned loop per CPU. */
#include <gyre/gyre.h>
#include <stdlib.h>
#include <unistd.h>

static size_t
on_read(struct gyre_stream *stream, const void *data, size_t length, void *arg)
{
	(void)arg;
	return gyre_stream_write(stream, data, length) == 0 ? length : 0;
}

static void
on_accept(struct gyre_listener *listener, int fd, void *loop)
{
	static const struct gyre_stream_ops ops = { .on_read = on_read };
	struct gyre_stream *stream;

	(void)listener;
	if (gyre_stream_open(loop, fd, NULL, &ops, NULL, &stream) < 0)
		close(fd);
}

static int
start(const struct gyre_shard *shard, void *options, void **listener)
{
	return gyre_listener_open(shard->loop, options, on_accept, shard->loop,
				  (struct gyre_listener **)listener);
}

int
main(int argc, char **argv)
{
	static const struct gyre_service_ops echo = { .name = "echo",
						      .start = start };
	struct gyre_listener_options at = { .reuse_port = true };
	struct gyre_runtime_options options = { .stop_signals = true };
	struct gyre_runtime *runtime = NULL;
	int result = -1;

	at.port = argc > 1 ? (uint16_t)atoi(argv[1]) : 7400;
	if (gyre_runtime_new(&options, &runtime) == 0 &&
	    gyre_runtime_add_service(runtime, &echo, &at) == 0)
		result = gyre_runtime_run(runtime);
	gyre_runtime_free(runtime);
	return result < 0;
}
