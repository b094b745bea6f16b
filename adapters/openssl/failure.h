/*
 * What OpenSSL says went wrong, as an errno and a line.
 */
#ifndef GYRE_TLS_FAILURE_H
#define GYRE_TLS_FAILURE_H

#include <openssl/ssl.h>
#include <stddef.h>

/* Look at the oldest error of this thread's: its errno, and its line. */
int failure_describe(const SSL *ssl, char *ret_line, size_t size);

#endif
