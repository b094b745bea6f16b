#include "handlers.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "life.h"
#include "report.h"
#include "rng.h"

#define READ_MAX 16

int
handlers_open(struct place *place)
{
	struct handlers *handlers = &place->handlers;
	unsigned wanted = place->life->producers_count;

	/* What nobody reads any more would keep a hush from coming: so not on
	 * a loop that may close before it. */
	if (!options_mixes(place->life->options, PATH_HANDLERS) ||
	    place->index >= place->life->shards)
		return 0;
	while (handlers->count < wanted && handlers->count < HANDLERS_MAX) {
		struct conduit *conduit = &handlers->conduits[handlers->count];
		int fds[2];

		if (pipe(fds) < 0)
			return -errno;
		(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
		(void)fcntl(fds[1], F_SETFL, O_NONBLOCK);
		conduit->place = place;
		conduit->index = handlers->count++;
		conduit->read_fd = fds[0];
		conduit->write_fd = fds[1];
	}
	return 0;
}

void
handlers_close(struct place *place)
{
	for (unsigned i = 0; i < place->handlers.count; i++) {
		close(place->handlers.conduits[i].read_fd);
		close(place->handlers.conduits[i].write_fd);
	}
}

static struct actor *
writer_of(const struct conduit *conduit)
{
	return conduit->place->life->producers[conduit->index].actor;
}

static void on_readable(int fd, unsigned events, void *arg);

static void
add_again(void *arg)
{
	struct conduit *conduit = arg;
	int error =
		gyre_loop_add_handler(conduit->place->loop, conduit->read_fd,
				      GYRE_READ, on_readable, conduit);

	if (error < 0)
		report_broken(LAW_ERRORS, self, "a handler was refused: %s",
			      gyre_error_name(error));
	conduit->is_registered = true;
}

/* Gone, and back in another iteration. */
static void
leave_and_return(struct conduit *conduit)
{
	struct gyre_loop *loop = conduit->place->loop;

	actor_note(EVENT_CANCEL, PATH_HANDLERS, writer_of(conduit)->id,
		   conduit->read);
	if (gyre_loop_remove_handler(loop, conduit->read_fd) < 0)
		report_broken(LAW_ERRORS, self, "a handler is not there");
	conduit->is_registered = false;
	if (gyre_loop_add_callback(loop, add_again, conduit) < 0)
		report_broken(LAW_ERRORS, self,
			      "a running loop refused its own callback");
}

static void
take_number(struct conduit *conduit, uint64_t number)
{
	if (number != conduit->read)
		report_broken(number < conduit->read ? LAW_ONCE : LAW_ORDER,
			      writer_of(conduit),
			      "%s read number %llu where %llu was due",
			      self->name, (unsigned long long)number,
			      (unsigned long long)conduit->read);
	conduit->read++;
	actor_note(EVENT_RUN, PATH_HANDLERS, writer_of(conduit)->id, number);
	actor_count(&self->tally[PATH_HANDLERS].run);
}

static void
on_readable(int fd, unsigned events, void *arg)
{
	struct conduit *conduit = arg;
	uint64_t numbers[READ_MAX];
	ssize_t length;

	if (self != conduit->place->actor || !conduit->is_registered)
		report_broken(LAW_ROUTING, conduit->place->actor,
			      "a handler of %s was called %s",
			      conduit->place->actor->name,
			      conduit->is_registered ? "elsewhere"
						     : "after its removal");
	if ((events & GYRE_READ) == 0)
		return;
	length = read(fd, numbers, sizeof(numbers));
	for (ssize_t i = 0; i < length / (ssize_t)sizeof(*numbers); i++)
		take_number(conduit, numbers[i]);
	if (length > 0 && rng_mix(conduit->read ^ self->life->seed) % 16 == 0)
		leave_and_return(conduit);
}

void
handlers_register(struct place *place)
{
	for (unsigned i = 0; i < place->handlers.count; i++)
		add_again(&place->handlers.conduits[i]);
}

void
handlers_write(struct place *place, unsigned producer)
{
	struct tally *tally = &self->tally[PATH_HANDLERS];
	struct conduit *conduit;

	if (producer >= place->handlers.count)
		return;
	conduit = &place->handlers.conduits[producer];
	actor_count(&tally->started);
	actor_note(EVENT_SEND, PATH_HANDLERS, place->index, conduit->written);
	/* A pipe takes eight bytes whole or not at all. */
	if (write(conduit->write_fd, &conduit->written,
		  sizeof(conduit->written)) > 0)
		conduit->written++;
	else
		actor_count(&tally->refused);
}

static uint64_t
count_unread(const struct conduit *conduit)
{
	uint64_t number;
	uint64_t count = 0;

	while (read(conduit->read_fd, &number, sizeof(number)) > 0)
		count++;
	return count;
}

void
handlers_check(struct place *place)
{
	for (unsigned i = 0; i < place->handlers.count; i++) {
		struct conduit *conduit = &place->handlers.conduits[i];
		uint64_t unread = count_unread(conduit);

		if (conduit->read + unread != conduit->written)
			report_broken(LAW_CONSERVATION, writer_of(conduit),
				      "of %llu numbers %s read %llu, and %llu "
				      "are left",
				      (unsigned long long)conduit->written,
				      place->actor->name,
				      (unsigned long long)conduit->read,
				      (unsigned long long)unread);
		for (; unread > 0; unread--)
			actor_count(&self->tally[PATH_HANDLERS]
					     .dropped[GYRE_DROP_STOPPED]);
	}
}
