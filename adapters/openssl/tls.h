/*
 * What all loops share: the core that new handshakes take, and the lock under
 * which it is replaced.
 */
#ifndef GYRE_TLS_TLS_H
#define GYRE_TLS_TLS_H

#include "core.h"

#include <pthread.h>

struct gyre_tls {
	/* -- immutable after new -- */
	enum gyre_tls_role role;
	BIO_METHOD *wire; /* from OpenSSL to a stream's socket */
	/* -- any thread, under the mutex -- */
	pthread_mutex_t mutex;
	unsigned holds;
	struct core *current;
};

/* Hold it, and the core that is current. */
struct core *tls_hold(struct gyre_tls *tls);
void tls_release(struct gyre_tls *tls, struct core *core);

/* Keep a session with whom the key says; the bytes become its own. */
void tls_keep_session(struct gyre_tls *tls, struct core *core, const char *key,
		      unsigned char *bytes, int length);

/* Find one to resume, the caller's; or NULL. */
SSL_SESSION *tls_find_session(struct gyre_tls *tls, struct core *core,
			      const char *key);

#endif
