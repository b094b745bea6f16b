/*
 * SLOWLOG asks every shard for its own, and takes the newest of all.
 */
#include "command.h"
#include "number.h"
#include "server.h"

#define COUNT_DEFAULT 10

/* How many are asked for; all: as many as are kept. */
static bool
read_count(struct call *call, size_t *ret_count)
{
	const struct arg *text = &call->argv[2];
	int64_t count = COUNT_DEFAULT;

	if (call->argc > 2 &&
	    (!number_parse(text->data, text->length, &count) || count < -1)) {
		reply_error(call->reply,
			    "count should be greater than or equal to -1");
		return false;
	}
	*ret_count = count < 0 ? SIZE_MAX : (size_t)count;
	return true;
}

static void
check_get(struct call *call)
{
	size_t max = call->shard->server->options->slow_max;

	call->gather = GATHER_SLOW;
	/* Redis finds this too late for its usual words. */
	if (call->argc > 3)
		reply_errorf(call->reply,
			     "unknown subcommand or wrong number of arguments "
			     "for '%.*s'. Try SLOWLOG HELP.",
			     (int)strlen("get"), call->argv[1].data);
	else if (read_count(call, &call->limit) && call->limit > max)
		call->limit = max;
}

static void
check_len(struct call *call)
{
	call->gather = GATHER_SUM;
	call->limit = call->shard->server->options->slow_max;
}

static void
check_reset(struct call *call)
{
	call->gather = GATHER_STATUS;
}

bool
command_slowlog_check(struct call *call)
{
	static const struct subcommand list[] = {
		{ "GET", -2, check_get,
		  "Return the newest slow commands, 10 or as many as said." },
		{ "LEN", 2, check_len, "Return how many are kept." },
		{ "RESET", 2, check_reset, "Forget them." },
		{ NULL, 0, NULL, NULL },
	};
	size_t before = call->reply->bytes->length;

	subcommand_run(call, list);
	/* Whatever was said here is an error, or HELP. */
	return call->reply->bytes->length == before &&
	       !call->reply->bytes->failed;
}

/* A shard's part. */
void
command_slowlog(struct call *call)
{
	struct slowlog *slowlog = &call->shard->slowlog;
	size_t count;

	if (ARG_IS(&call->argv[1], "len")) {
		reply_integer(call->reply, (int64_t)slowlog->count);
	} else if (ARG_IS(&call->argv[1], "reset")) {
		slowlog_clear(slowlog);
		reply_ok(call->reply);
	} else if (read_count(call, &count)) {
		slowlog_reply(slowlog, count, call);
	}
}
