/*
 * A data race, planted: the payload is written once more after the post, when
 * it is the consumer's. ThreadSanitizer must end this with 66; nothing between
 * the two threads may order that write, so no descriptor is read and nobody
 * sleeps.
 */
#include "bus/inbox.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define MESSAGES 20000

struct message {
	struct gyre_task task;
	unsigned payload;
};

static struct message messages[MESSAGES];

static void
ring(struct gyre__doorbell *bell)
{
	(void)bell;
}

static void *
post(void *inbox)
{
	for (unsigned i = 0; i < MESSAGES; i++) {
		messages[i].payload = i;
		if (gyre__inbox_push(inbox, &messages[i].task,
				     &messages[i].task) < 0)
			abort();
		messages[i].payload = i + 1; /* too late */
	}
	return NULL;
}

static unsigned
take(struct gyre_inbox *inbox, unsigned *sum)
{
	struct gyre__chain chain = { 0 };
	struct gyre_task *task;
	unsigned count = 0;

	gyre__inbox_take(inbox, &chain);
	while ((task = gyre__chain_pop(&chain)) != NULL) {
		*sum += ((struct message *)task)->payload;
		count++;
	}
	return count;
}

int
main(void)
{
	struct gyre__doorbell bell = { .ring = ring };
	struct gyre_inbox *inbox = gyre__inbox_new(&gyre__sys_default, &bell);
	struct gyre__chain rest = { 0 };
	pthread_t thread;
	unsigned sum = 0;

	if (inbox == NULL || pthread_create(&thread, NULL, post, inbox) != 0)
		return 2;
	for (unsigned came = 0; came < MESSAGES; came += take(inbox, &sum))
		sched_yield();
	pthread_join(thread, NULL);
	gyre__inbox_close(inbox, &rest);
	gyre_inbox_unref(inbox);
	return sum == 0;
}
