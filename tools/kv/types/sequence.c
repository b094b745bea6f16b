/*
 * A full node is halved, but at the sequence's ends all but one stay: who
 * pushes at an end fills its leaves. A node that is sparse joins a neighbour
 * under the same parent if both fit with room to spare. None is ever empty.
 */
#include "sequence.h"

#include <errno.h>

#include "budget.h"
#include "check.h"
#include "sequence_node.h"

/* Sparse is below a quarter; two make one that is three quarters full. */
#define SPARSE   (LEAF_CELLS / 4)
#define JOIN_MAX (LEAF_CELLS * 3 / 4)
_Static_assert(LEAF_CELLS == CHILDREN, "one measure for both");

/* Nodes have eight children on average at least: more than memory holds. */
#define HEIGHT_MAX 20

/* The way from the root to a leaf. */
struct path {
	struct inner *inners[HEIGHT_MAX];
	unsigned children[HEIGHT_MAX];
	struct sequence_leaf *leaf;
	size_t index; /* in the leaf */
};

void
sequence_init(struct sequence *sequence, struct budget *budget)
{
	*sequence = (struct sequence){ .budget = budget };
}

/* -- going down ------------------------------------------------------------ */

/* Go to the leaf that has the index; the last one has what is behind it. */
static void
descend(const struct sequence *sequence, size_t index, struct path *path)
{
	void *node = sequence->root;
	size_t total = sequence->count;

	for (unsigned level = 0; level < sequence->height; level++) {
		struct inner *inner = node;
		unsigned at = inner_find(inner, &index, total);

		path->inners[level] = inner;
		path->children[level] = at;
		total = inner->counts[at];
		node = inner->children[at];
	}
	path->leaf = node;
	path->index = index;
}

/* There is one more cell below the path, or one less. */
static void
count_path(const struct sequence *sequence, const struct path *path, int more)
{
	for (unsigned level = 0; level < sequence->height; level++)
		path->inners[level]->counts[path->children[level]] +=
			(size_t)more;
}

struct cell *
sequence_at(const struct sequence *sequence, size_t index)
{
	struct path path;

	KV_INSIST(index < sequence->count);
	descend(sequence, index, &path);
	return leaf_at(path.leaf, path.index);
}

