/*
 * The commands on one set, and SMOVE.
 */
#include "set.h"

#include "server.h"
#include "typed.h"
#include "types.h"

static struct set *
set_of(const struct entry *entry)
{
	return (struct set *)entry->object;
}

void
command_sadd(struct call *call)
{
	struct entry *entry = typed_open(call, &call->argv[1], OBJECT_SET);
	int64_t total = 0;

	if (entry == NULL)
		return;
	for (size_t i = 2; i < call->argc; i++) {
		const struct arg name = typed_hash(call, &call->argv[i]);
		int added = set_add(set_of(entry), &name);

		if (added < 0) {
			reply_no_memory(call->reply);
			typed_close(call, entry);
			return;
		}
		total += added;
	}
	reply_integer(call->reply, total);
}

void
command_srem(struct call *call)
{
	struct entry *entry;
	int64_t removed = 0;

	if (!typed_find(call, &call->argv[1], OBJECT_SET, &entry))
		return;
	for (size_t i = 2; entry != NULL && i < call->argc; i++) {
		const struct arg name = typed_hash(call, &call->argv[i]);

		removed += set_remove(set_of(entry), &name);
	}
	if (entry != NULL)
		typed_close(call, entry);
	reply_integer(call->reply, removed);
}

void
command_scard(struct call *call)
{
	struct entry *entry;

	if (typed_read(call, &call->argv[1], OBJECT_SET, &entry))
		reply_integer(call->reply,
			      entry != NULL
				      ? (int64_t)object_count(entry->object)
				      : 0);
}

static bool
is_member(const struct call *call, const struct entry *entry,
	  const struct arg *text)
{
	const struct arg name = typed_hash(call, text);

	return entry != NULL && set_find(set_of(entry), &name) != NULL;
}

void
command_sismember(struct call *call)
{
	struct entry *entry;

	if (typed_read(call, &call->argv[1], OBJECT_SET, &entry))
		reply_integer(call->reply,
			      is_member(call, entry, &call->argv[2]));
}

void
command_smismember(struct call *call)
{
	struct entry *entry;

	if (!typed_read(call, &call->argv[1], OBJECT_SET, &entry))
		return;
	reply_array(call->reply, call->argc - 2);
	for (size_t i = 2; i < call->argc; i++)
		reply_integer(call->reply,
			      is_member(call, entry, &call->argv[i]));
}

/* -- SPOP ------------------------------------------------------------------ */

static void
pop_member(struct call *call, struct set *set)
{
	const struct arg name =
		member_name((const struct member *)keytable_choose(
			&set->members, &call->shard->store.random));

	reply_bulk(call->reply, name.data, name.length);
	set_remove(set, &name);
}

void
command_spop(struct call *call)
{
	bool counted = call->argc == 3;
	struct entry *entry;
	size_t count = 1;

	if (call->argc > 3) {
		reply_syntax_error(call->reply);
		return;
	}
	if ((counted && !typed_count(call, &call->argv[2], &count)) ||
	    !typed_find(call, &call->argv[1], OBJECT_SET, &entry))
		return;
	if (entry == NULL && !counted) {
		reply_null(call->reply);
		return;
	}
	if (entry == NULL)
		count = 0;
	else if (count > object_count(entry->object))
		count = object_count(entry->object);
	if (counted)
		reply_set_begin(call->reply, count);
	while (count-- > 0)
		pop_member(call, set_of(entry));
	if (entry != NULL)
		typed_close(call, entry);
}

/* -- SMOVE ----------------------------------------------------------------- */

static void
move_member(struct call *call, struct entry *from, const struct arg *name)
{
	struct watches *watches = &call->shard->store.watches;
	struct entry *to = typed_open(call, &call->argv[2], OBJECT_SET);
	int added;

	if (to == NULL)
		return;
	added = set_add(set_of(to), name);
	if (added < 0) {
		reply_no_memory(call->reply);
		typed_close(call, to);
		return;
	}
	call->unchanged = true;
	if (added > 0)
		watches_touch(watches, &call->argv[2]);
	if (from != to) {
		set_remove(set_of(from), name);
		watches_touch(watches, &call->argv[1]);
	}
	typed_close(call, from);
	reply_integer(call->reply, 1);
}

void
command_smove(struct call *call)
{
	const struct arg name = typed_hash(call, &call->argv[3]);
	struct entry *from;
	struct entry *to;

	from = store_find(&call->shard->store, &call->argv[1]);
	if (from == NULL) {
		reply_integer(call->reply, 0);
		return;
	}
	if (!typed_find(call, &call->argv[1], OBJECT_SET, &from) ||
	    !typed_find(call, &call->argv[2], OBJECT_SET, &to))
		return;
	if (set_find(set_of(from), &name) == NULL)
		reply_integer(call->reply, 0);
	else
		move_member(call, from, &name);
}
