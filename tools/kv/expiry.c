/*
 * Every step that could overflow is checked before it is taken.
 */
#include "expiry.h"

#include "number.h"
#include "server.h"

bool
expiry_unit_find(const struct arg *arg, struct expiry_unit *ret_unit)
{
	if (ARG_IS(arg, "ex"))
		*ret_unit = EXPIRY_SECONDS;
	else if (ARG_IS(arg, "px"))
		*ret_unit = EXPIRY_MILLISECONDS;
	else if (ARG_IS(arg, "exat"))
		*ret_unit = (struct expiry_unit){ 1000, true };
	else if (ARG_IS(arg, "pxat"))
		*ret_unit = (struct expiry_unit){ 1, true };
	else
		return false;
	return true;
}

bool
expiry_unit_equals(struct expiry_unit one, struct expiry_unit other)
{
	return one.milliseconds == other.milliseconds &&
	       one.absolute == other.absolute;
}

void
expiry_reply_invalid(struct call *call)
{
	reply_errorf(call->reply, "invalid expire time in '%s' command",
		     call->command->name);
}

bool
expiry_parse(struct call *call, const struct arg *text, struct expiry_unit unit,
	     int64_t *ret_when_ms)
{
	int64_t base_ms = unit.absolute ? 0 : store_now_ms(&call->shard->store);
	int64_t when;

	if (!number_parse(text->data, text->length, &when)) {
		reply_not_integer(call->reply);
		return false;
	}
	if (when <= 0 || when > INT64_MAX / unit.milliseconds ||
	    when * unit.milliseconds > INT64_MAX - base_ms) {
		expiry_reply_invalid(call);
		return false;
	}
	*ret_when_ms = when * unit.milliseconds + base_ms;
	return true;
}
