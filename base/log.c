/*
 * The log hook. The default writes "gyre: <line>" to standard error in one
 * call, so that lines of several threads do not mix.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_BYTES 512

void
gyre__log(const struct gyre_log *log, enum gyre_log_level level,
	  const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (log->fn != NULL)
		log->fn(level, line, log->arg);
	else if (level != GYRE_LOG_DEBUG)
		fprintf(stderr, "gyre: %s\n", line);
}
