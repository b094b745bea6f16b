/*
 * A loop of gyre's inside a program that has a loop of its own: here poll(2)
 * over the standard input and gyre's descriptor. Each line that is typed is
 * turned round on gyre's pool, and printed on gyre's loop; a timeout says that
 * it is waiting. The end of the input ends it.
 */
#define _POSIX_C_SOURCE 200809L

#include <gyre/gyre.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 256
#define REMIND_NS  GYRE_SECONDS(5)

static struct gyre_loop *loop;
static gyre_timeout reminder;
static unsigned away;

/* On the pool. */
static void *
turn_round(void *arg)
{
	char *line = arg;
	size_t length = strlen(line);

	for (size_t i = 0; i < length / 2; i++) {
		char c = line[i];

		line[i] = line[length - 1 - i];
		line[length - 1 - i] = c;
	}
	return line;
}

static void
print_line(struct gyre_future *future, void *line)
{
	if (gyre_future_result(future, NULL) == 0)
		puts(line);
	fflush(stdout);
	free(line);
	away--;
}

static void
remind(void *arg)
{
	(void)arg;
	fputs("type a line, or end the input\n", stderr);
	(void)!gyre_loop_call_later(loop, REMIND_NS, remind, NULL, &reminder);
}

static void
begin_line(char *text)
{
	char *line = strdup(text);
	struct gyre_future *future;

	if (line == NULL)
		return;
	line[strcspn(line, "\n")] = '\0';
	future = gyre_loop_run_in_executor(loop, NULL, turn_round, line);
	if (future == NULL ||
	    gyre_loop_add_future(loop, future, print_line, line) < 0) {
		fputs("no memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	gyre_future_unref(future);
	away++;
}

/* How long the other loop may wait for this one; rounded up, for poll(2). */
static int
wait_ms(void)
{
	int64_t next_ns = gyre_loop_next_ns(loop);
	int64_t left_ns = next_ns - gyre_loop_time(loop);

	if (next_ns == GYRE_FOREVER || left_ns > GYRE_SECONDS(3600))
		return -1;
	return left_ns <= 0 ? 0
			    : (int)((left_ns + GYRE_MS(1) - 1) / GYRE_MS(1));
}

/* The program's own loop. */
static void
run(void)
{
	char text[LINE_BYTES];
	struct pollfd wanted[] = {
		{ STDIN_FILENO, POLLIN, 0 },
		{ gyre_loop_fd(loop), POLLIN, 0 },
	};

	while (wanted[0].fd >= 0 || away > 0) {
		if (poll(wanted, 2, wait_ms()) < 0 && errno != EINTR)
			return;
		if (wanted[0].fd >= 0 && wanted[0].revents != 0) {
			if (fgets(text, sizeof(text), stdin) != NULL)
				begin_line(text);
			else
				wanted[0].fd = -1;
		}
		if (gyre_loop_run_once(loop, 0) < 0)
			return;
	}
}

int
main(void)
{
	/* What stdio has read already, poll(2) would not tell. */
	setvbuf(stdin, NULL, _IONBF, 0);
	if (gyre_loop_new(NULL, &loop) < 0 || gyre_loop_fd(loop) < 0) {
		fputs("no loop, or its poller has no descriptor\n", stderr);
		return EXIT_FAILURE;
	}
	(void)!gyre_loop_call_later(loop, REMIND_NS, remind, NULL, &reminder);
	run();
	gyre_loop_close(loop, false);
	gyre_loop_free(loop);
	return EXIT_SUCCESS;
}
