/*
 * Certificates that the tests make for themselves, as PEM in memory.
 */
#ifndef GYRE_TESTS_TLS_CERTIFICATES_H
#define GYRE_TESTS_TLS_CERTIFICATES_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "gyre_tls.h"

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
	struct gyre_bytes pem; /* its certificate */
};

struct authority *authority_new(const char *name);
void authority_free(struct authority *authority);

/* A certificate for the names, as in "DNS:a.test,IP:127.0.0.1", valid from an
 * hour ago until so many seconds from now. */
struct gyre_tls_identity identity_new(const struct authority *authority,
				      const char *names, long seconds);
void identity_free(struct gyre_tls_identity *identity);

/* The same key, encrypted. */
struct gyre_bytes encrypted_key(const struct authority *authority);

void bytes_free(struct gyre_bytes *bytes);

#endif
