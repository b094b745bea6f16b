#include "soak_control.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "soak_reply.h"

#define REPLY_MAX_BYTES 65536u
#define PATIENCE_S      60

struct soak_control {
	int fd;
	size_t length;
	char reply[REPLY_MAX_BYTES];
};

static int
connect_to(const struct addrinfo *at)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, at->ai_addr, at->ai_addrlen) == 0)
		return fd;
	close(fd);
	return -1;
}

struct soak_control *
soak_control_open(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct soak_control *control = calloc(1, sizeof(*control));
	struct addrinfo *addresses = NULL;
	int status = getaddrinfo(host, port, &hints, &addresses);
	int fd = -1;

	for (const struct addrinfo *at = addresses;
	     status == 0 && at != NULL && fd < 0; at = at->ai_next)
		fd = connect_to(at);
	if (fd < 0 || control == NULL) {
		fprintf(stderr,
			"gyre-stress: cannot connect to %s port %s: %s\n", host,
			port,
			status != 0 ? gai_strerror(status) : strerror(errno));
		free(control);
		control = NULL;
	} else {
		control->fd = fd;
	}
	if (addresses != NULL)
		freeaddrinfo(addresses);
	return control;
}

void
soak_control_close(struct soak_control *control)
{
	if (control == NULL)
		return;
	close(control->fd);
	free(control);
}

/* Send a command and wait for its reply; -1 and errno. */
static int
ask(struct soak_control *control, const char *command,
    struct soak_reply *ret_reply)
{
	size_t used;

	if (send(control->fd, command, strlen(command), MSG_NOSIGNAL) < 0)
		return -1;
	control->length = 0;
	do {
		size_t room = sizeof(control->reply) - control->length;
		ssize_t got = recv(control->fd,
				   control->reply + control->length, room, 0);

		if (got <= 0) {
			errno = got < 0 ? errno : ECONNRESET;
			return -1;
		}
		control->length += (size_t)got;
		used = soak_reply_read(control->reply, control->length,
				       ret_reply);
	} while (used == 0 && control->length < sizeof(control->reply));
	if (used != control->length) {
		errno = EPROTO;
		return -1;
	}
	return 0;
}

int64_t
soak_control_keys(struct soak_control *control)
{
	struct soak_reply reply;

	if (ask(control, "DBSIZE\r\n", &reply) < 0)
		return -1;
	if (reply.head.type != ':') {
		errno = EPROTO;
		return -1;
	}
	return reply.head.number;
}

/* The process's pages, of which Linux tells. */
static int64_t
resident_of(long pid)
{
	char path[64];
	FILE *file;
	long all = 0;
	long resident = 0;

	snprintf(path, sizeof(path), "/proc/%ld/statm", pid);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%ld %ld", &all, &resident) != 2)
		resident = 0;
	fclose(file);
	return resident * sysconf(_SC_PAGESIZE);
}

int64_t
soak_control_resident(struct soak_control *control)
{
	static const char field[] = "process_id:";
	struct soak_reply reply;
	const char *found;

	if (ask(control, "INFO server\r\n", &reply) < 0)
		return -1;
	if (reply.head.type != '$')
		return 0;
	found = memmem(reply.head.text, reply.head.length, field,
		       sizeof(field) - 1);
	return found == NULL ? 0
			     : resident_of(strtol(found + sizeof(field) - 1,
						  NULL, 10));
}
