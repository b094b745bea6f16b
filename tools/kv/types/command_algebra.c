/*
 * Intersections, unions and differences of sets that share a shard.
 */
#include <errno.h>
#include <stdlib.h>

#include "number.h"
#include "server.h"
#include "set.h"
#include "typed.h"
#include "types.h"

/* The sets that a command names; NULL where a key is not there. */
struct operands {
	struct set **sets;
	size_t count;
	size_t missing;
};

/* What is done with a member of the result; false ends it. */
typedef bool (*member_fn)(const struct arg *name, void *arg);

/* How to find the members of a result. */
typedef void (*algebra_fn)(const struct operands *operands, member_fn visit,
			   void *arg);

static void
free_operands(struct operands *operands)
{
	free(operands->sets);
}

/* Find the sets of some keys; false: the reply says why. */
static bool
find_operands(struct call *call, const struct arg *keys, size_t count,
	      struct operands *ret)
{
	*ret = (struct operands){ .count = count };
	ret->sets = calloc(count, sizeof(*ret->sets));
	if (ret->sets == NULL) {
		reply_no_memory(call->reply);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		struct entry *entry;

		if (!typed_read(call, &keys[i], OBJECT_SET, &entry)) {
			free_operands(ret);
			return false;
		}
		ret->missing += entry == NULL;
		if (entry != NULL)
			ret->sets[i] = (struct set *)entry->object;
	}
	return true;
}

/* -- walking a set --------------------------------------------------------- */

struct walk {
	const struct operands *operands;
	size_t self; /* the operand that is walked */
	member_fn visit;
	void *arg;
	bool ended;
};

static void
walk(const struct operands *operands, size_t self, keytable_fn visit_node,
     member_fn visit, void *arg)
{
	struct walk walk = {
		.operands = operands, .self = self, .visit = visit, .arg = arg
	};

	if (operands->sets[self] != NULL)
		keytable_walk(&operands->sets[self]->members, visit_node,
			      &walk);
}

/* -- the three ------------------------------------------------------------- */

static void
visit_if_in_all(struct keytable_node *node, void *arg)
{
	const struct arg name = member_name((const struct member *)node);
	struct walk *walk = arg;
	const struct operands *operands = walk->operands;

	for (size_t i = 0; !walk->ended && i < operands->count; i++) {
		if (operands->sets[i] != operands->sets[walk->self] &&
		    set_find(operands->sets[i], &name) == NULL)
			return;
	}
	walk->ended = walk->ended || !walk->visit(&name, walk->arg);
}

/* The smallest is walked, the others asked. */
static void
intersect(const struct operands *operands, member_fn visit, void *arg)
{
	size_t smallest = 0;

	if (operands->missing > 0)
		return;
	for (size_t i = 1; i < operands->count; i++) {
		if (operands->sets[i]->members.count <
		    operands->sets[smallest]->members.count)
			smallest = i;
	}
	walk(operands, smallest, visit_if_in_all, visit, arg);
}

static bool
is_in_any(const struct operands *operands, size_t first, size_t end,
	  const struct arg *name)
{
	for (size_t i = first; i < end; i++) {
		if (operands->sets[i] != NULL &&
		    set_find(operands->sets[i], name) != NULL)
			return true;
	}
	return false;
}

/* A member is the result's where it is met first. */
static void
visit_if_new(struct keytable_node *node, void *arg)
{
	const struct arg name = member_name((const struct member *)node);
	struct walk *walk = arg;

	if (!walk->ended && !is_in_any(walk->operands, 0, walk->self, &name))
		walk->ended = !walk->visit(&name, walk->arg);
}

static void
unite(const struct operands *operands, member_fn visit, void *arg)
{
	for (size_t i = 0; i < operands->count; i++)
		walk(operands, i, visit_if_new, visit, arg);
}

static void
visit_if_in_none(struct keytable_node *node, void *arg)
{
	const struct arg name = member_name((const struct member *)node);
	struct walk *walk = arg;

	if (!walk->ended &&
	    !is_in_any(walk->operands, 1, walk->operands->count, &name))
		walk->ended = !walk->visit(&name, walk->arg);
}

static void
subtract(const struct operands *operands, member_fn visit, void *arg)
{
	walk(operands, 0, visit_if_in_none, visit, arg);
}

/* -- a result that is sent ------------------------------------------------- */

struct listing {
	struct reply members;
	size_t count;
	size_t max;
};

static bool
list_member(const struct arg *name, void *arg)
{
	struct listing *listing = arg;

	reply_bulk(&listing->members, name->data, name->length);
	listing->count++;
	return true;
}

