/*
 * The commands on lists.
 */
#include <errno.h>

#include "list.h"
#include "number.h"
#include "server.h"
#include "typed.h"
#include "types.h"

static struct list *
list_of(const struct entry *entry)
{
	return (struct list *)entry->object;
}

static size_t
length_of(const struct entry *entry)
{
	return entry != NULL ? list_of(entry)->items.count : 0;
}

static void
reply_cell(struct reply *reply, const struct cell *cell)
{
	const struct arg text = list_text(cell);

	reply_bulk(reply, text.data, text.length);
}

static bool
is_text(const struct cell *cell, const struct arg *text)
{
	const struct arg there = list_text(cell);

	return there.length == text->length &&
	       memcmp(there.data, text->data, text->length) == 0;
}

static bool
parse_integer(struct call *call, const struct arg *text, int64_t *ret)
{
	if (number_parse(text->data, text->length, ret))
		return true;
	reply_not_integer(call->reply);
	return false;
}

/* -- pushing --------------------------------------------------------------- */

static void
push_all(struct call *call, struct entry *entry, bool front)
{
	struct list *list = list_of(entry);

	for (size_t i = 2; i < call->argc; i++) {
		size_t index = front ? 0 : list->items.count;

		if (list_insert(list, index, &call->argv[i]) < 0) {
			reply_no_memory(call->reply);
			typed_close(call, entry);
			return;
		}
	}
	reply_integer(call->reply, (int64_t)list->items.count);
}

static void
push(struct call *call, bool front)
{
	struct entry *entry = typed_open(call, &call->argv[1], OBJECT_LIST);

	if (entry != NULL)
		push_all(call, entry, front);
}

static void
push_if_there(struct call *call, bool front)
{
	struct entry *entry;

	if (!typed_find(call, &call->argv[1], OBJECT_LIST, &entry))
		return;
	if (entry != NULL)
		push_all(call, entry, front);
	else
		reply_integer(call->reply, 0);
}

void
command_lpush(struct call *call)
{
	push(call, true);
}

void
command_rpush(struct call *call)
{
	push(call, false);
}

void
command_lpushx(struct call *call)
{
	push_if_there(call, true);
}

void
command_rpushx(struct call *call)
{
	push_if_there(call, false);
}

/* -- popping --------------------------------------------------------------- */

static void
pop_one(struct call *call, struct list *list, bool front)
{
	size_t index = front ? 0 : list->items.count - 1;

	reply_cell(call->reply, sequence_at(&list->items, index));
	list_remove(list, index);
}

static void
pop_some(struct call *call, struct list *list, bool front, size_t count)
{
	if (count > list->items.count)
		count = list->items.count;
	reply_array(call->reply, count);
	while (count-- > 0)
		pop_one(call, list, front);
}

static void
pop(struct call *call, bool front)
{
	bool counted = call->argc == 3;
	struct entry *entry;
	size_t count = 0;

	if (call->argc > 3) {
		reply_wrong_arity(call->reply, call->command->name);
		return;
	}
	if (counted && !typed_count(call, &call->argv[2], &count))
		return;
	if (!typed_find(call, &call->argv[1], OBJECT_LIST, &entry))
		return;
	if (entry == NULL) {
		if (counted)
			reply_null_array(call->reply);
		else
			reply_null(call->reply);
		return;
	}
	if (counted)
		pop_some(call, list_of(entry), front, count);
	else
		pop_one(call, list_of(entry), front);
	typed_close(call, entry);
}

void
command_lpop(struct call *call)
{
	pop(call, true);
}

void
command_rpop(struct call *call)
{
	pop(call, false);
}

/* -- reading --------------------------------------------------------------- */

void
command_llen(struct call *call)
{
	struct entry *entry;

	if (typed_read(call, &call->argv[1], OBJECT_LIST, &entry))
		reply_integer(call->reply, (int64_t)length_of(entry));
}

void
command_lrange(struct call *call)
{
	struct entry *entry;
	struct sequence_cursor cursor;
	int64_t start;
	int64_t stop;
	size_t first;
	size_t count;

	if (!parse_integer(call, &call->argv[2], &start) ||
	    !parse_integer(call, &call->argv[3], &stop) ||
	    !typed_read(call, &call->argv[1], OBJECT_LIST, &entry))
		return;
	count = typed_range(start, stop, length_of(entry), &first);
	reply_array(call->reply, count);
	if (count == 0)
		return;
	cursor = sequence_seek(&list_of(entry)->items, first);
	while (count-- > 0)
		reply_cell(call->reply, sequence_next(&cursor));
}

/* Find the place of an index that may count from the end. */
static bool
find_place(const struct entry *entry, int64_t index, size_t *ret_place)
{
	int64_t length = (int64_t)length_of(entry);

	if (index < 0)
		index += length;
	if (index < 0 || index >= length)
		return false;
	*ret_place = (size_t)index;
	return true;
}

