/*
 * A machine with x86's memory (TSO): a store waits in its thread's first-in
 * first-out buffer until it drains, which is a step of its own; a load sees
 * its own thread's newest waiting store, else memory; a read-modify-write
 * waits until its thread's buffer is empty. Release, acquire and relaxed are
 * the same here: what they add on weaker machines is ThreadSanitizer's work.
 *
 * Plain accesses (a task's _next, the consumer's counters) reach memory at
 * once. That is sound: a plain store can be missed by another thread only
 * while it waits in the buffer, and what others reach, they reach through an
 * atomic that its thread stored later: a buffer is first in, first out, and a
 * read-modify-write drains it, so the plain store is in memory by then. What
 * would make it unsound, two threads that meet in plain memory with no atomic
 * in between, is a data race. To show also those that fall between two steps,
 * the plain code after each read-modify-write is a step of its own.
 *
 * Threads are coroutines, started by makecontext and switched by setjmp and
 * longjmp, which need no system call.
 */
#include "tests/models/world.h"

#include "base/atomics.h"
#include "base/check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

struct world world;
alignas(64) char world_stacks[EXPLORER_THREADS_MAX][WORLD_STACK_BYTES];
unsigned world_threads;

/* The same for the whole run. */
static const struct explorer_scenario *scenario;
static bool sequential;

/* The step that is being taken. */
static struct thread *running;
static jmp_buf scheduler;
static struct machine_event last;
static const char *broken;
static bool is_checked; /* the end of a schedule, by the scenario */

/* -- threads ------------------------------------------------------------- */

void
explorer_broken(const char *law)
{
	broken = law;
	_longjmp(scheduler, 1);
}

/*
 * Back to the scheduler, until the thread's next turn. Not inlined: the frame
 * holds the registers that the callers want back, so all from its lower end,
 * which alloca() answers, is live.
 */
__attribute__((noinline)) static void
stop_here(void)
{
	running->low = __builtin_alloca(16);
	memset(running->low, 0, 16);
	if (_setjmp(running->context) == 0)
		_longjmp(scheduler, 1);
}

/* In set_up and check_end there is no thread, and nothing to stop. */
static void
stop_before(enum wish wish, const char *what)
{
	if (running != NULL) {
		running->wish = wish;
		running->what = what;
		stop_here();
	}
	last = (struct machine_event){ .what = what };
}

static void
thread_main(void)
{
	unsigned index = (unsigned)(running - world.threads);

	scenario->run(index);
	running->wish = WISH_END;
	running->what = "has ended";
	running->low = world_stack_end(running);
	memset(running->context, 0, sizeof(running->context));
	_longjmp(scheduler, 1);
}

static void
start_thread(struct thread *thread)
{
	static ucontext_t start;

	running = thread;
	if (getcontext(&start) < 0)
		abort();
	start.uc_stack.ss_sp = world_stack_end(thread) - WORLD_STACK_BYTES;
	start.uc_stack.ss_size = WORLD_STACK_BYTES;
	start.uc_link = NULL;
	makecontext(&start, thread_main, 0);
	if (_setjmp(scheduler) == 0)
		setcontext(&start);
}

static void
resume(void)
{
	if (_setjmp(scheduler) == 0)
		_longjmp(running->context, 1);
}

/* -- memory -------------------------------------------------------------- */

/* A broken protocol follows pointers that are none. */
static void
on_fault(int number)
{
	if (running == NULL && !is_checked) {
		signal(number, SIG_DFL);
		return;
	}
	explorer_broken("broken: a wild pointer was followed");
}

