/*
 * Three loops send numbers to a fourth through a port with four places. Who
 * finds it full is told, in turn, on its own loop, when a place is kept for it.
 *
 *     ports     prints how many came from each sender
 */
#include <gyre/gyre.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#define SENDERS 3
#define EACH    10000u

static struct gyre_port *port;
static unsigned came[SENDERS], all;

struct sender {
	pthread_t thread;
	unsigned number;
	unsigned sent;
};

static void send_numbers(void *arg);

/* The first send in here uses the place that is kept. */
static void
on_room(struct gyre_port *here, void *arg)
{
	(void)here;
	send_numbers(arg);
}

static void
send_numbers(void *arg)
{
	struct sender *sender = arg;
	int result = 0;

	while (sender->sent < EACH && result == 0) {
		result = gyre_port_send_copy(port, &sender->number,
					     sizeof(sender->number));
		sender->sent += result == 0;
	}
	if (result == -EAGAIN)
		result = gyre_port_notify(port, on_room, sender, NULL);
	if (result < 0 || sender->sent == EACH)
		gyre_loop_stop(gyre_loop_current(false));
}

static void *
run_sender(void *arg)
{
	struct gyre_loop *loop;

	if (gyre_loop_new(NULL, &loop) < 0)
		return NULL;
	if (gyre_loop_add_callback(loop, send_numbers, arg) == 0)
		(void)gyre_loop_start(loop);
	gyre_loop_close(loop, false);
	gyre_loop_free(loop);
	return NULL;
}

static void
on_number(struct gyre_port *here, struct gyre_message *message, void *arg)
{
	(void)here;
	came[*(unsigned *)message->data]++;
	if (++all == SENDERS * EACH)
		gyre_loop_stop(arg);
}

int
main(void)
{
	struct sender senders[SENDERS] = { 0 };
	struct gyre_loop *loop;
	int failed = gyre_loop_new(NULL, &loop);

	if (failed == 0)
		failed = gyre_port_new(
			loop,
			&(struct gyre_port_options){ .capacity = 4,
						     .on_message = on_number,
						     .arg = loop },
			&port);
	for (unsigned i = 0; i < SENDERS && failed == 0; i++) {
		senders[i].number = i;
		failed = pthread_create(&senders[i].thread, NULL, run_sender,
					&senders[i]);
	}
	if (failed != 0 || gyre_loop_start(loop) < 0)
		return 1;
	for (unsigned i = 0; i < SENDERS; i++) {
		pthread_join(senders[i].thread, NULL);
		printf("%u from sender %u\n", came[i], i);
	}
	gyre_loop_close(loop, false);
	gyre_port_unref(port);
	gyre_loop_free(loop);
	return 0;
}