static size_t
search_leaf(struct sequence_leaf *leaf, sequence_before_fn before,
	    const void *arg)
{
	size_t low = 0;
	size_t high = leaf->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (before(leaf_at(leaf, middle), arg))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The last child that begins with a cell before; else the first. */
static unsigned
search_inner(const struct inner *inner, sequence_before_fn before,
	     const void *arg)
{
	unsigned low = 1;
	unsigned high = inner->count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (before(leaf_at(inner->firsts[middle], 0), arg))
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

size_t
sequence_search(const struct sequence *sequence, sequence_before_fn before,
		const void *arg)
{
	void *node = sequence->root;
	size_t index = 0;

	if (node == NULL)
		return 0;
	for (unsigned level = 0; level < sequence->height; level++) {
		const struct inner *inner = node;
		unsigned at = search_inner(inner, before, arg);

		for (unsigned i = 0; i < at; i++)
			index += inner->counts[i];
		node = inner->children[at];
	}
	return index + search_leaf(node, before, arg);
}

/* -- insertion ------------------------------------------------------------- */

/* What a split takes; allocated before anything changes. */
struct spares {
	struct sequence_leaf *leaf;
	struct inner *inners[HEIGHT_MAX + 1];
	unsigned count;
};

static void
free_spares(struct sequence *sequence, struct spares *spares)
{
	leaf_free(sequence, spares->leaf);
	while (spares->count > 0)
		inner_free(sequence, spares->inners[--spares->count]);
}

static int
get_spares(struct sequence *sequence, unsigned inners, struct spares *spares)
{
	*spares = (struct spares){ .leaf = leaf_new(sequence, LEAF_CELLS) };
	while (spares->leaf != NULL && spares->count < inners) {
		spares->inners[spares->count] = inner_new(sequence);
		if (spares->inners[spares->count] == NULL)
			break;
		spares->count++;
	}
	if (spares->leaf != NULL && spares->count == inners)
		return 0;
	free_spares(sequence, spares);
	return -ENOMEM;
}

/* How many inner nodes a split of the leaf takes: one a full one, a root. */
static unsigned
count_splits(const struct sequence *sequence, const struct path *path)
{
	unsigned level = sequence->height;
	unsigned count = 0;

	while (level > 0 && path->inners[level - 1]->count == CHILDREN) {
		level--;
		count++;
	}
	return level == 0 ? count + 1 : count;
}

static void
add_root(struct sequence *sequence, struct inner *root,
	 struct sequence_leaf *first)
{
	KV_INSIST(sequence->height < HEIGHT_MAX);
	root->count = 0;
	inner_insert(root, 0, sequence->root, sequence->count, first);
	sequence->root = root;
	sequence->height++;
}

/*
 * Put a node, which was split off the child that the path goes through at a
 * level, behind it.
 */
static void
add_child(struct sequence *sequence, struct path *path, unsigned level,
	  void *node, size_t count, struct sequence_leaf *first,
	  struct spares *spares)
{
	struct inner *inner = path->inners[level];
	unsigned at = path->children[level];
	struct inner *right;
	unsigned keep;

	inner->counts[at++] -= count;
	if (inner->count < CHILDREN) {
		inner_insert(inner, at, node, count, first);
		return;
	}
	keep = at == CHILDREN ? CHILDREN - 1 : CHILDREN / 2;
	right = spares->inners[--spares->count];
	right->count = CHILDREN - keep;
	inner_move(right, 0, inner, keep, right->count);
	inner->count = keep;
	if (at > keep)
		inner_insert(right, at - keep, node, count, first);
	else
		inner_insert(inner, at, node, count, first);
	if (level == 0) {
		struct inner *root = spares->inners[--spares->count];

		add_root(sequence, root, inner->firsts[0]);
		path->inners[0] = root;
		path->children[0] = 0;
		level = 1;
	}
	add_child(sequence, path, level - 1, right, inner_sum(right),
		  right->firsts[0], spares);
}

/* Halve the path's leaf, or less at an end. 0 or -ENOMEM. */
static int
split(struct sequence *sequence, struct path *path)
{
	struct sequence_leaf *leaf = path->leaf;
	struct spares spares;
	size_t keep = leaf->count / 2;

	if (get_spares(sequence, count_splits(sequence, path), &spares) < 0)
		return -ENOMEM;
	if (path->index == leaf->count && leaf->next == NULL)
		keep = leaf->count - 1u;
	else if (path->index == 0 && leaf->previous == NULL)
		keep = 1;
	leaf_split(leaf, keep, spares.leaf);
	if (sequence->height == 0) {
		add_root(sequence, spares.inners[--spares.count], leaf);
		path->inners[0] = sequence->root;
		path->children[0] = 0;
	}
	add_child(sequence, path, sequence->height - 1, spares.leaf,
		  spares.leaf->count, spares.leaf, &spares);
	KV_INSIST(spares.count == 0);
	return 0;
}

/* Make the only leaf larger. 0 or -ENOMEM. */
static int
grow(struct sequence *sequence)
{
	struct sequence_leaf *leaf = sequence->root;

	leaf = leaf_grow(sequence, leaf, leaf->capacity * 2u);
	if (leaf == NULL)
		return -ENOMEM;
	sequence->root = leaf;
	return 0;
}

/* Find the leaf that takes a cell at the index, with room. 0 or -ENOMEM. */
static int
make_room(struct sequence *sequence, size_t index, struct path *path)
{
	int error;

	if (sequence->root == NULL) {
		sequence->root = leaf_new(sequence, LEAF_CELLS_MIN);
		if (sequence->root == NULL)
			return -ENOMEM;
	}
	descend(sequence, index, path);
	if (path->leaf->count < path->leaf->capacity)
		return 0;
	error = path->leaf->capacity < LEAF_CELLS ? grow(sequence)
						  : split(sequence, path);
	if (error == 0)
		descend(sequence, index, path);
	return error;
}

int
sequence_insert(struct sequence *sequence, size_t index, struct cell cell)
{
	struct path path;
	int error;

	KV_INSIST(index <= sequence->count);
	error = make_room(sequence, index, &path);
	if (error < 0)
		return error;
	leaf_insert(path.leaf, path.index, cell);
	count_path(sequence, &path, 1);
	sequence->count++;
	return 0;
}

/* -- removal --------------------------------------------------------------- */

static unsigned
node_count(const void *node, bool is_leaf)
{
	return is_leaf ? ((const struct sequence_leaf *)node)->count
		       : ((const struct inner *)node)->count;
}

/* Append to a child what the next one has, which is gone then. */
static void
join_next(struct sequence *sequence, struct inner *inner, unsigned at,
	  bool is_leaf)
{
	void *left = inner->children[at];
	void *right = inner->children[at + 1];

	if (is_leaf) {
		leaf_join(left, right);
		leaf_free(sequence, right);
	} else {
		struct inner *to = left;
		struct inner *from = right;

		inner_move(to, to->count, from, 0, from->count);
		to->count += from->count;
		inner_free(sequence, from);
	}
	inner->counts[at] += inner->counts[at + 1];
	inner_remove(inner, at + 1);
}

static void
remove_empty(struct sequence *sequence, struct inner *inner, unsigned at,
	     bool is_leaf)
{
	if (is_leaf) {
		leaf_unlink(inner->children[at]);
		leaf_free(sequence, inner->children[at]);
	} else {
		inner_free(sequence, inner->children[at]);
	}
	inner_remove(inner, at);
}

/* A child has less than it had: remove it, or join it with a neighbour. */
static void
mend_child(struct sequence *sequence, struct inner *inner, unsigned at,
	   bool is_leaf)
{
	unsigned count = node_count(inner->children[at], is_leaf);

	if (count == 0)
		remove_empty(sequence, inner, at, is_leaf);
	else if (count >= SPARSE)
		return;
	else if (at + 1 < inner->count &&
		 count + node_count(inner->children[at + 1], is_leaf) <=
			 JOIN_MAX)
		join_next(sequence, inner, at, is_leaf);
	else if (at > 0 &&
		 count + node_count(inner->children[at - 1], is_leaf) <=
			 JOIN_MAX)
		join_next(sequence, inner, at - 1, is_leaf);
}

/* A root with one child is none; one without any is the end of the tree. */
static void
mend_root(struct sequence *sequence)
{
	while (sequence->height > 0) {
		struct inner *root = sequence->root;

		if (root->count > 1)
			return;
		sequence->root = root->children[0];
		sequence->height--;
		inner_free(sequence, root);
	}
	if (sequence->count == 0) {
		leaf_free(sequence, sequence->root);
		sequence->root = NULL;
	}
}

/* Mend what is on the way to a leaf that has less than it had. */
static void
mend(struct sequence *sequence, const struct path *path)
{
	for (unsigned level = sequence->height; level-- > 0;) {
		struct inner *inner = path->inners[level];

		mend_child(sequence, inner, path->children[level],
			   level + 1 == sequence->height);
		if (level > 0 && inner->count > 0)
			path->inners[level - 1]
				->firsts[path->children[level - 1]] =
				inner->firsts[0];
	}
	mend_root(sequence);
}

struct cell
sequence_remove(struct sequence *sequence, size_t index)
{
	struct path path;
	struct cell cell;

	KV_INSIST(index < sequence->count);
	descend(sequence, index, &path);
	cell = leaf_remove(path.leaf, path.index);
	count_path(sequence, &path, -1);
	sequence->count--;
	if (path.leaf->count < SPARSE)
		mend(sequence, &path);
	return cell;
}

/* -- walking --------------------------------------------------------------- */

struct sequence_cursor
sequence_seek(const struct sequence *sequence, size_t index)
{
	struct path path;

	if (index >= sequence->count)
		return (struct sequence_cursor){ 0 };
	descend(sequence, index, &path);
	return (struct sequence_cursor){ .leaf = path.leaf,
					 .at = (unsigned)path.index };
}

struct cell *
sequence_next(struct sequence_cursor *cursor)
{
	struct cell *cell;

	if (cursor->leaf == NULL)
		return NULL;
	cell = leaf_at(cursor->leaf, cursor->at++);
	if (cursor->at == cursor->leaf->count) {
		cursor->leaf = cursor->leaf->next;
		cursor->at = 0;
	}
	return cell;
}

struct cell *
sequence_previous(struct sequence_cursor *cursor)
{
	struct cell *cell;

	if (cursor->leaf == NULL)
		return NULL;
	cell = leaf_at(cursor->leaf, cursor->at);
	if (cursor->at > 0) {
		cursor->at--;
		return cell;
	}
	cursor->leaf = cursor->leaf->previous;
	if (cursor->leaf != NULL)
		cursor->at = cursor->leaf->count - 1u;
	return cell;
}

/* -- soundness ------------------------------------------------------------- */

/* What a walk over all nodes, from the left, has met. */
struct survey {
	const struct sequence_leaf *previous;
	size_t memory;
};

static size_t
validate_leaf(struct sequence_leaf *leaf, struct survey *survey)
{
	KV_INSIST(leaf->count > 0);
	KV_INSIST(leaf->first + leaf->count <= leaf->capacity);
	KV_INSIST(leaf->previous == survey->previous);
	KV_INSIST(survey->previous == NULL || survey->previous->next == leaf);
	survey->previous = leaf;
	survey->memory += budget_size(leaf_size(leaf->capacity));
	return leaf->count;
}

static size_t
validate_node(void *node, unsigned height, struct survey *survey)
{
	const struct inner *inner = node;
	size_t sum = 0;

	if (height == 0)
		return validate_leaf(node, survey);
	KV_INSIST(inner->count > 0 && inner->count <= CHILDREN);
	for (unsigned i = 0; i < inner->count; i++) {
		void *child = inner->children[i];
		struct sequence_leaf *first =
			height == 1 ? child
				    : ((const struct inner *)child)->firsts[0];
		size_t count = validate_node(child, height - 1, survey);

		KV_INSIST(inner->counts[i] == count);
		KV_INSIST(inner->firsts[i] == first);
		sum += count;
	}
	survey->memory += budget_size(sizeof(*inner));
	return sum;
}

void
sequence_validate(const struct sequence *sequence)
{
	struct survey survey = { 0 };
	size_t count = 0;

	if (sequence->root != NULL)
		count = validate_node(sequence->root, sequence->height,
				      &survey);
	KV_INSIST(count == sequence->count);
	KV_INSIST(survey.memory == sequence->memory);
	KV_INSIST(survey.previous == NULL || survey.previous->next == NULL);
}
