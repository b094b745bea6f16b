/*
 * The lines, linked both ways only as far as is needed: a job knows what
 * points at it, and so can be taken out of the middle; a task that is no job
 * leaves in its turn only.
 */
#include "pool/queue.h"

#include "base/check.h"

#define PASSES_MAX 15u /* turns a lower priority waits for the higher ones */
#define PROBES     8u

_Static_assert(GYRE__QUEUE_PLACES == 64, "`occupied` has a bit for each");

void
gyre__queue_init(struct gyre__queue *queue)
{
	*queue = (struct gyre__queue){ 0 };
	for (unsigned i = 0; i < GYRE__QUEUE_PLACES; i++)
		for (unsigned j = 0; j < GYRE__QUEUE_PRIORITIES; j++)
			queue->places[i].lines[j].end =
				&queue->places[i].lines[j].head;
}

/* -- places -------------------------------------------------------------- */

static bool
is_free(const struct gyre__queue_place *place)
{
	return place->waiting == 0 && place->running == 0;
}

static unsigned
place_of(struct gyre__queue *queue, const struct gyre_inbox *source)
{
	unsigned first;
	unsigned found = GYRE__QUEUE_PLACES;

	if (source == NULL)
		return 0;
	first = (unsigned)(((uintptr_t)source >> 7) * 0x9e3779b97f4a7c15u >>
			   58);
	for (unsigned i = 0; i < PROBES; i++) {
		unsigned index = 1 + (first + i) % (GYRE__QUEUE_PLACES - 1);
		struct gyre__queue_place *place = &queue->places[index];

		if (place->source == source)
			return index;
		if (found == GYRE__QUEUE_PLACES && is_free(place))
			found = index;
	}
	if (found == GYRE__QUEUE_PLACES)
		return 1 + first % (GYRE__QUEUE_PLACES - 1);
	queue->places[found].source = source;
	return found;
}

/* The fewest running first; among equals, in turn. */
static unsigned
next_place(const struct gyre__queue *queue)
{
	uint64_t left = queue->occupied;
	unsigned best = GYRE__QUEUE_PLACES;

	while (left != 0) {
		uint64_t later = left & (UINT64_MAX << queue->next);
		unsigned index =
			(unsigned)__builtin_ctzll(later ? later : left);

		/* Those from `next` on come first. */
		if (later == 0 && best < GYRE__QUEUE_PLACES &&
		    queue->places[best].running == 0)
			break;
		if (best == GYRE__QUEUE_PLACES ||
		    queue->places[index].running < queue->places[best].running)
			best = index;
		left &= ~((uint64_t)1 << index);
	}
	return best;
}

/* -- lines --------------------------------------------------------------- */

/* What points at a task has moved. */
static void
relink(struct gyre__queue_line *line, struct gyre_task **link)
{
	struct gyre_task *task = *link;
	struct gyre_job *job;

	if (task == NULL) {
		line->end = link;
		return;
	}
	job = gyre__job_of(task);
	if (job != NULL)
		job->_link = link;
}

void
gyre__queue_push(struct gyre__queue *queue, struct gyre_task *task)
{
	struct gyre_job *job = gyre__job_of(task);
	unsigned index = place_of(queue, job != NULL ? job->_source : NULL);
	struct gyre__queue_place *place = &queue->places[index];
	struct gyre__queue_line *line =
		&place->lines[job != NULL ? job->_options.priority : 0];

	task->_next = NULL;
	if (job != NULL) {
		job->_link = line->end;
		job->_place = (uint8_t)index;
	}
	*line->end = task;
	line->end = &task->_next;
	place->waiting++;
	queue->waiting++;
	queue->occupied |= (uint64_t)1 << index;
}

static void
leave(struct gyre__queue *queue, unsigned index)
{
	queue->waiting--;
	if (--queue->places[index].waiting == 0)
		queue->occupied &= ~((uint64_t)1 << index);
}

/* High, normal, low; but a lower one in the end. */
static struct gyre__queue_line *
next_line(struct gyre__queue_place *place)
{
	static const uint8_t order[] = { GYRE_JOB_HIGH, GYRE_JOB_NORMAL,
					 GYRE_JOB_LOW };
	struct gyre__queue_line *first = NULL;
	struct gyre__queue_line *last = NULL;

	for (unsigned i = 0; i < GYRE__QUEUE_PRIORITIES; i++) {
		struct gyre__queue_line *line = &place->lines[order[i]];

		if (line->head == NULL)
			continue;
		if (first == NULL)
			first = line;
		last = line;
	}
	GYRE_INSIST(first != NULL);
	if (first == last || place->passed++ == PASSES_MAX) {
		place->passed = 0;
		return last;
	}
	return first;
}

struct gyre_task *
gyre__queue_pop(struct gyre__queue *queue, unsigned *ret_place)
{
	unsigned index = next_place(queue);
	struct gyre__queue_line *line;
	struct gyre_task *task;
	struct gyre_job *job;

	if (index == GYRE__QUEUE_PLACES)
		return NULL;
	line = next_line(&queue->places[index]);
	task = line->head;
	line->head = task->_next;
	relink(line, &line->head);
	job = gyre__job_of(task);
	if (job != NULL)
		job->_link = NULL;
	leave(queue, index);
	queue->places[index].running++;
	queue->next = (index + 1) % GYRE__QUEUE_PLACES;
	*ret_place = index;
	return task;
}

void
gyre__queue_finish(struct gyre__queue *queue, unsigned place)
{
	GYRE_INSIST(queue->places[place].running > 0);
	queue->places[place].running--;
}

bool
gyre__queue_remove(struct gyre__queue *queue, struct gyre_job *job)
{
	struct gyre__queue_place *place = &queue->places[job->_place];

	if (job->_link == NULL)
		return false;
	*job->_link = job->_task._next;
	relink(&place->lines[job->_options.priority], job->_link);
	job->_link = NULL;
	leave(queue, job->_place);
	return true;
}

unsigned
gyre__queue_count(const struct gyre__queue *queue,
		  const struct gyre_inbox *source)
{
	unsigned count = 0;

	for (unsigned i = 0; i < GYRE__QUEUE_PLACES; i++) {
		const struct gyre__queue_place *place = &queue->places[i];

		if (place->source == source)
			count += place->waiting + place->running;
	}
	return count;
}
