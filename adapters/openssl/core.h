/*
 * What one set of options was made into. Handshakes hold the one that they
 * began with; a reload puts another in its place.
 *
 * All counts, and the sessions, are under the mutex of its struct gyre_tls, so
 * that whoever frees comes after whoever used. OpenSSL's own counts would do,
 * but not for a race detector, which does not see them.
 */
#ifndef GYRE_TLS_CORE_H
#define GYRE_TLS_CORE_H

#include "gyre_tls.h"

#include <openssl/ssl.h>

#define CORE_ALPN_MAX 256

/* A certificate, its key and what vouches for it. */
struct identity {
	X509 *certificate;
	EVP_PKEY *key;
	STACK_OF(X509) * chain;
};

struct sessions;

struct core {
	/* -- immutable after new -- */
	SSL_CTX *context;
	struct identity *identities;
	size_t identities_count;
	bool verifies; /* the peer, in any way */
	bool resumes;
	int64_t handshake_ns;
	unsigned char alpn[CORE_ALPN_MAX]; /* as it is sent */
	unsigned alpn_length;
	/* -- under the mutex -- */
	unsigned holds;
	struct sessions *sessions; /* a client's; NULL: none yet */
};

/* Make one of options; a line in their log says what is wrong. */
int core_new(const struct gyre_tls_options *options, struct core **ret_core);

/* Nobody holds it. NULL is a no-op. */
void core_free(struct core *core);

#endif