void
command_lindex(struct call *call)
{
	struct entry *entry;
	int64_t index;
	size_t place;

	if (!typed_read(call, &call->argv[1], OBJECT_LIST, &entry))
		return;
	if (entry == NULL) {
		reply_null(call->reply);
		return;
	}
	if (!parse_integer(call, &call->argv[2], &index))
		return;
	if (find_place(entry, index, &place))
		reply_cell(call->reply,
			   sequence_at(&list_of(entry)->items, place));
	else
		reply_null(call->reply);
}

/* -- changing -------------------------------------------------------------- */

void
command_lset(struct call *call)
{
	struct entry *entry;
	int64_t index;
	size_t place;

	if (!typed_find(call, &call->argv[1], OBJECT_LIST, &entry))
		return;
	if (entry == NULL) {
		reply_error(call->reply, "no such key");
		return;
	}
	if (!parse_integer(call, &call->argv[2], &index))
		return;
	if (!find_place(entry, index, &place))
		reply_error(call->reply, "index out of range");
	else if (list_set(list_of(entry), place, &call->argv[3]) < 0)
		reply_no_memory(call->reply);
	else
		reply_ok(call->reply);
}

/* Find the first place of a text; false: it is not there. */
static bool
find_text(const struct list *list, const struct arg *text, size_t *ret_place)
{
	struct sequence_cursor cursor = sequence_seek(&list->items, 0);

	for (size_t i = 0; i < list->items.count; i++) {
		if (is_text(sequence_next(&cursor), text)) {
			*ret_place = i;
			return true;
		}
	}
	return false;
}

void
command_linsert(struct call *call)
{
	bool behind = ARG_IS(&call->argv[2], "after");
	struct entry *entry;
	size_t place;

	if (!behind && !ARG_IS(&call->argv[2], "before")) {
		reply_syntax_error(call->reply);
		return;
	}
	if (!typed_find(call, &call->argv[1], OBJECT_LIST, &entry))
		return;
	if (entry == NULL)
		reply_integer(call->reply, 0);
	else if (!find_text(list_of(entry), &call->argv[3], &place))
		reply_integer(call->reply, -1);
	else if (list_insert(list_of(entry), place + behind, &call->argv[4]) <
		 0)
		reply_no_memory(call->reply);
	else
		reply_integer(call->reply, (int64_t)length_of(entry));
}

/* Remove at most so many of a text, from one end on. Returns their number. */
static size_t
remove_texts(struct list *list, const struct arg *text, size_t max,
	     bool backwards)
{
	size_t removed = 0;
	size_t length = list->items.count;
	struct sequence_cursor cursor =
		sequence_seek(&list->items, backwards ? length - 1 : 0);

	for (size_t i = 0; i < length && removed < max; i++) {
		size_t place = backwards ? length - 1 - i : i - removed;
		const struct cell *cell = backwards ? sequence_previous(&cursor)
						    : sequence_next(&cursor);

		if (!is_text(cell, text))
			continue;
		list_remove(list, place);
		removed++;
		if (place > 0 || !backwards)
			cursor = sequence_seek(&list->items,
					       backwards ? place - 1 : place);
	}
	return removed;
}

void
command_lrem(struct call *call)
{
	struct entry *entry;
	int64_t count;
	size_t max;

	if (!parse_integer(call, &call->argv[2], &count) ||
	    !typed_find(call, &call->argv[1], OBJECT_LIST, &entry))
		return;
	if (entry == NULL) {
		reply_integer(call->reply, 0);
		return;
	}
	max = count > 0 ? (size_t)count : 0 - (size_t)count;
	if (count == 0)
		max = SIZE_MAX;
	reply_integer(call->reply,
		      (int64_t)remove_texts(list_of(entry), &call->argv[3], max,
					    count < 0));
	typed_close(call, entry);
}

void
command_ltrim(struct call *call)
{
	struct entry *entry;
	struct list *list;
	int64_t start;
	int64_t stop;
	size_t first;
	size_t count;

	if (!parse_integer(call, &call->argv[2], &start) ||
	    !parse_integer(call, &call->argv[3], &stop) ||
	    !typed_find(call, &call->argv[1], OBJECT_LIST, &entry))
		return;
	if (entry == NULL) {
		call->unchanged = true;
		reply_ok(call->reply);
		return;
	}
	list = list_of(entry);
	count = typed_range(start, stop, list->items.count, &first);
	if (count == 0) {
		store_remove(&call->shard->store, entry);
	} else if (list_trim(list, first, count, &call->shard->store.discards) <
		   0) {
		reply_no_memory(call->reply);
		return;
	}
	reply_ok(call->reply);
}

/* -- moving ---------------------------------------------------------------- */

