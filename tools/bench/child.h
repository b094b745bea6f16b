/* Another program's run: its one line of JSON, or that it has no such bench. */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>

#define CHILD_LINE_BYTES 1024

/* Where a program is that stands beside this one, which was called by this
 * name; false: it is not there. */
bool child_find(const char *own, const char *name, char *ret_path, size_t size);

/* Whether the program has a bench of that name. */
bool child_has(const char *path, const char *bench);

/*
 * Run it, with arguments that spaces part, and keep what it prints; false: it
 * failed, and has said why.
 */
bool child_run(const char *path, const char *arguments,
	       char ret_line[CHILD_LINE_BYTES]);

/* The number of a key in a line; below 0: null, or not there. */
double child_number(const char *line, const char *key);

/* The text of a key in a line; empty: it is not there. */
void child_text(const char *line, const char *key, char *ret, size_t size);

#endif
