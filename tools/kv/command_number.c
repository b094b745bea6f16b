/*
 * Values that are integers, counted up and down.
 */
#include "command.h"
#include "number.h"
#include "server.h"

static bool
parse_value(struct call *call, const struct entry *entry, int64_t *ret_value)
{
	if (entry == NULL)
		*ret_value = 0;
	else if (!number_parse(entry->value, entry->value_length, ret_value)) {
		reply_not_integer(call->reply);
		return false;
	}
	return true;
}

/* A key that exists keeps its expiry. */
static bool
write_value(struct call *call, struct entry *entry, int64_t value)
{
	char text[NUMBER_TEXT_MAX];
	struct arg arg = { .data = text };

	arg.length = number_format(value, text);
	if (entry != NULL)
		return entry_assign(entry, arg.data, arg.length) == 0;
	return store_set(&call->shard->store, &call->argv[1], &arg, false) !=
	       NULL;
}

static void
add(struct call *call, int64_t increment)
{
	struct entry *entry = store_find(&call->shard->store, &call->argv[1]);
	int64_t value;

	if (!parse_value(call, entry, &value))
		return;
	if (increment > 0 ? value > INT64_MAX - increment
			  : value < INT64_MIN - increment) {
		reply_error(call->reply,
			    "increment or decrement would overflow");
		return;
	}
	value += increment;
	if (write_value(call, entry, value))
		reply_integer(call->reply, value);
	else
		reply_no_memory(call->reply);
}

void
command_incr(struct call *call)
{
	add(call, 1);
}

void
command_decr(struct call *call)
{
	add(call, -1);
}

static bool
parse_increment(struct call *call, int64_t *ret_increment)
{
	const struct arg *text = &call->argv[2];

	if (number_parse(text->data, text->length, ret_increment))
		return true;
	reply_not_integer(call->reply);
	return false;
}

void
command_incrby(struct call *call)
{
	int64_t increment;

	if (parse_increment(call, &increment))
		add(call, increment);
}

void
command_decrby(struct call *call)
{
	int64_t decrement;

	if (!parse_increment(call, &decrement))
		return;
	if (decrement == INT64_MIN)
		reply_error(call->reply, "decrement would overflow");
	else
		add(call, -decrement);
}
