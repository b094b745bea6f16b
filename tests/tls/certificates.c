#include "tests/tls/certificates.h"

#include "tests/net/harness.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define HOUR 3600

static void
add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* Without an authority it vouches for itself. */
static X509 *
make(const char *name, EVP_PKEY *key, const struct authority *authority,
     long seconds)
{
	static long serial = 1;
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);
	X509 *issuer = authority != NULL ? authority->certificate : certificate;

	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -HOUR);
	X509_gmtime_adj(X509_getm_notAfter(certificate), seconds);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
				   (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
	X509_set_pubkey(certificate, key);
	add_extension(certificate, issuer, NID_basic_constraints,
		      authority != NULL ? "CA:FALSE" : "critical,CA:TRUE");
	return certificate;
}

static struct gyre_bytes
take(BIO *bio)
{
	char *text;
	long length = BIO_get_mem_data(bio, &text);
	char *copy = malloc((size_t)length);

	assert_non_null(copy);
	memcpy(copy, text, (size_t)length);
	BIO_free(bio);
	return (struct gyre_bytes){ copy, (size_t)length };
}

static struct gyre_bytes
pem_of(X509 *certificate)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
	return take(bio);
}

static struct gyre_bytes
pem_of_key(EVP_PKEY *key, const EVP_CIPHER *cipher)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, cipher, NULL, 0,
						  NULL, (void *)"secret"),
			 1);
	return take(bio);
}

void
bytes_free(struct gyre_bytes *bytes)
{
	free((void *)bytes->data);
	*bytes = (struct gyre_bytes){ .data = NULL };
}

struct authority *
authority_new(const char *name)
{
	struct authority *authority = calloc(1, sizeof(*authority));

	assert_non_null(authority);
	authority->key = EVP_EC_gen("P-256");
	authority->certificate = make(name, authority->key, NULL, HOUR);
	assert_true(X509_sign(authority->certificate, authority->key,
			      EVP_sha256()) > 0);
	authority->pem = pem_of(authority->certificate);
	return authority;
}

void
authority_free(struct authority *authority)
{
	X509_free(authority->certificate);
	EVP_PKEY_free(authority->key);
	bytes_free(&authority->pem);
	free(authority);
}

struct gyre_tls_identity
identity_new(const struct authority *authority, const char *names, long seconds)
{
	struct gyre_tls_identity identity = { .key_file = NULL };
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = make(names, key, authority, seconds);

	add_extension(certificate, authority->certificate, NID_subject_alt_name,
		      names);
	assert_true(X509_sign(certificate, authority->key, EVP_sha256()) > 0);
	identity.certificate = pem_of(certificate);
	identity.key = pem_of_key(key, NULL);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return identity;
}

void
identity_free(struct gyre_tls_identity *identity)
{
	bytes_free(&identity->certificate);
	bytes_free(&identity->key);
}

struct gyre_bytes
encrypted_key(const struct authority *authority)
{
	return pem_of_key(authority->key, EVP_aes_128_cbc());
}
