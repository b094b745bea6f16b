#include "complaint.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_BYTES 512

static void
say(const struct gyre_log *log, const char *line)
{
	if (log->fn != NULL)
		log->fn(GYRE_LOG_ERROR, line, log->arg);
	else
		fprintf(stderr, "gyre: %s\n", line);
}

int
complain(const struct gyre_log *log, int error, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	say(log, line);
	return error;
}

const char *
openssl_reason(unsigned long error)
{
	const char *reason = ERR_reason_error_string(error);

	return reason != NULL ? reason : "OpenSSL does not say why";
}

int
complain_of_openssl(const struct gyre_log *log, const char *format, ...)
{
	unsigned long error = ERR_peek_error();
	char line[LINE_MAX_BYTES];
	va_list arguments;

	ERR_clear_error();
	if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
		return -ENOMEM;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	return complain(log, -EINVAL, "%s: %s", line, openssl_reason(error));
}
