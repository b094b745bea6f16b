/* Read through the seam: tests have a machine of their own making. */
#include "runtime/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

ssize_t
gyre__small_file_read(const struct gyre_sys *sys, const char *path,
		      char *ret_text, size_t size)
{
	int fd = sys->open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got = 0;

	if (fd < 0)
		return -errno;
	while (length < size - 1) {
		got = sys->read(fd, ret_text + length, size - 1 - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		length += (size_t)got;
	}
	if (got < 0)
		got = -errno;
	sys->close(fd);
	ret_text[length] = '\0';
	return got < 0 ? got : (ssize_t)length;
}

bool
gyre__small_file_number(const struct gyre_sys *sys, const char *path,
			unsigned limit, unsigned *ret_number)
{
	char text[32];
	char *end;
	unsigned long number;

	if (gyre__small_file_read(sys, path, text, sizeof(text)) < 0 ||
	    text[0] < '0' || text[0] > '9')
		return false;
	number = strtoul(text, &end, 10);
	if ((*end != '\0' && *end != '\n') || number > limit)
		return false;
	*ret_number = (unsigned)number;
	return true;
}