static void
reply_result(struct call *call, algebra_fn algebra)
{
	struct listing listing = { 0 };
	struct operands operands;

	if (!find_operands(call, call->argv + 1, call->argc - 1, &operands))
		return;
	listing.members = typed_aside(call);
	algebra(&operands, list_member, &listing);
	free_operands(&operands);
	reply_set_begin(call->reply, listing.count);
	typed_append(call);
}

void
command_sinter(struct call *call)
{
	reply_result(call, intersect);
}

void
command_sunion(struct call *call)
{
	reply_result(call, unite);
}

void
command_sdiff(struct call *call)
{
	reply_result(call, subtract);
}

/* -- a result that is counted ---------------------------------------------- */

static bool
count_member(const struct arg *name, void *arg)
{
	struct listing *listing = arg;

	(void)name;
	return ++listing->count != listing->max;
}

static bool
parse_card(struct call *call, int64_t keys, struct listing *listing)
{
	size_t at = 2 + (size_t)keys;
	int64_t max = 0;

	while (at < call->argc) {
		if (!ARG_IS(&call->argv[at], "limit") || at + 1 == call->argc) {
			reply_syntax_error(call->reply);
			return false;
		}
		if (!number_parse(call->argv[at + 1].data,
				  call->argv[at + 1].length, &max) ||
		    max < 0) {
			reply_error(call->reply, "LIMIT can't be negative");
			return false;
		}
		at += 2;
	}
	listing->max = (size_t)max;
	return true;
}

void
command_sintercard(struct call *call)
{
	struct listing listing = { 0 };
	struct operands operands;
	int64_t keys;

	if (!number_parse(call->argv[1].data, call->argv[1].length, &keys) ||
	    keys < 1) {
		reply_error(call->reply, "numkeys should be greater than 0");
		return;
	}
	if ((uint64_t)keys > call->argc - 2) {
		reply_error(call->reply, "Number of keys can't be greater than "
					 "number of args");
		return;
	}
	if (!parse_card(call, keys, &listing) ||
	    !find_operands(call, call->argv + 2, (size_t)keys, &operands))
		return;
	intersect(&operands, count_member, &listing);
	free_operands(&operands);
	reply_integer(call->reply, (int64_t)listing.count);
}

/* -- a result that is kept ------------------------------------------------- */

struct making {
	struct store *store;
	struct set *result;
	bool failed; /* there is no memory, or no room */
};

static bool
make_member(const struct arg *name, void *arg)
{
	struct making *making = arg;
	struct store *store = making->store;
	size_t size = budget_size(sizeof(struct member) + name->length);

	/* What is made makes way for itself; see discards_free_some(). */
	discards_free_some(&store->discards, 2);
	making->failed = !budget_reserve(&store->budget, size) ||
			 set_add(making->result, name) < 0;
	return !making->failed;
}

/* Put the result in the place of what the key has. */
static void
keep_result(struct call *call, struct set *result)
{
	struct store *store = &call->shard->store;
	struct entry *entry = store_find(store, &call->argv[1]);
	size_t count = result->members.count;

	/* It changes this key alone, none that it has read. */
	call->unchanged = true;
	if (count > 0 || entry != NULL)
		watches_touch(&store->watches, &call->argv[1]);
	if (count == 0) {
		discards_add_object(&store->discards, &result->object);
		if (entry != NULL)
			store_remove(store, entry);
	} else if (entry != NULL) {
		entry_replace(entry, &result->object);
		store_persist(store, entry);
	} else if (store_put(store, &call->argv[1], &result->object) == NULL) {
		reply_no_memory(call->reply);
		return;
	}
	reply_integer(call->reply, (int64_t)count);
}

static void
store_result(struct call *call, algebra_fn algebra)
{
	struct making making = { .store = &call->shard->store };
	struct operands operands;

	if (!find_operands(call, call->argv + 2, call->argc - 2, &operands))
		return;
	making.result = set_new(&making.store->budget);
	if (making.result != NULL)
		algebra(&operands, make_member, &making);
	free_operands(&operands);
	if (making.result != NULL && !making.failed) {
		keep_result(call, making.result);
		return;
	}
	reply_no_memory(call->reply);
	if (making.result != NULL)
		discards_add_object(&making.store->discards,
				    &making.result->object);
}

void
command_sinterstore(struct call *call)
{
	store_result(call, intersect);
}

void
command_sunionstore(struct call *call)
{
	store_result(call, unite);
}

void
command_sdiffstore(struct call *call)
{
	store_result(call, subtract);
}
