/*
 * Signals at 10 kHz, on the loop's own thread, on that of another loop and on
 * one without a loop, while all of them add callbacks: nothing is lost, out of
 * order or allocated in a handler, and errno is kept.
 */
#include "tests/support/loop_fixture.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PERIOD_NS  (100 * 1000)
#define RUN_NS     GYRE_SECONDS(1)
#define ERRNO_MARK 4242

/* One that adds: a thread in its own code, or in its handlers. */
struct adder {
	unsigned accepted;
	unsigned refused;
	unsigned run; /* the loop's, and so is `expected` */
	unsigned expected;
};

enum place {
	ON_LOOP,
	ON_OTHER_LOOP,
	ON_NO_LOOP,
	PLACES
};

static struct adder handlers[PLACES];
static struct adder threads[PLACES];
/* The one of this thread's handlers; NULL: it takes no signals. */
static _Thread_local struct adder *handler;
static _Thread_local atomic_bool in_handler;
static atomic_bool over;

/* -- what is added --------------------------------------------------------- */

/* An argument says who added it, and its number. */
#define WHO_BITS 3

static struct adder *const adders[] = {
	&handlers[ON_LOOP],       &threads[ON_LOOP],
	&handlers[ON_OTHER_LOOP], &threads[ON_OTHER_LOOP],
	&handlers[ON_NO_LOOP],    &threads[ON_NO_LOOP],
};

static void *
next_argument(const struct adder *adder)
{
	uintptr_t who = 0;

	while (adders[who] != adder)
		who++;
	return (void *)((uintptr_t)adder->accepted << WHO_BITS | who);
}

static void
arrive(void *arg)
{
	struct adder *adder = adders[(uintptr_t)arg & ((1u << WHO_BITS) - 1)];

	CHECK((uintptr_t)arg >> WHO_BITS == adder->expected);
	adder->expected++;
	adder->run++;
}

static void
never_dropped(void *arg, enum gyre_drop_reason reason)
{
	(void)arg;
	(void)reason;
	CHECK(false);
}

static void
add_from_signal(int signal)
{
	int interrupted = errno;
	int result;

	(void)signal;
	atomic_store_explicit(&in_handler, true, memory_order_relaxed);
	errno = ERRNO_MARK;
	result = gyre_loop_add_callback_from_signal_drop(
		the_loop, arrive, next_argument(handler), never_dropped);
	CHECK(errno == ERRNO_MARK);
	CHECK(result == 0 || result == -EAGAIN);
	if (result == 0)
		handler->accepted++;
	else
		handler->refused++;
	atomic_store_explicit(&in_handler, false, memory_order_relaxed);
	errno = interrupted;
}

static void *(*allocate_before)(size_t, size_t);

static void *
allocate_outside_handlers(size_t size, size_t align)
{
	CHECK(!atomic_load_explicit(&in_handler, memory_order_relaxed));
	return allocate_before(size, align);
}

/* -- the signals ----------------------------------------------------------- */

static timer_t
take_signals(enum place place)
{
	struct itimerspec period = {
		.it_interval = { .tv_nsec = PERIOD_NS },
		.it_value = { .tv_nsec = PERIOD_NS },
	};
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGUSR1,
	};
	timer_t timer;

	handler = &handlers[place];
	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	CHECK(timer_settime(timer, 0, &period, NULL) == 0);
	return timer;
}

/* A signal that is on its way still finds its handler. */
static void
take_no_more_signals(timer_t timer)
{
	CHECK(timer_delete(timer) == 0);
	for (int i = 0; i < 10; i++)
		usleep(100);
}

/* -- the threads ----------------------------------------------------------- */

/*
 * ThreadSanitizer blocks all signals while it runs the handlers of those it
 * held back, and where one more is noticed from inside a handler it takes that
 * mask for the one to restore: the thread would get no signal any more.
 */
static void
let_signals_in(void)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGUSR1);
	CHECK(pthread_sigmask(SIG_UNBLOCK, &ours, NULL) == 0);
}

/* In both forms; a thread's own adds may not be refused. */
static void
add_ten(struct adder *adder)
{
	let_signals_in();
	for (int i = 0; i < 10; i++) {
		void *arg = next_argument(adder);
		int result;

		if (i % 2 == 0)
			result = gyre_loop_add_callback(the_loop, arrive, arg);
		else
			result = gyre_loop_add_callback_drop(
				the_loop, arrive, arg, never_dropped);
		CHECK(result == 0);
		adder->accepted++;
	}
}

static void *
add_on_no_loop(void *arg)
{
	timer_t timer = take_signals(ON_NO_LOOP);

	while (!atomic_load(&over)) {
		add_ten(&threads[ON_NO_LOOP]);
		usleep(20);
	}
	take_no_more_signals(timer);
	return arg;
}

static void
add_and_go_on(void *loop)
{
	add_ten(&threads[ON_OTHER_LOOP]);
	if (atomic_load(&over))
		gyre_loop_stop(loop);
	else
		CHECK(gyre_loop_call_later(loop, GYRE_US(20), add_and_go_on,
					   loop, NULL) == 0);
}

static void *
add_on_other_loop(void *arg)
{
	struct gyre_loop *other = real_loop();
	timer_t timer = take_signals(ON_OTHER_LOOP);

	add_and_go_on(other);
	CHECK(gyre_loop_start(other) == 0);
	take_no_more_signals(timer);
	close_and_free(other);
	return arg;
}

static unsigned turns;

/* Now the loop sleeps, now it goes round at once. */
static void
add_on_loop(void *arg)
{
	add_ten(&threads[ON_LOOP]);
	if (atomic_load(&over))
		return;
	if (turns++ % 4 == 0)
		call_later(GYRE_US(20), add_on_loop, NULL);
	else
		CHECK(gyre_loop_add_callback(the_loop, add_on_loop, arg) == 0);
}

/* On a busy machine, or under a sanitizer, the signals may be slow to come. */
static bool
each_came_often(void)
{
	for (size_t i = 0; i < sizeof(adders) / sizeof(adders[0]); i++) {
		if (adders[i]->run <= 100)
			return false;
	}
	return true;
}

static void
end_it(void *arg)
{
	if (!each_came_often()) {
		call_later(RUN_NS / 10, end_it, arg);
		return;
	}
	atomic_store(&over, true);
	stop_callback(arg);
}

/* -- all of it ------------------------------------------------------------- */

static void
check_books(void)
{
	for (size_t i = 0; i < sizeof(adders) / sizeof(adders[0]); i++)
		assert_int_equal(adders[i]->run, adders[i]->accepted);
}

static void
L56_handlers_at_10_kHz_lose_nothing(void **state)
{
	struct sigaction action = { .sa_handler = add_from_signal };
	pthread_t others[2];
	timer_t timer;

	(void)state;
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	allocate_before = fake_sys.allocate;
	fake_sys.allocate = allocate_outside_handlers;
	CHECK(pthread_create(&others[0], NULL, add_on_no_loop, NULL) == 0);
	CHECK(pthread_create(&others[1], NULL, add_on_other_loop, NULL) == 0);
	add_callback(add_on_loop, NULL);
	call_later(RUN_NS, end_it, NULL);
	timer = take_signals(ON_LOOP);
	run();
	for (int i = 0; i < 2; i++)
		pthread_join(others[i], NULL);
	take_no_more_signals(timer);
	signal(SIGUSR1, SIG_DFL);
	/* The last turn may be due, and adds once more. */
	run_once();
	run_once();
	fake_sys.allocate = allocate_before;
	check_books();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(L56_handlers_at_10_kHz_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
