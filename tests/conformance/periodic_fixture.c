/* The periodic of a test. */
#include "tests/conformance/periodic_fixture.h"

#include "loop/periodic.h"

struct gyre_periodic *periodic;
int64_t called_at_ns[CALLS_MAX];
unsigned calls;
const int64_t *durations;
void (*in_call)(void);

static unsigned calls_wanted;

void
on_call(void *word)
{
	CHECK(calls < CALLS_MAX);
	called_at_ns[calls] = stage.now_ns;
	if (durations != NULL)
		stage.now_ns += GYRE_SECONDS(1) * durations[calls];
	calls++;
	trace_arg(word);
	if (in_call != NULL)
		in_call();
	if (calls == calls_wanted)
		gyre_loop_stop(the_loop);
}

struct gyre_periodic *
make_periodic(int64_t period_ns)
{
	const struct gyre_callback callback = { .fn = on_call };
	struct gyre_periodic *made = NULL;

	CHECK(gyre__periodic_new(&fake_sys, &callback, period_ns, &made) == 0);
	return made;
}

void
start_periodic(void)
{
	CHECK(gyre_periodic_start_on(periodic, the_loop) == 0);
}

void
run_for_calls(unsigned count)
{
	calls_wanted = calls + count;
	run();
}

int
set_up_periodic(void **state)
{
	stage_set_up(state);
	calls = 0;
	calls_wanted = 0;
	durations = NULL;
	in_call = NULL;
	periodic = make_periodic(GYRE_SECONDS(10));
	return 0;
}

int
tear_down_periodic(void **state)
{
	gyre_periodic_free(periodic);
	return loop_tear_down(state);
}