static void
catch_faults(void)
{
	static char stack[64 * 1024];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = {
		.sa_handler = on_fault,
		.sa_flags = SA_ONSTACK | SA_NODEFER,
	};

	sigaltstack(&alternate, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

static void
drain_one(struct thread *thread)
{
	struct buffered first = thread->buffer[0];

	last = (struct machine_event){
		.what = "a store drains",
		.address = first.address,
		.before = world_read(first.address, first.size),
		.after = first.value,
		.writes = true,
	};
	thread->waiting--;
	memmove(thread->buffer, thread->buffer + 1,
		thread->waiting * sizeof(first));
	memset(thread->buffer + thread->waiting, 0, sizeof(first));
	world_write(first.address, first.size, first.value);
}

/* -- what the code under test calls -------------------------------------- */

uint64_t
gyre__explorer_load(const void *p, size_t size, enum gyre__explorer_order order)
{
	uint64_t value;

	(void)order;
	stop_before(WISH_LOAD, "load");
	value = world_read(p, size);
	for (unsigned i = 0; running != NULL && i < running->waiting; i++)
		if (running->buffer[i].address == p)
			value = running->buffer[i].value;
	last.address = p;
	last.before = value;
	return value;
}

/*
 * A store into the buffer is no step: nobody else can see it before it drains,
 * which it may at any later time.
 */
void
gyre__explorer_store(void *p, size_t size, uint64_t value,
		     enum gyre__explorer_order order)
{
	(void)order;
	if (!sequential && running != NULL) {
		GYRE_INSIST(running->waiting < WORLD_BUFFER_MAX);
		running->buffer[running->waiting++] = (struct buffered){
			.address = p, .size = size, .value = value
		};
		return;
	}
	stop_before(WISH_STORE, "store");
	last.address = p;
	last.writes = true;
	last.before = world_read(p, size);
	last.after = value;
	world_write(p, size, value);
}

/* Before the exchange, it is a step; after it, the plain code is another. */
static uint64_t
begin_locked(const char *what, const void *p, size_t size)
{
	stop_before(WISH_LOCKED, what);
	last.address = p;
	last.before = world_read(p, size);
	return last.before;
}

static void
end_locked(void *p, size_t size, uint64_t value)
{
	last.writes = true;
	last.after = value;
	world_write(p, size, value);
	stop_before(WISH_PLAIN, "runs on");
}

uint64_t
gyre__explorer_swap(void *p, size_t size, uint64_t value,
		    enum gyre__explorer_order order)
{
	uint64_t seen = begin_locked("exchange", p, size);

	(void)order;
	end_locked(p, size, value);
	return seen;
}

bool
gyre__explorer_cas(void *p, size_t size, void *expected, uint64_t value,
		   enum gyre__explorer_order order)
{
	uint64_t wanted = 0;
	uint64_t seen = begin_locked("compare and swap", p, size);

	(void)order;
	last.compares = true;
	memcpy(&wanted, expected, size);
	memcpy(expected, &seen, size);
	if (seen != wanted)
		return false;
	end_locked(p, size, value);
	return true;
}

uint64_t
gyre__explorer_add(void *p, size_t size, uint64_t delta,
		   enum gyre__explorer_order order)
{
	uint64_t seen = begin_locked("add", p, size);
	uint64_t sum = seen + delta;

	(void)order;
	if (size == sizeof(uint32_t))
		sum = (uint32_t)sum;
	end_locked(p, size, sum);
	return seen;
}

/*
 * A loop that looked in vain goes on when someone has written: to look again
 * before that would see the same.
 */
void
gyre__explorer_pause(void)
{
	running->written = 0;
	stop_before(WISH_PAUSE, "looks again");
	running->written = 0;
}

void
gyre__fail(const char *what, const char *file, int line, const char *function)
{
	if (running == NULL) {
		fprintf(stderr, "%s:%d: %s(): %s\n", file, line, function,
			what);
		abort();
	}
	explorer_broken(what);
}

/* -- what a scenario calls ----------------------------------------------- */

unsigned
explorer_choose(unsigned count, const char *what)
{
	unsigned answer;

	running->count = count;
	stop_before(WISH_CHOICE, what);
	answer = (unsigned)running->answer;
	last.before = answer;
	running->count = 0;
	running->answer = 0;
	return answer;
}

void
explorer_step(const char *what)
{
	stop_before(WISH_LOAD, what);
}

void
explorer_wait(bool (*ready)(const void *arg), const void *arg, const char *what)
{
	running->ready = ready;
	running->arg = arg;
	stop_before(WISH_WAIT, what);
	running->ready = NULL;
	running->arg = NULL;
}

/* -- what the explorer calls --------------------------------------------- */

void
machine_start(const struct explorer_scenario *the_scenario, bool no_buffers)
{
	scenario = the_scenario;
	world_threads = scenario->threads;
	sequential = no_buffers;
	broken = NULL;
	running = NULL;
	world_forget_names();
	memset(&world, 0, sizeof(world));
	memset(world_stacks, 0, sizeof(world_stacks));
	catch_faults();
	scenario->set_up();
	for (unsigned i = 0; i < world_threads; i++)
		start_thread(&world.threads[i]);
	running = NULL;
	GYRE_INSIST(broken == NULL);
}

static bool
can_go(const struct thread *thread)
{
	switch (thread->wish) {
	case WISH_END:
		return false;
	case WISH_LOCKED:
		return thread->waiting == 0;
	case WISH_PAUSE:
		return thread->written != 0;
	case WISH_WAIT:
		return thread->ready(thread->arg);
	default:
		return true;
	}
}

/*
 * A branch is the thread's own affair, so its answers are all that needs to
 * be tried while there is one.
 */
unsigned
machine_choices(struct machine_choice choices[MACHINE_CHOICES_MAX])
{
	unsigned count = 0;

	for (uint8_t i = 0; i < world_threads; i++) {
		const struct thread *thread = &world.threads[i];

		if (thread->wish != WISH_CHOICE)
			continue;
		for (uint8_t answer = 0; answer < thread->count; answer++)
			choices[count++] = (struct machine_choice){ i, answer };
		return count;
	}
	for (uint8_t i = 0; i < world_threads; i++) {
		const struct thread *thread = &world.threads[i];

		if (can_go(thread))
			choices[count++] = (struct machine_choice){ i, 0 };
		if (thread->waiting > 0)
			choices[count++] =
				(struct machine_choice){ i, MACHINE_DRAIN };
	}
	return count;
}

static void
drain_in_scheduler(void)
{
	if (_setjmp(scheduler) == 0)
		drain_one(running);
}

bool
machine_take(struct machine_choice choice, struct machine_event *event)
{
	broken = NULL;
	running = &world.threads[choice.thread];
	if (choice.answer == MACHINE_DRAIN) {
		drain_in_scheduler();
	} else {
		running->answer = choice.answer;
		resume();
	}
	running = NULL;
	*event = last;
	return broken == NULL;
}

static void
check_end(void)
{
	is_checked = true;
	if (_setjmp(scheduler) == 0)
		scenario->check_end();
	is_checked = false;
}

bool
machine_end(void)
{
	for (unsigned i = 0; i < world_threads; i++)
		if (world.threads[i].wish != WISH_END)
			broken = "broken: nothing can move";
	if (broken == NULL)
		check_end();
	return broken == NULL;
}

void
machine_break(const char *law)
{
	broken = law;
}

const char *
machine_broken(void)
{
	return broken;
}

const char *
machine_thread_state(unsigned thread)
{
	return world.threads[thread].what;
}
