/*
 * Another thread's stack is taken by that thread: a signal makes it look at
 * itself in a handler, which only unwinds into the slot below and says so in
 * the slot's word. Who asked waits, and does all that is not safe in a handler.
 *
 * The signal is SIGURG: it does nothing where nobody handles it, so one that
 * is answered late, or after all is over, is harmless; a real-time signal
 * would end the process then. A signal's handler is the process's, and so is
 * the slot: the only data here that hangs off no object. Our handler is there
 * only while a stack is being taken; what another one of the program's misses
 * in that time is handed on to it, and then it is put back.
 *
 * Rejected: a handler that stays, which others would have to know of; ptrace
 * and /proc, which not every process may use on itself; a semaphore for the
 * answer, which the handler might post after the waiter has gone.
 */
#include "base/backtrace.h"

#include "base/atomics.h"
#include "base/fork.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#if defined(__GLIBC__) || defined(__APPLE__)
#include <execinfo.h>
#include <unwind.h>
#define UNWIND(frames, max)         backtrace((frames), (max))
#define ENCLOSING_FUNCTION(address) _Unwind_FindEnclosingFunction(address)
#else
#define UNWIND(frames, max)         ((void)(frames), 0)
#define ENCLOSING_FUNCTION(address) ((void)(address), (void *)NULL)
#endif

#define SIGNAL      SIGURG
#define PATIENCE_NS 500000000
#define NAP_MIN_NS  50000
#define NAP_MAX_NS  10000000

/*
 * The slot's word: whom we ask, and how far that is.
 *
 *     NULL      nobody is asked
 *     a thread  is asked; it alone can go on to TAKING, who asked to NULL
 *     TAKING    its handler writes the slot
 *     TAKEN     the slot is whole
 */
#define TAKING ((void *)(uintptr_t)1)
#define TAKEN  ((void *)(uintptr_t)2)

static struct {
	/* -- any thread, atomic -- */
	uint32_t taker; /* 0: nobody takes; else 1 + the forks before it */
	void *asked;
	void *plain_handler; /* the program's own, of either kind */
	void *info_handler;
	/* -- the taker's -- */
	struct sigaction before;
	/* -- the taker's, and while TAKING the asked thread's -- */
	struct gyre__backtrace_request request;
	struct gyre__backtrace taken;
	bool is_refused;
} slot;

static void *
word_of(pthread_t thread)
{
	return (void *)(uintptr_t)thread;
}

/* -- one's own stack ------------------------------------------------------ */

void
gyre__backtrace_prepare(void)
{
	void *frame;

	/* The C library loads its unwinder. */
	(void)UNWIND(&frame, 1);
}

/* Unwind, and leave out what is before this address, if it is there. */
static void
unwind(const void *from, bool is_interrupted, struct gyre__backtrace *ret)
{
	int first = 0;

	ret->count = UNWIND(ret->frames, GYRE__BACKTRACE_MAX);
	while (first < ret->count && ret->frames[first] != from)
		first++;
	ret->is_interrupted = is_interrupted && first < ret->count;
	if (first == ret->count)
		return;
	/* An interrupted function comes after the frame that returns to it. */
	first += is_interrupted;
	ret->count -= first;
	memmove(ret->frames, ret->frames + first,
		(size_t)ret->count * sizeof(ret->frames[0]));
}

void
gyre__backtrace_take(const void *from, struct gyre__backtrace *ret)
{
	unwind(from, false, ret);
}

/* -- in the handler ------------------------------------------------------- */

static bool
answer(const void *from)
{
	void *asked = word_of(pthread_self());

	/* backtrace.H1 acq_rel: the request after the word that makes it; and
	 * who asked cannot take it back; pairs with backtrace.A1,
	 * backtrace.A3 */
	if (!gyre__cas_ptr_acq_rel(&slot.asked, &asked, TAKING))
		return false;
	/* backtrace.H2 relaxed: this thread's own word */
	slot.is_refused =
		gyre__load_64_relaxed(slot.request.word) != slot.request.value;
	if (!slot.is_refused)
		unwind(from, true, &slot.taken);
	/* backtrace.H3 release: the stack before the word that says it is
	 * there; pairs with backtrace.A2, backtrace.A4 */
	gyre__store_ptr_release(&slot.asked, TAKEN);
	return true;
}

