/*
 * The way to a process: its control socket, asked one line at a time.
 */
#ifndef TOP_LINK_H
#define TOP_LINK_H

#include <stddef.h>

#define LINK_ERROR_BYTES 256

struct link {
	int fd;
	char error[LINK_ERROR_BYTES]; /* one line that says what is wrong */
};

/* Connect: 0, or -1 with the error. */
int link_open(struct link *link, const char *path);
void link_close(struct link *link);

/* Ask a line, get one: text to be freed, or NULL with the error. */
char *link_ask(struct link *link, const char *request);

#endif
