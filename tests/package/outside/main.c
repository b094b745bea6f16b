/* What a user's first program is: it includes, links and runs gyre. */
#include <gyre/gyre.h>

#include <stdio.h>
#include <string.h>

static void
say_hello(void *arg)
{
	printf("gyre %s\n", gyre_version());
	gyre_loop_stop(arg);
}

int
main(void)
{
	struct gyre_loop *loop;

	if (gyre_loop_new(NULL, &loop) < 0)
		return 1;
	if (gyre_loop_add_callback(loop, say_hello, loop) < 0)
		return 1;
	if (gyre_loop_start(loop) < 0)
		return 1;
	gyre_loop_close(loop, false);
	gyre_loop_free(loop);
	return strcmp(gyre_version(), GYRE_VERSION) == 0 ? 0 : 1;
}