/* It was not for us. */
static void
hand_on(int number, siginfo_t *info, void *context)
{
	/* backtrace.F1 acquire: nothing of ours is behind it; pairs with
	 * backtrace.F3 */
	void *with_info = gyre__load_ptr_acquire(&slot.info_handler);
	/* backtrace.F2 acquire: as backtrace.F1; pairs with backtrace.F4 */
	void *plain = gyre__load_ptr_acquire(&slot.plain_handler);

	if (with_info != NULL)
		((void (*)(int, siginfo_t *, void *))(uintptr_t)with_info)(
			number, info, context);
	else if (plain != NULL)
		((void (*)(int))(uintptr_t)plain)(number);
}

static void
on_signal(int number, siginfo_t *info, void *context)
{
	int error = errno;

	if (!answer(__builtin_return_address(0)))
		hand_on(number, info, context);
	errno = error;
}

/* -- who asks ------------------------------------------------------------- */

static void
nap(const struct gyre_sys *sys, int64_t *nap_ns, int64_t *left_ns)
{
	struct timespec time = { .tv_nsec = (long)*nap_ns };

	sys->nanosleep(&time, NULL);
	*left_ns -= *nap_ns;
	*nap_ns = *nap_ns * 2 < NAP_MAX_NS ? *nap_ns * 2 : NAP_MAX_NS;
}

/* One stack at a time. A child may find that its parent was taking one: what
 * was going on stayed behind. */
static int
begin(const struct gyre_sys *sys)
{
	uint32_t process = gyre__forks() + 1;
	int64_t nap_ns = NAP_MIN_NS;
	int64_t left_ns = PATIENCE_NS;

	while (left_ns > 0) {
		uint32_t taker = 0;

		/* backtrace.T1 acq_rel: the slot as the last taker left it;
		 * pairs with backtrace.T3 */
		if (gyre__cas_32_acq_rel(&slot.taker, &taker, process))
			return 0;
		/* backtrace.T2 acq_rel: as backtrace.T1; pairs with
		 * backtrace.T3 */
		if (taker != process &&
		    gyre__cas_32_acq_rel(&slot.taker, &taker, process)) {
			/* backtrace.T4 relaxed: its thread is not here */
			gyre__store_ptr_relaxed(&slot.asked, NULL);
			return 0;
		}
		nap(sys, &nap_ns, &left_ns);
	}
	return -EBUSY;
}

static void
end(void)
{
	/* backtrace.T3 release: the slot before who takes next; pairs with
	 * backtrace.T1, backtrace.T2 */
	gyre__store_32_release(&slot.taker, 0);
}

static bool
is_ours(const struct sigaction *action)
{
	return (action->sa_flags & SA_SIGINFO) &&
	       action->sa_sigaction == on_signal;
}

static void
remember(const struct sigaction *before)
{
	bool is_info = (before->sa_flags & SA_SIGINFO) != 0;
	bool is_none = !is_info && (before->sa_handler == SIG_DFL ||
				    before->sa_handler == SIG_IGN);
	void *handler = is_info ? (void *)(uintptr_t)before->sa_sigaction
				: (void *)(uintptr_t)before->sa_handler;

	slot.before = *before;
	/* backtrace.F3 release: pairs with backtrace.F1 */
	gyre__store_ptr_release(&slot.info_handler, is_info ? handler : NULL);
	/* backtrace.F4 release: pairs with backtrace.F2 */
	gyre__store_ptr_release(&slot.plain_handler,
				is_info || is_none ? NULL : handler);
}

static int
install(const struct gyre_sys *sys)
{
	struct sigaction ours = {
		.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK,
	};
	struct sigaction before;

	ours.sa_sigaction = on_signal;
	sigemptyset(&ours.sa_mask);
	if (sys->sigaction(SIGNAL, NULL, &before) < 0)
		return -errno;
	/* Ours is there after a fork that found it installed. */
	if (!is_ours(&before))
		remember(&before);
	return sys->sigaction(SIGNAL, &ours, NULL) < 0 ? -errno : 0;
}

/* Put the program's own back, unless it has put another there itself. */
static void
restore(const struct gyre_sys *sys)
{
	struct sigaction now;

	if (sys->sigaction(SIGNAL, NULL, &now) == 0 && is_ours(&now))
		sys->sigaction(SIGNAL, &slot.before, NULL);
}

