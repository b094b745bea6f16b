/*
 * Hands one formatted line to the log hook; the library prints nothing else.
 */
#ifndef GYRE_BASE_LOG_H
#define GYRE_BASE_LOG_H

#include <gyre/base.h>

/* Format one line, cut at 512 bytes, and give it to the hook. Any thread. */
void gyre__log(const struct gyre_log *log, enum gyre_log_level level,
	       const char *format, ...) GYRE_PRINTF(3, 4);

#endif
