/*
 * RFC 8305, "Happy Eyeballs", from its section 4 on: the addresses in the
 * resolver's order but families in turn; the next one begins when the last has
 * failed, or has been alone for the stagger. Those that have begun go on; the
 * first to be connected closes the others.
 *
 * Each attempt that has begun has a handler on the loop and a descriptor; there
 * is one timeout for all, until the last has begun.
 */
#include "net/race.h"

#include "base/check.h"
#include "base/sys.h"
#include "loop/loop.h"
#include "net/socket.h"

#include <errno.h>

struct attempt {
	struct gyre__race *race;
	const struct gyre_address *address;
	int fd; /* -1: not begun, or failed */
};

struct gyre__race {
	/* -- immutable after start -- */
	struct gyre_loop *loop;
	const struct gyre_sys *sys;
	struct gyre_addresses *addresses;
	struct gyre__race_options options;
	/* -- owner -- */
	gyre_timeout stagger; /* 0: none is scheduled */
	size_t begun;
	size_t open;  /* of those: neither failed nor connected */
	size_t count; /* of attempts */
	int error;    /* the first address's */
	struct attempt attempts[];
};

/* -- the order --------------------------------------------------------------
 */

/* The next address from there on that is of the first one's family, or not. */
static size_t
find(const struct gyre_addresses *addresses, size_t from, bool same)
{
	sa_family_t first = addresses->items[0].sockaddr->sa_family;

	while (from < addresses->count &&
	       (addresses->items[from].sockaddr->sa_family == first) != same)
		from++;
	return from;
}

/* Families in turn, beginning with the first one's; then what is left. */
static void
put_in_order(struct gyre__race *race)
{
	size_t next[2] = { find(race->addresses, 0, false),
			   find(race->addresses, 0, true) };
	bool same = true;

	for (size_t i = 0; i < race->count; i++) {
		if (next[same] == race->count)
			same = !same;
		race->attempts[i] = (struct attempt){
			.race = race,
			.address = &race->addresses->items[next[same]],
			.fd = -1,
		};
		next[same] = find(race->addresses, next[same] + 1, same);
		same = !same;
	}
}

/* -- attempts ----------------------------------------------------------------
 */

static void on_attempt(int fd, unsigned events, void *arg);

static int
begin(struct attempt *attempt)
{
	struct gyre__race *race = attempt->race;
	int fd = gyre__socket_connect(race->sys, attempt->address);
	int status;

	if (fd < 0)
		return fd;
	status = gyre_loop_add_handler(race->loop, fd, GYRE_WRITE, on_attempt,
				       attempt);
	if (status < 0) {
		race->sys->close(fd);
		return status;
	}
	attempt->fd = fd;
	race->open++;
	return 0;
}

/* The descriptor is the caller's now. */
static int
end(struct attempt *attempt)
{
	int fd = attempt->fd;

	gyre_loop_remove_handler(attempt->race->loop, fd);
	attempt->fd = -1;
	attempt->race->open--;
	return fd;
}

static void on_stagger(void *arg);

/* Begin what has not failed at once; whether anything is on its way. */
static bool
go_on(struct gyre__race *race)
{
	int status = -EAGAIN;

	while (status < 0 && race->begun < race->count) {
		status = begin(&race->attempts[race->begun++]);
		if (status < 0 && race->begun == 1)
			race->error = status;
	}
	/* Without a timeout the next begins when this one fails. */
	if (status == 0 && race->begun < race->count)
		(void)!gyre_loop_call_later(race->loop,
					    race->options.stagger_ns,
					    on_stagger, race, &race->stagger);
	return race->open > 0;
}

/* -- ends ---------------------------------------------------------------------
 */

static void
release(struct gyre__race *race)
{
	gyre_loop_remove_timeout(race->loop, race->stagger);
	for (size_t i = 0; i < race->begun; i++) {
		if (race->attempts[i].fd >= 0)
			race->sys->close(end(&race->attempts[i]));
	}
	GYRE_INSIST(race->open == 0);
	race->sys->release(race);
}

static void
finish(struct gyre__race *race, int outcome)
{
	struct gyre__race_options options = race->options;

	gyre_addresses_free(race->addresses);
	release(race);
	options.fn(outcome, options.arg);
}

static void
on_stagger(void *arg)
{
	struct gyre__race *race = arg;

	race->stagger = 0;
	(void)go_on(race);
}

static void
on_attempt(int fd, unsigned events, void *arg)
{
	struct attempt *attempt = arg;
	struct gyre__race *race = attempt->race;
	int status = gyre__socket_error(race->sys, fd);

	(void)events;
	end(attempt);
	if (status == 0) {
		finish(race, fd);
		return;
	}
	race->sys->close(fd);
	if (attempt == &race->attempts[0])
		race->error = status;
	gyre_loop_remove_timeout(race->loop, race->stagger);
	race->stagger = 0;
	if (!go_on(race))
		finish(race, race->error);
}

/* -- for connect.c
 * -------------------------------------------------------------- */

int
gyre__race_start(struct gyre_loop *loop, struct gyre_addresses *addresses,
		 const struct gyre__race_options *options,
		 struct gyre__race **ret_race)
{
	const struct gyre_sys *sys = gyre__loop_sys(loop);
	size_t count = addresses->count;
	struct gyre__race *race = gyre__allocate(
		sys, sizeof(*race) + count * sizeof(struct attempt), 0);
	int status;

	if (race == NULL)
		return -ENOMEM;
	GYRE_INSIST(count > 0);
	race->loop = loop;
	race->sys = sys;
	race->addresses = addresses;
	race->options = *options;
	race->count = count;
	put_in_order(race);
	if (go_on(race)) {
		*ret_race = race;
		return 0;
	}
	status = race->error;
	release(race);
	return status;
}

void
gyre__race_cancel(struct gyre__race *race)
{
	gyre_addresses_free(race->addresses);
	release(race);
}