static bool
wait_until_taken(const struct gyre_sys *sys)
{
	int64_t nap_ns = NAP_MIN_NS;
	int64_t left_ns = PATIENCE_NS;

	/* backtrace.A2 acquire: the stack after the word that says it is
	 * there; pairs with backtrace.H3 */
	while (gyre__load_ptr_acquire(&slot.asked) != TAKEN) {
		if (left_ns <= 0)
			return false;
		nap(sys, &nap_ns, &left_ns);
	}
	return true;
}

/* No answer: take the question back, unless the handler has begun. */
static int
give_up(const struct gyre_sys *sys)
{
	void *asked = word_of(slot.request.thread);

	/* backtrace.A3 acq_rel: from here on nobody answers; pairs with
	 * backtrace.H1 */
	if (gyre__cas_ptr_acq_rel(&slot.asked, &asked, NULL))
		return -ETIMEDOUT;
	return wait_until_taken(sys) ? 0 : -ETIMEDOUT;
}

static int
ask(const struct gyre_sys *sys, const struct gyre__backtrace_request *request)
{
	int given_up;
	int result;

	/* backtrace.A4 acquire: one who was given up on may still write; pairs
	 * with backtrace.H3 */
	if (gyre__load_ptr_acquire(&slot.asked) == TAKING)
		return -EBUSY;
	slot.request = *request;
	/* backtrace.A1 release: the request before the word that makes it;
	 * pairs with backtrace.H1 */
	gyre__store_ptr_release(&slot.asked, word_of(request->thread));
	result = -sys->thread_kill(request->thread, SIGNAL);
	if (result == 0 && wait_until_taken(sys))
		return 0;
	given_up = give_up(sys);
	return result < 0 ? result : given_up;
}

int
gyre__backtrace_take_other(const struct gyre_sys *sys,
			   const struct gyre__backtrace_request *request,
			   struct gyre__backtrace *ret)
{
	int result = begin(sys);

	if (result < 0)
		return result;
	result = install(sys);
	if (result < 0) {
		end();
		return result;
	}
	result = ask(sys, request);
	restore(sys);
	if (result == 0 && slot.is_refused)
		result = -ECANCELED;
	if (result == 0)
		*ret = slot.taken;
	end();
	return result;
}

/* -- names ---------------------------------------------------------------- */

/* What dladdr() knows of this address; false: not even its module. */
static bool
look_up(const void *address, Dl_info *ret)
{
	return dladdr(address, ret) != 0 && ret->dli_fname != NULL;
}

static size_t
distance(const void *address, const void *base)
{
	return (size_t)((const char *)address - (const char *)base);
}

void
gyre__function_name(void (*fn)(void), char *text, size_t size)
{
	const void *address = (const void *)(uintptr_t)fn;
	Dl_info info;

	if (!look_up(address, &info))
		snprintf(text, size, "%p", address);
	else if (info.dli_sname != NULL && info.dli_saddr == address)
		snprintf(text, size, "%s", info.dli_sname);
	else
		snprintf(text, size, "%s+%#zx", info.dli_fname,
			 distance(address, info.dli_fbase));
}

/* Inside of the frame's function: what follows a call may belong to the next
 * one already. */
static char *
inside(const struct gyre__backtrace *backtrace, int frame)
{
	char *address = backtrace->frames[frame];
	bool is_exact = frame == 0 && backtrace->is_interrupted;

	return is_exact ? address : address - 1;
}

void *
gyre__frame_function(const struct gyre__backtrace *backtrace, int frame)
{
	return ENCLOSING_FUNCTION(inside(backtrace, frame));
}

void
gyre__frame_name(const struct gyre__backtrace *backtrace, int frame, char *text,
		 size_t size)
{
	const char *address = backtrace->frames[frame];
	Dl_info info;

	if (!look_up(inside(backtrace, frame), &info))
		snprintf(text, size, "%p", (const void *)address);
	else if (info.dli_sname != NULL)
		snprintf(text, size, "%s+%#zx (%s+%#zx)", info.dli_sname,
			 distance(address, info.dli_saddr), info.dli_fname,
			 distance(address, info.dli_fbase));
	else
		snprintf(text, size, "%s+%#zx", info.dli_fname,
			 distance(address, info.dli_fbase));
}
