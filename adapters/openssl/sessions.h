/*
 * The sessions that a client may resume, by whom they are with: a bounded
 * table of their bytes, so that no object of OpenSSL's is two threads'.
 */
#ifndef GYRE_TLS_SESSIONS_H
#define GYRE_TLS_SESSIONS_H

#include <openssl/ssl.h>

struct sessions;

/* Have stream_keep_session() told of each session. */
void sessions_watch(SSL_CTX *context);

/* Keep one; the oldest goes. The bytes become the table's, or are freed. */
void sessions_put(struct sessions **sessions, const char *key,
		  unsigned char *bytes, int length);

/* Make an object of the one kept; NULL: none is. */
SSL_SESSION *sessions_get(const struct sessions *sessions, const char *key);

void sessions_free(struct sessions *sessions);

#endif