static void
move(struct call *call, bool from_front, bool to_front)
{
	struct entry *from;
	struct entry *to;
	size_t before = call->reply->bytes->length;

	if (!typed_find(call, &call->argv[1], OBJECT_LIST, &from))
		return;
	if (from == NULL) {
		reply_null(call->reply);
		return;
	}
	to = typed_open(call, &call->argv[2], OBJECT_LIST);
	if (to == NULL)
		return;
	reply_cell(call->reply,
		   sequence_at(&list_of(from)->items,
			       from_front ? 0 : length_of(from) - 1));
	if (list_move(list_of(from), from_front, list_of(to), to_front) < 0) {
		call->reply->bytes->length = before;
		reply_no_memory(call->reply);
	}
	typed_close(call, to);
	if (from != to)
		typed_close(call, from);
}

/* Read LEFT or RIGHT. */
static bool
parse_end(struct call *call, const struct arg *text, bool *ret_front)
{
	*ret_front = ARG_IS(text, "left");
	if (*ret_front || ARG_IS(text, "right"))
		return true;
	reply_syntax_error(call->reply);
	return false;
}

void
command_lmove(struct call *call)
{
	bool from_front;
	bool to_front;

	if (parse_end(call, &call->argv[3], &from_front) &&
	    parse_end(call, &call->argv[4], &to_front))
		move(call, from_front, to_front);
}

void
command_rpoplpush(struct call *call)
{
	move(call, false, true);
}

/* -- LPOS ------------------------------------------------------------------ */

struct search {
	int64_t rank; /* which match is the first; below 0: from the end */
	bool counted;
	int64_t count;  /* 0: all */
	int64_t length; /* of what is looked at; 0: all */
};

/* Read an integer that is not negative. */
static bool
parse_natural(struct call *call, const struct arg *text, const char *error,
	      int64_t *ret)
{
	if (number_parse(text->data, text->length, ret) && *ret >= 0)
		return true;
	reply_error(call->reply, error);
	return false;
}

static bool
parse_rank(struct call *call, const struct arg *text, int64_t *ret_rank)
{
	if (!parse_integer(call, text, ret_rank))
		return false;
	if (*ret_rank != 0)
		return true;
	reply_error(call->reply,
		    "RANK can't be zero: use 1 to start from the first match, "
		    "2 from the second ... or use negative to start from the "
		    "end of the list");
	return false;
}

static bool
take_search_option(struct call *call, const struct arg *option,
		   struct search *search)
{
	if (ARG_IS(option, "rank"))
		return parse_rank(call, option + 1, &search->rank);
	if (ARG_IS(option, "count")) {
		search->counted = true;
		return parse_natural(call, option + 1,
				     "COUNT can't be negative", &search->count);
	}
	if (ARG_IS(option, "maxlen"))
		return parse_natural(call, option + 1,
				     "MAXLEN can't be negative",
				     &search->length);
	reply_syntax_error(call->reply);
	return false;
}

static bool
parse_search(struct call *call, struct search *search)
{
	for (size_t i = 3; i < call->argc; i += 2) {
		if (i + 1 == call->argc) {
			reply_syntax_error(call->reply);
			return false;
		}
		if (!take_search_option(call, &call->argv[i], search))
			return false;
	}
	return true;
}

/* Append the places of matches to a buffer. Returns how many there are. */
static size_t
find_matches(const struct list *list, const struct arg *text,
	     const struct search *search, struct reply *places)
{
	size_t length = list->items.count;
	size_t limit = search->length > 0 && (size_t)search->length < length
			       ? (size_t)search->length
			       : length;
	bool backwards = search->rank < 0;
	int64_t skip = backwards ? -(search->rank + 1) : search->rank - 1;
	struct sequence_cursor cursor =
		sequence_seek(&list->items, backwards ? length - 1 : 0);
	size_t found = 0;

	for (size_t i = 0; i < limit; i++) {
		const struct cell *cell = backwards ? sequence_previous(&cursor)
						    : sequence_next(&cursor);

		if (!is_text(cell, text) || skip-- > 0)
			continue;
		reply_integer(places,
			      (int64_t)(backwards ? length - 1 - i : i));
		if (++found == (size_t)search->count)
			break;
	}
	return found;
}

void
command_lpos(struct call *call)
{
	struct search search = { .rank = 1, .count = 1 };
	struct reply places;
	struct entry *entry;
	size_t found = 0;

	if (!parse_search(call, &search) ||
	    !typed_read(call, &call->argv[1], OBJECT_LIST, &entry))
		return;
	places = typed_aside(call);
	if (entry != NULL)
		found = find_matches(list_of(entry), &call->argv[2], &search,
				     &places);
	if (search.counted)
		reply_array(call->reply, found);
	else if (found == 0)
		reply_null(call->reply);
	typed_append(call);
}
