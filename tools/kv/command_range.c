/*
 * Parts of strings: GETRANGE and SETRANGE.
 */
#include <errno.h>

#include "command.h"
#include "number.h"
#include "server.h"
#include "typed.h"

static bool
parse(struct call *call, const struct arg *text, int64_t *ret)
{
	if (number_parse(text->data, text->length, ret))
		return true;
	reply_not_integer(call->reply);
	return false;
}

/* Both ends are in the range and may count from the string's end. */
void
command_getrange(struct call *call)
{
	struct entry *entry;
	int64_t length;
	int64_t start;
	int64_t end;

	if (!parse(call, &call->argv[2], &start) ||
	    !parse(call, &call->argv[3], &end) ||
	    !typed_read(call, &call->argv[1], OBJECT_STRING, &entry))
		return;
	length = entry != NULL ? (int64_t)entry->value_length : 0;
	/* Before the string's begin is its begin, unless it is turned. */
	if (length == 0 || (start < 0 && end < 0 && start > end)) {
		reply_bulk(call->reply, NULL, 0);
		return;
	}
	start = start < -length ? 0 : start < 0 ? start + length : start;
	end = end < -length ? 0 : end < 0 ? end + length : end;
	if (end >= length)
		end = length - 1;
	if (start > end)
		reply_bulk(call->reply, NULL, 0);
	else
		reply_bulk(call->reply, entry->value + start,
			   (size_t)(end - start + 1));
}

/* Write into the key's string, or make it one. 0 or -ENOMEM. */
static int
write_range(struct call *call, struct entry *entry, size_t offset)
{
	static const struct arg empty = { .data = "" };
	struct store *store = &call->shard->store;
	const struct arg *text = &call->argv[3];
	bool is_new = entry == NULL;
	int error;

	if (!budget_reserve(&store->budget, offset + text->length))
		return -ENOMEM;
	if (is_new)
		entry = store_set(store, &call->argv[1], &empty, false);
	if (entry == NULL)
		return -ENOMEM;
	error = entry_write(entry, offset, text->data, text->length);
	if (error < 0 && is_new)
		store_remove(store, entry);
	else if (error == 0)
		reply_integer(call->reply, (int64_t)entry->value_length);
	return error;
}

void
command_setrange(struct call *call)
{
	size_t length = call->argv[3].length;
	size_t max = call->shard->server->options->bulk_max;
	struct entry *entry;
	int64_t offset;

	if (!parse(call, &call->argv[2], &offset))
		return;
	if (offset < 0) {
		reply_error(call->reply, "offset is out of range");
		return;
	}
	if (!typed_find(call, &call->argv[1], OBJECT_STRING, &entry))
		return;
	call->unchanged = length == 0;
	if (length == 0)
		reply_integer(call->reply,
			      entry != NULL ? (int64_t)entry->value_length : 0);
	else if ((uint64_t)offset > max || (uint64_t)offset + length > max)
		reply_error(call->reply, "string exceeds maximum allowed size "
					 "(proto-max-bulk-len)");
	else if (write_range(call, entry, (size_t)offset) < 0)
		reply_no_memory(call->reply);
}
