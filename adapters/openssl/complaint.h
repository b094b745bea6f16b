/*
 * Lines on what is wrong with options.
 */
#ifndef GYRE_TLS_COMPLAINT_H
#define GYRE_TLS_COMPLAINT_H

#include <gyre/base.h>

/* Say it in the log, and return the error. */
int complain(const struct gyre_log *log, int error, const char *format, ...)
	GYRE_PRINTF(3, 4);

/* The same, with what OpenSSL says, which tells the error too. */
int complain_of_openssl(const struct gyre_log *log, const char *format, ...)
	GYRE_PRINTF(2, 3);

/* What OpenSSL calls an error. */
const char *openssl_reason(unsigned long error);

#endif
