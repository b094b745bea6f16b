#include "tests/bus/sleeper.h"

#include "tests/pool/harness.h"

#include <errno.h>
#include <unistd.h>

/* Plain on purpose: a ring that close did not wait for is a data race. */
static void
check_and_ring(struct gyre__doorbell *bell)
{
	struct sleeper *sleeper = (struct sleeper *)bell;

	CHECK(!sleeper->closed);
	sleeper->ring(bell);
}

void
sleeper_open(struct sleeper *sleeper)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	CHECK(gyre__wake_fd_open(&sleeper->wake, harness_sys()) == 0);
	sleeper->ring = sleeper->wake.bell.ring;
	sleeper->wake.bell.ring = check_and_ring;
	sleeper->closed = false;
	sleeper->inbox = gyre__inbox_new(harness_sys(), &sleeper->wake.bell);
	CHECK(sleeper->inbox != NULL);
	sleeper->epoll = epoll_create1(EPOLL_CLOEXEC);
	CHECK(epoll_ctl(sleeper->epoll, EPOLL_CTL_ADD, sleeper->wake.read_fd,
			&event) == 0);
}

void
sleeper_sleep(struct sleeper *sleeper)
{
	struct epoll_event event;
	int count;

	if (!gyre__inbox_arm(sleeper->inbox))
		return;
	do
		count = epoll_wait(sleeper->epoll, &event, 1, -1);
	while (count < 0 && errno == EINTR);
	CHECK(count == 1);
}

void
sleeper_close(struct sleeper *sleeper)
{
	const struct gyre_inbox *inbox = sleeper->inbox;

	CHECK(inbox->arms == inbox->self_disarms + inbox->rings);
	sleeper->closed = true;
	gyre__wake_fd_close(&sleeper->wake);
	close(sleeper->epoll);
}
