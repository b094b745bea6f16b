/*
 * How a failed assertion ends the process: one line, by write(2) alone, since
 * it may happen in a signal handler or with any lock held.
 */
#include "base/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t
append(char *line, size_t used, size_t size, const char *text)
{
	size_t length = strlen(text);

	if (length > size - used)
		length = size - used;
	memcpy(line + used, text, length);
	return used + length;
}

static size_t
append_number(char *line, size_t used, size_t size, int number)
{
	char digits[12];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return append(line, used, size, digits + at);
}

void
gyre__fail(const char *what, const char *file, int line, const char *function)
{
	char text[512];
	size_t used = append(text, 0, sizeof(text) - 1, "gyre: ");

	used = append(text, used, sizeof(text) - 1, file);
	used = append(text, used, sizeof(text) - 1, ":");
	used = append_number(text, used, sizeof(text) - 1, line);
	used = append(text, used, sizeof(text) - 1, ": ");
	used = append(text, used, sizeof(text) - 1, function);
	used = append(text, used, sizeof(text) - 1, "(): ");
	used = append(text, used, sizeof(text) - 1, what);
	text[used++] = '\n';
	(void)!write(STDERR_FILENO, text, used);
	abort();
}
