/*
 * Who wants few draws until it has met so many, and remembers them in a table
 * of pointers that is half empty at least; who wants many leaves out a few, so
 * that neither draws much oftener than it must.
 */
#include "sample.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

struct sample {
	const struct keytable_node **places; /* open addressing */
	size_t mask;
	/* While all are visited that are not in it. */
	keytable_fn visit;
	void *arg;
};

/* Find a node's place, or the one that it would have. */
static const struct keytable_node **
find_place(const struct sample *sample, const struct keytable_node *node)
{
	size_t at = node->hash & sample->mask;

	while (sample->places[at] != NULL && sample->places[at] != node)
		at = (at + 1) & sample->mask;
	return &sample->places[at];
}

/* Add a node; false: it is there. */
static bool
add(struct sample *sample, const struct keytable_node *node)
{
	const struct keytable_node **place = find_place(sample, node);

	if (*place != NULL)
		return false;
	*place = node;
	return true;
}

static void
visit_unless_drawn(struct keytable_node *node, void *arg)
{
	const struct sample *sample = arg;

	if (*find_place(sample, node) == NULL)
		sample->visit(node, sample->arg);
}

int
sample_nodes(const struct keytable *table, size_t count, uint64_t *random,
	     keytable_fn visit, void *arg)
{
	bool left_out = count > table->count / 2;
	size_t drawn = left_out ? table->count - count : count;
	struct sample sample = { .mask = 1, .visit = visit, .arg = arg };

	while (sample.mask < 2 * drawn)
		sample.mask = sample.mask * 2 + 1;
	sample.places = calloc(sample.mask + 1, sizeof(struct keytable_node *));
	if (sample.places == NULL)
		return -ENOMEM;
	while (drawn > 0) {
		struct keytable_node *node = keytable_choose(table, random);

		if (!add(&sample, node))
			continue;
		drawn--;
		if (!left_out)
			visit(node, arg);
	}
	if (left_out)
		keytable_walk(table, visit_unless_drawn, &sample);
	free(sample.places);
	return 0;
}
