/*
 * The read that a stream's user has asked for, and what the last one brought.
 */
#ifndef GYRE_NET_PULL_H
#define GYRE_NET_PULL_H

#include <gyre/stream_read.h>

#include "net/delimiter.h"

enum gyre__pull_kind {
	GYRE__PULL_NONE,        /* no read waits */
	GYRE__PULL_UNTIL,       /* for a delimiter */
	GYRE__PULL_EXACT,       /* for `amount` bytes */
	GYRE__PULL_PARTIAL,     /* for any, `amount` at most */
	GYRE__PULL_UNTIL_CLOSE, /* for the end */
	GYRE__PULL_PEEK,        /* for `amount` bytes at least */
};

/*
 *     asked (kind, fn or future) --satisfied--> handed out --> taken
 *
 * By callback, what is handed out is taken when the callback returns, which
 * may have begun the next read. By future, it stays at the front of the input
 * until the next read begins.
 */
struct gyre__pull {
	enum gyre__pull_kind kind;
	bool calling;   /* fn is on the stack, with what is handed out */
	bool over;      /* on_close comes next: nothing is asked any more */
	bool neglected; /* there are bytes that nobody has asked for */
	size_t amount;  /* until: max_bytes */
	struct gyre__delimiter delimiter;
	size_t searched; /* for the delimiter, in what is unread */
	gyre_read_fn fn; /* NULL: by future */
	union {
		void *arg;
		struct gyre_future *future; /* a reference */
	};
	struct gyre_bytes bytes; /* what is handed out: a future's value */
	size_t taken;            /* of those */
};

#endif
