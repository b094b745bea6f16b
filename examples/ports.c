/*
 * Three threads send numbers to a loop through a port with four places. Who
 * finds it full waits in turn; a loop, which must not wait, would be told of
 * room by gyre_port_notify() instead.
 *
 *     ports     prints how many came from each sender
 */
#include <gyre/gyre.h>

#include <pthread.h>
#include <stdio.h>

#define SENDERS 3
#define EACH    10000u

static struct gyre_port *port;
static unsigned came[SENDERS], all;

static void *
send_numbers(void *arg)
{
	struct gyre_message message = { .data = arg };
	int result = 0;

	for (unsigned i = 0; i < EACH && result == 0; i++)
		result = gyre_port_send_wait(port, message, GYRE_FOREVER);
	return NULL;
}

static void
on_number(struct gyre_port *here, struct gyre_message *message, void *loop)
{
	(void)here;
	came[*(unsigned *)message->data]++;
	if (++all == SENDERS * EACH)
		gyre_loop_stop(loop);
}

int
main(void)
{
	static unsigned numbers[SENDERS];
	struct gyre_port_options options = { .capacity = 4,
					     .on_message = on_number };
	pthread_t senders[SENDERS];
	struct gyre_loop *loop;

	if (gyre_loop_new(NULL, &loop) < 0)
		return 1;
	options.arg = loop;
	if (gyre_port_new(loop, &options, &port) < 0)
		return 1;
	for (unsigned i = 0; i < SENDERS; i++) {
		numbers[i] = i;
		if (pthread_create(&senders[i], NULL, send_numbers,
				   &numbers[i]) != 0)
			return 1;
	}
	if (gyre_loop_start(loop) < 0)
		return 1;
	for (unsigned i = 0; i < SENDERS; i++) {
		pthread_join(senders[i], NULL);
		printf("%u from sender %u\n", came[i], i);
	}
	gyre_port_unref(port);
	gyre_loop_close(loop, false);
	gyre_loop_free(loop);
	return 0;
}
