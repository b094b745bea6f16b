/* The stage: a virtual clock, and a poller that asks no kernel. */
#include "tests/support/loop_fixture.h"

#include "bus/doorbell.h"

struct stage stage;

static struct {
	bool used;
	unsigned events;
	uint64_t cookie;
} registered[STAGE_FDS];

int64_t
stage_now(void *arg)
{
	(void)arg;
	return stage.now_ns;
}

void
stage_reset(void)
{
	stage = (struct stage){ .now_ns = GYRE_SECONDS(1000) };
	memset(registered, 0, sizeof(registered));
}

/* A loop's poller is a doorbell and no more: what it writes is counted. */
static int
stage_open(const struct gyre_sys *sys, void **ret_poller)
{
	struct gyre__wake_fd *bell = malloc(sizeof(*bell));
	int result;

	CHECK(bell != NULL);
	result = gyre__wake_fd_open(bell, sys);
	if (result == 0)
		*ret_poller = bell;
	else
		free(bell);
	return result;
}

static void
stage_close(void *poller)
{
	gyre__wake_fd_close(poller);
	free(poller);
}

static void
stage_wake(void *poller)
{
	struct gyre__wake_fd *bell = poller;

	bell->bell.ring(&bell->bell);
}

static int
stage_add(void *poller, int fd, unsigned events, uint64_t cookie)
{
	(void)poller;
	if (fd >= STAGE_FDS)
		return -EBADF;
	CHECK(!registered[fd].used);
	registered[fd].used = true;
	registered[fd].events = events;
	registered[fd].cookie = cookie;
	return 0;
}

static int
stage_modify(void *poller, int fd, unsigned events, uint64_t cookie)
{
	(void)poller;
	CHECK(registered[fd].used);
	registered[fd].events = events;
	registered[fd].cookie = cookie;
	return 0;
}

static int
stage_remove(void *poller, int fd)
{
	(void)poller;
	if (fd < STAGE_FDS)
		registered[fd].used = false;
	return 0;
}

static int
stage_collect(struct gyre_poller_event *events, int max)
{
	int count = 0;

	for (int fd = 0; fd < STAGE_FDS && count < max; fd++) {
		unsigned ready = stage.ready[fd] & registered[fd].events;

		if (!registered[fd].used || ready == 0)
			continue;
		events[count].cookie = registered[fd].cookie;
		events[count++].events = ready;
	}
	return count;
}

/* What is ready, by number; if nothing is, time passes. */
static int
stage_wait(void *poller, struct gyre_poller_event *events, int max,
	   int64_t timeout_ns)
{
	bool scripted = stage.on_wait != NULL;
	int failed;
	int count;

	(void)poller;
	stage.polls++;
	stage.sleeps += timeout_ns != 0;
	stage.slept_ns = timeout_ns;
	if (scripted)
		stage.on_wait();
	failed = stage.fail_next;
	stage.fail_next = 0;
	if (failed < 0)
		return failed;
	count = stage_collect(events, max);
	if (count > 0)
		return count;
	/* Nothing would ever end this one. */
	CHECK(timeout_ns != GYRE_FOREVER || scripted);
	if (timeout_ns != GYRE_FOREVER)
		stage.now_ns += timeout_ns;
	return 0;
}

const struct gyre_poller_ops stage_poller = {
	.name = "stage",
	.open = stage_open,
	.close = stage_close,
	.add = stage_add,
	.modify = stage_modify,
	.remove = stage_remove,
	.wait = stage_wait,
	.wake = stage_wake,
};

struct gyre_loop_options
stage_options(void)
{
	return (struct gyre_loop_options){
		.make_current = GYRE_MAKE_CURRENT_NO,
		.clock = { .now_ns = stage_now },
		.poller = &stage_poller,
		.slack_ns = 1, /* each timeout at its instant */
		._sys = &fake_sys,
	};
}

struct gyre_loop *
stage_loop(void)
{
	const struct gyre_loop_options options = stage_options();

	return new_loop(&options);
}
