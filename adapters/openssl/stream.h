/*
 * A stream's TLS: its transport.
 */
#ifndef GYRE_TLS_STREAM_H
#define GYRE_TLS_STREAM_H

#include "tls.h"

/* A connection's session has come; the bytes become its own. */
void stream_keep_session(SSL *ssl, unsigned char *bytes, int length);

#endif
