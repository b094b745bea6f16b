/*
 * gyre_raise(): a fixed record per thread, so that raising needs no memory.
 */
#include "base/exception.h"

#include "base/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Elsewhere __GLIBC_PREREQ is not even a macro. */
#if defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 32)
#define GLIBC_HAS_NAMES 1
#endif
#endif

_Thread_local struct gyre_exception gyre__exception;

void
gyre_raise_at(int error, const char *file, int line, const char *format, ...)
{
	struct gyre_exception *record = &gyre__exception;
	va_list arguments;

	GYRE_REQUIRE(error < 0);
	record->error = error;
	record->file = file;
	record->line = line;
	record->message[0] = '\0';
	if (format == NULL)
		return;
	va_start(arguments, format);
	vsnprintf(record->message, sizeof(record->message), format, arguments);
	va_end(arguments);
}

const struct gyre_exception *
gyre_exception(void)
{
	return gyre__exception.error != 0 ? &gyre__exception : NULL;
}

const char *
gyre_error_name(int error)
{
#if defined(GLIBC_HAS_NAMES)
	const char *name = strerrorname_np(-error);

	return name != NULL ? name : "unknown error";
#else
	return strerror(-error);
#endif
}
