/*
 * What the cells must survive: three threads that take from two and put back,
 * in every order. Nobody has a cell that another has, none is lost, and a pop
 * that was overtaken by everybody else does not take a stale link.
 */
#include "tests/models/explorer.h"

#include "base/exception.h"
#include "bus/cells.h"
#include "bus/outbox.h"

#define TAKERS     3
#define HEAP_BYTES 2048

/* The first chunks have two cells here, the next four. */
struct world {
	struct gyre_sys sys;
	struct gyre__cells cells;
	char *heap; /* a chunk may come late, when the arena is fixed */
	uint64_t heap_left;
	uint64_t released;
	uint64_t out[TAKERS]; /* whether the cell that is out is a chunk's */
};

static struct world *world;

/* -- what block.c has them for is not modelled --------------------------- */

_Thread_local struct gyre__outbox *gyre__outbox_of_thread;
_Thread_local struct gyre_exception gyre__exception;

void
gyre__block_release(struct gyre__block *block)
{
	(void)block;
}

void
gyre__block_come_home(struct gyre_task *task)
{
	(void)task;
}

void
gyre__outbox_report(struct gyre__outbox *outbox, const char *what,
		    void (*fn)(void), void *arg)
{
	(void)outbox;
	(void)what;
	(void)fn;
	(void)arg;
}

void
gyre__outbox_run_urgent_now(struct gyre__outbox *outbox)
{
	(void)outbox;
}

/* -- the world ----------------------------------------------------------- */

static void *
allocate(size_t size, size_t align)
{
	if (align == 0)
		align = sizeof(uint64_t);
	if (size > world->heap_left)
		return NULL;
	world->heap_left = (world->heap_left - size) / align * align;
	return world->heap + world->heap_left;
}

static void
release(void *memory)
{
	world->released += memory != NULL;
}

static void
set_up(void)
{
	world = explorer_allocate(sizeof(*world), 0);
	world->heap = explorer_allocate(HEAP_BYTES, GYRE__CACHE_PAIR);
	world->heap_left = HEAP_BYTES;
	world->sys.allocate = allocate;
	world->sys.release = release;
	gyre__cells_init(&world->cells, &world->sys);
	explorer_name(&world->cells.free, "free");
	explorer_name(&world->cells.chunks[0], "chunk 0");
	explorer_name(&world->cells.chunks[1], "chunk 1");
}

/* A cell that is out carries its owner's mark. */
static struct gyre__block *
mark(struct gyre__block *cell)
{
	if (cell == NULL)
		return NULL;
	EXPLORER_CHECK(cell->entries[0].arg == NULL && "it has an owner");
	EXPLORER_CHECK(cell->used == 0 && cell->messages == 0);
	cell->entries[0].arg = cell;
	return cell;
}

static struct gyre__block *
take(void)
{
	return mark(gyre__cells_take(&world->cells));
}

static void
put(struct gyre__block *first, struct gyre__block *second)
{
	struct gyre__cell_list list = { 0 };

	if (first != NULL) {
		first->entries[0].arg = NULL;
		gyre__cell_list_add(&list, first, &world->sys);
	}
	if (second != NULL) {
		second->entries[0].arg = NULL;
		gyre__cell_list_add(&list, second, &world->sys);
	}
	gyre__cells_put(&world->cells, &list);
}

/* How many are free: each once, since they come with marks. */
static unsigned
count_free(void)
{
	unsigned count = 0;

	world->heap_left = 0;
	while (take() != NULL)
		count++;
	return count;
}

/* -- take and put, from two and no more ---------------------------------- */

static void
two_cells_set_up(void)
{
	set_up();
	put(take(), NULL);
	world->heap_left = 0;
}

/* One holds two at once and puts them back together, as an outbox does. */
static void
take_and_put_run(unsigned thread)
{
	struct gyre__block *first = take();
	struct gyre__block *second = thread == 0 ? take() : NULL;

	put(first, second);
	if (thread == 1)
		put(take(), NULL);
}

static void
two_are_free(void)
{
	EXPLORER_CHECK(count_free() == 2);
}

static const struct explorer_scenario take_and_put = {
	.name = "take_and_put",
	.threads = TAKERS,
	.thread_names = { "taker 0", "taker 1", "taker 2" },
	.set_up = two_cells_set_up,
	.run = take_and_put_run,
	.check_end = two_are_free,
};

/* -- signal handlers, which take what is there and may be refused --------- */

static void
reserved_set_up(void)
{
	set_up();
	EXPLORER_CHECK(gyre__cells_reserve(&world->cells));
	world->heap_left = 0;
}

/*
 * A handler takes twice, gives one back as if its push had been refused, and
 * then the other. One that interrupts a taker runs from begin to end between
 * two of the taker's steps: these are some of the schedules, which are all
 * explored, with handlers that are interrupted among them.
 */
static void
handler_run(unsigned thread)
{
	struct gyre__block *first;
	struct gyre__block *second;

	if (thread != 1) {
		put(take(), NULL);
		return;
	}
	first = mark(gyre__cells_take_free(&world->cells));
	second = mark(gyre__cells_take_free(&world->cells));
	put(first, NULL);
	put(second, NULL);
}

static const struct explorer_scenario handler = {
	.name = "handler",
	.threads = TAKERS,
	.thread_names = { "taker 0", "handler", "taker 2" },
	.set_up = reserved_set_up,
	.run = handler_run,
	.check_end = two_are_free,
};

/* -- grow: all find none, and more than one may make a chunk -------------- */

static void
grow_run(unsigned thread)
{
	struct gyre__block *cell = take();

	EXPLORER_CHECK(cell != NULL);
	if (thread == 0)
		put(cell, NULL);
	else
		world->out[thread] = cell->cell.number != 0;
}

static unsigned
chunks(void)
{
	unsigned count = 0;

	while (world->cells.chunks[count] != NULL)
		count++;
	return count;
}

static void
none_is_lost(void)
{
	uint64_t total = 2 * ((1u << chunks()) - 1);
	uint64_t out = world->out[1] + world->out[2];

	EXPLORER_CHECK(count_free() + out == total);
}

static const struct explorer_scenario grow = {
	.name = "grow",
	.threads = TAKERS,
	.thread_names = { "taker 0", "taker 1", "taker 2" },
	.set_up = set_up,
	.run = grow_run,
	.check_end = none_is_lost,
};

int
main(int argc, char **argv)
{
	static const struct explorer_scenario *const scenarios[] = {
		&take_and_put,
		&handler,
		&grow,
		NULL,
	};

	return explorer_main(argc, argv, scenarios);
}
