/*
 * That a thread is a guest, from its first callback sent until its end.
 */
#include "bus/berth.h"

#include "base/sys.h"

#include <pthread.h>

_Thread_local struct gyre__guest *gyre__guest_of_thread;

/* Ends the guest with its thread. */
static pthread_key_t end_of_thread;
static bool has_end_of_thread;

static void
leave(void *guest)
{
	gyre__guest_of_thread = NULL;
	gyre__guest_end(guest);
}

static void
make_key(void)
{
	has_end_of_thread = pthread_key_create(&end_of_thread, leave) == 0;
}

/* Who could not leave at its thread's end does not arrive. It outlives the
 * inboxes, and their systems. */
struct gyre__guest *
gyre__guest_arrive(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct gyre__guest *guest;

	pthread_once(&once, make_key);
	if (!has_end_of_thread)
		return NULL;
	guest = gyre__guest_new(gyre__sys(NULL));
	if (guest == NULL)
		return NULL;
	if (pthread_setspecific(end_of_thread, guest) != 0) {
		gyre__guest_end(guest);
		return NULL;
	}
	gyre__guest_of_thread = guest;
	return guest;
}
