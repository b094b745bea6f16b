/*
 * Waits at most ANSWER_SECONDS for anything, and takes at most ANSWER_MAX.
 */
#include "link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_SECONDS 5
#define ANSWER_MAX     (64u << 20)

static int
fail(struct link *link, const char *path, const char *why)
{
	snprintf(link->error, sizeof(link->error), "%s: %s", path, why);
	return -1;
}

static const char *
meaning_of(int error)
{
	switch (error) {
	case ENOENT:
		return "there is no control socket; start the process with "
		       "GYRE_CONTROL=PATH";
	case ECONNREFUSED:
		return "its process is gone";
	case EACCES:
	case EPERM:
		return "it is another user's";
	default:
		return strerror(error);
	}
}

int
link_open(struct link *link, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = ANSWER_SECONDS };

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(link, path, "the path is too long");
	strcpy(address.sun_path, path);
	link->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (link->fd < 0)
		return fail(link, path, strerror(errno));
	setsockopt(link->fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		   sizeof(patience));
	setsockopt(link->fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		   sizeof(patience));
	if (connect(link->fd, (struct sockaddr *)&address, sizeof(address)) <
	    0) {
		int error = errno;

		close(link->fd);
		return fail(link, path, meaning_of(error));
	}
	return 0;
}

void
link_close(struct link *link)
{
	close(link->fd);
}

/* Read on, up to a newline: 1 there is one, 0 not yet, -1 with the error. */
static int
read_more(struct link *link, char *text, size_t *length)
{
	ssize_t count = recv(link->fd, text + *length, 65536, 0);

	if (count < 0 && errno == EINTR)
		return 0; /* the terminal's size has changed */
	if (count == 0)
		return fail(link, "gone", "the process hung up");
	if (count < 0)
		return fail(link, "silent",
			    errno == EAGAIN ? "no answer in 5 seconds"
					    : strerror(errno));
	*length += (size_t)count;
	return text[*length - 1] == '\n';
}

char *
link_ask(struct link *link, const char *request)
{
	char line[64];
	int sent = snprintf(line, sizeof(line), "%s\n", request);
	char *text = NULL;
	size_t length = 0;
	int state = 0;

	if (send(link->fd, line, (size_t)sent, MSG_NOSIGNAL) != sent)
		state = fail(link, "gone", strerror(errno));
	while (state == 0) {
		char *more = realloc(text, length + 65536 + 1);

		if (more == NULL || length > ANSWER_MAX) {
			state = fail(link, "answer", "there is no end to it");
			break;
		}
		text = more;
		state = read_more(link, text, &length);
	}
	if (state < 0) {
		free(text);
		return NULL;
	}
	text[length] = '\0';
	return text;
}
