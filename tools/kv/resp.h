/*
 * The RESP parser: bytes in, one command's arguments out. It knows no
 * sockets and copies nothing of an array of bulk strings.
 *
 * Give it everything that was received and not yet used, from the first byte
 * of a command on. After RESP_MORE give it the same bytes again with more
 * behind them, wherever they are by then; it goes on where it was, so that a
 * command in many pieces costs no more than in one. It takes memory only for
 * what has arrived, never for what the client announces.
 */
#ifndef KV_RESP_H
#define KV_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "args.h"

/* A line without its end: an inline command, or a length. As in Redis. */
#define RESP_LINE_MAX 65536
/* Arguments of one command. */
#define RESP_ARGS_MAX (1024 * 1024)
/* One bulk string, unless told otherwise. As in Redis. */
#define RESP_BULK_MAX_DEFAULT ((size_t)512 * 1024 * 1024)
/* One command with everything in it; Redis's client-query-buffer-limit. */
#define RESP_COMMAND_MAX ((size_t)1024 * 1024 * 1024)

#define RESP_ERROR_MAX 64

enum resp_status {
	RESP_MORE,    /* it is not complete */
	RESP_COMMAND, /* args holds it, *ret_used is its length */
	RESP_EMPTY,   /* *ret_used bytes said nothing: an empty line or array */
	RESP_ERROR,   /* error says what is wrong; the rest means nothing */
};

struct resp {
	size_t bulk_max;
	bool is_stranger; /* has yet to give the password: it may send little */
	struct args args; /* valid until the next call, or resp_put_away() */
	size_t position;  /* how far it has understood */
	size_t searched;  /* how far it has looked for a line's end */
	int64_t args_left;        /* of the array; 0: it has not begun */
	int64_t bulk_length;      /* of the bulk string; -1: not known yet */
	struct bytes inline_text; /* what an inline command unquotes to */
	char error[RESP_ERROR_MAX];
};

void resp_init(struct resp *resp, size_t bulk_max);
void resp_free(struct resp *resp);

/* Parse one command. On RESP_ERROR because of memory, error is empty. */
enum resp_status resp_parse(struct resp *resp, const char *data, size_t length,
			    size_t *ret_used);

/*
 * The command's arguments have been looked at: keep the memory that small ones
 * need, for the next, and give back the rest.
 */
void resp_put_away(struct resp *resp);

/*
 * Return how many bytes of the command must still come at least, to know how
 * far a buffer will have to grow.
 */
size_t resp_wants(const struct resp *resp, size_t length);

#endif
