/*
 * Values that are numbers, counted up and down.
 */
#include <math.h>

#include "command.h"
#include "float.h"
#include "number.h"
#include "server.h"
#include "typed.h"

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
write_text(struct call *call, struct entry *entry, const struct arg *text)
{
	if (entry != NULL)
		return entry_assign(entry, text->data, text->length) == 0;
	return store_set(&call->shard->store, &call->argv[1], text, false) !=
	       NULL;
}

static bool
write_value(struct call *call, struct entry *entry, int64_t value)
{
	char digits[NUMBER_TEXT_MAX];
	struct arg text = { .data = digits };

	text.length = number_format(value, digits);
	return write_text(call, entry, &text);
}

static void
add(struct call *call, int64_t increment)
{
	struct entry *entry;
	int64_t value;

	if (!typed_find(call, &call->argv[1], OBJECT_STRING, &entry) ||
	    !parse_value(call, entry, &value))
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

/* -- with a fraction ------------------------------------------------------- */

static bool
add_float(struct call *call, const struct entry *entry, long double *ret_sum)
{
	struct arg text = { 0 };
	long double value = 0;
	long double increment;

	if (entry != NULL)
		text = (struct arg){ .data = entry->value,
				     .length = entry->value_length };
	if ((entry != NULL && !float_parse_long(&text, &value)) ||
	    !float_parse_long(&call->argv[2], &increment)) {
		reply_error(call->reply, "value is not a valid float");
		return false;
	}
	*ret_sum = value + increment;
	if (isfinite(*ret_sum))
		return true;
	reply_error(call->reply, "increment would produce NaN or Infinity");
	return false;
}

void
command_incrbyfloat(struct call *call)
{
	char digits[FLOAT_TEXT_MAX];
	struct arg text = { .data = digits };
	struct entry *entry;
	long double sum;

	if (!typed_find(call, &call->argv[1], OBJECT_STRING, &entry) ||
	    !add_float(call, entry, &sum))
		return;
	text.length = float_format(sum, digits);
	if (write_text(call, entry, &text))
		reply_bulk(call->reply, text.data, text.length);
	else
		reply_no_memory(call->reply);
}
