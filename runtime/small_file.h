/*
 * The kernel's small files, as text.
 */
#ifndef GYRE_RUNTIME_SMALL_FILE_H
#define GYRE_RUNTIME_SMALL_FILE_H

#include "base/sys.h"

#include <stdbool.h>

#define GYRE__SMALL_FILE_BYTES 65536u

/* Read a file's beginning, with a terminator: its length, or a negative
 * errno. */
ssize_t gyre__small_file_read(const struct gyre_sys *sys, const char *path,
			      char *ret_text, size_t size);

/* Read one number, from 0 to the limit; false: there is none. */
bool gyre__small_file_number(const struct gyre_sys *sys, const char *path,
			     unsigned limit, unsigned *ret_number);

#endif
