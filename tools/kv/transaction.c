/*
 * The queue is EXEC's arguments from the first: what waits is copied once
 * here and once into the batch. Its limits are those of one request, which
 * EXEC is.
 */
#include "transaction.h"

#include <stdlib.h>

#include "check.h"
#include "command.h"
#include "connection.h"
#include "resp.h"

#define ARGC_BITS 32

_Static_assert(RESP_ARGS_MAX < UINT32_MAX, "a number of arguments fits");

void
transaction_begin(struct transaction *transaction)
{
	transaction->open = true;
}

/* Tell whether so many more arguments, with these bytes, are too much. */
static bool
is_too_much(const struct transaction *transaction, const struct call *call)
{
	size_t bytes = transaction->text.length + transaction->watched_bytes;

	if (transaction->args.count + transaction->watched + call->argc >
	    RESP_ARGS_MAX)
		return true;
	for (size_t i = 0; i < call->argc; i++)
		bytes += call->argv[i].length;
	return bytes > RESP_COMMAND_MAX;
}

static bool
refuse_too_much(struct call *call)
{
	reply_error(call->reply, "The transaction is too large");
	return false;
}

static bool
add_arg(struct transaction *transaction, const struct arg *arg)
{
	struct arg *added = args_add(&transaction->args);

	if (added == NULL)
		return false;
	added->length = arg->length;
	added->hash = arg->hash;
	bytes_append(&transaction->text, arg->data, arg->length);
	return !transaction->text.failed;
}

static uint64_t
pack_name(const struct call *call)
{
	size_t count;
	uint64_t index = (uint64_t)(call->command - command_table(&count));

	return index << ARGC_BITS | call->argc;
}

const struct command *
transaction_unpack(const struct arg *name, size_t *ret_argc)
{
	size_t count;
	const struct command *table = command_table(&count);
	size_t index = (size_t)(name->hash >> ARGC_BITS);

	KV_INSIST(index < count);
	*ret_argc = (size_t)(name->hash & UINT32_MAX);
	return &table[index];
}

bool
transaction_add(struct transaction *transaction, struct call *call)
{
	static const struct arg exec = { .data = "EXEC", .length = 4 };
	struct arg name = call->argv[0];
	bool added = true;

	if (is_too_much(transaction, call))
		return refuse_too_much(call);
	name.hash = pack_name(call);
	if (transaction->count == 0)
		added = add_arg(transaction, &exec);
	added = added && add_arg(transaction, &name);
	for (size_t i = 1; i < call->argc && added; i++)
		added = add_arg(transaction, &call->argv[i]);
	if (!added) {
		reply_no_memory(call->reply);
		return false;
	}
	transaction->count++;
	return true;
}

bool
transaction_watch(struct transaction *transaction, struct call *call)
{
	if (is_too_much(transaction, call))
		return refuse_too_much(call);
	transaction->watched += call->argc - 1;
	for (size_t i = 1; i < call->argc; i++)
		transaction->watched_bytes += call->argv[i].length;
	return true;
}

bool
transaction_place(struct transaction *transaction, unsigned shard)
{
	if (transaction->placed)
		return transaction->shard == shard;
	transaction->placed = true;
	transaction->shard = shard;
	return true;
}

static void
forget_commands(struct transaction *transaction)
{
	transaction->count = 0;
	args_free(&transaction->args);
	bytes_free(&transaction->text);
}

void
transaction_refuse(struct transaction *transaction)
{
	transaction->refused = true;
	forget_commands(transaction);
}

struct arg *
transaction_pack(struct transaction *transaction, struct arg *own, size_t *argc)
{
	struct args *args = &transaction->args;
	size_t offset = 0;

	if (transaction->count == 0)
		return own;
	for (size_t i = 0; i < args->count; i++) {
		args->items[i].data = transaction->text.data + offset;
		offset += args->items[i].length;
	}
	*argc = args->count;
	return args->items;
}

void
transaction_end(struct transaction *transaction)
{
	forget_commands(transaction);
	*transaction = (struct transaction){ 0 };
}
