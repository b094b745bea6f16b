/*
 * An inline command's line, split into arguments with Redis's quoting:
 * "…" with \n \r \t \b \a \xHH and \ before anything, '…' with \' alone.
 */
#ifndef KV_ARGS_H
#define KV_ARGS_H

#include <stddef.h>

#include "arg.h"
#include "bytes.h"

/* A list of arguments that grows. */
struct args {
	struct arg *items;
	size_t count;
	size_t capacity;
};

/* Add one item, zeroed; NULL: no memory. */
struct arg *args_add(struct args *args);

/* Forget the items; keep the memory if it is at most keep_max of them. */
void args_reset(struct args *args, size_t keep_max);

void args_free(struct args *args);

/*
 * Split a line without its end. The arguments' bytes go into `text`, which
 * must stay untouched while they are used. 0, -EINVAL the quotes are not
 * balanced, -ENOMEM.
 */
int args_split(const char *line, size_t length, struct args *args,
	       struct bytes *text);

#endif
