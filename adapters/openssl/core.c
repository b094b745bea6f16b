/*
 * From options to what OpenSSL calls a context.
 *
 * Files are read as PEM by hand and not by OpenSSL's helpers, so that memory
 * and files go one way, a key that is encrypted is an error and no question on
 * a terminal, and each mistake has a line that names the file.
 */
#include "core.h"

#include "complaint.h"
#include "sessions.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define HANDSHAKE_DEFAULT_NS GYRE_SECONDS(10)

/* -- PEM ------------------------------------------------------------------- */

/* A file, or bytes in memory. */
struct source {
	const char *what; /* for the log */
	const char *file; /* NULL: the bytes */
	struct gyre_bytes bytes;
};

static const char *
name_of(const struct source *source)
{
	return source->file != NULL ? source->file : "in memory";
}

static int
open_source(const struct gyre_log *log, const struct source *source,
	    BIO **ret_bio)
{
	int error = ENOMEM;

	ERR_clear_error();
	errno = 0;
	if (source->file != NULL)
		*ret_bio = BIO_new_file(source->file, "r");
	else if (source->bytes.length <= INT_MAX)
		*ret_bio = BIO_new_mem_buf(source->bytes.data,
					   (int)source->bytes.length);
	else
		return complain(log, -EINVAL, "the %s is too long",
				source->what);
	if (*ret_bio != NULL)
		return 0;
	if (errno != 0)
		error = errno;
	return complain(log, -error, "cannot read the %s %s: %s", source->what,
			name_of(source), gyre_error_name(-error));
}

static int
refuse(const struct gyre_log *log, const struct source *source)
{
	return complain_of_openssl(log, "the %s %s is no good", source->what,
				   name_of(source));
}

/* Whether what ended the reading was the end of the certificates. */
static bool
is_end(void)
{
	unsigned long error = ERR_peek_last_error();

	return ERR_GET_LIB(error) == ERR_LIB_PEM &&
	       ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* All certificates that there are; at least one. */
static int
read_certificates(const struct gyre_log *log, const struct source *source,
		  STACK_OF(X509) * *ret_list)
{
	STACK_OF(X509) *list = sk_X509_new_null();
	BIO *bio = NULL;
	X509 *certificate;
	int status = list != NULL ? open_source(log, source, &bio) : -ENOMEM;

	while (status == 0) {
		certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		if (certificate == NULL)
			break;
		if (sk_X509_push(list, certificate) == 0) {
			X509_free(certificate);
			status = -ENOMEM;
		}
	}
	BIO_free(bio);
	if (status == 0 && (sk_X509_num(list) == 0 || !is_end()))
		status = refuse(log, source);
	ERR_clear_error();
	if (status == 0)
		*ret_list = list;
	else
		sk_X509_pop_free(list, X509_free);
	return status;
}

/* A password is never asked for. */
static int
no_password(char *buffer, int size, int writing, void *arg)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static int
read_key(const struct gyre_log *log, const struct source *source,
	 EVP_PKEY **ret_key)
{
	BIO *bio = NULL;
	int status = open_source(log, source, &bio);

	if (status < 0)
		return status;
	*ret_key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	return *ret_key != NULL ? 0 : refuse(log, source);
}

/* -- identities ------------------------------------------------------------ */

static void
free_identity(struct identity *identity)
{
	X509_free(identity->certificate);
	EVP_PKEY_free(identity->key);
	sk_X509_pop_free(identity->chain, X509_free);
}

static int
read_identity(const struct gyre_log *log,
	      const struct gyre_tls_identity *options,
	      struct identity *identity)
{
	const struct source certificate = { "certificate",
					    options->certificate_file,
					    options->certificate };
	const struct source key = {
		"key",
		options->key_file != NULL ? options->key_file
					  : options->certificate_file,
		options->key.data != NULL ? options->key : options->certificate
	};
	int status = read_certificates(log, &certificate, &identity->chain);

	if (status < 0)
		return status;
	identity->certificate = sk_X509_shift(identity->chain);
	status = read_key(log, &key, &identity->key);
	if (status < 0)
		return status;
	if (X509_check_private_key(identity->certificate, identity->key) == 1)
		return 0;
	return complain(log, -EINVAL, "the key %s is not the certificate's %s",
			name_of(&key), name_of(&certificate));
}

static int
read_identities(struct core *core, const struct gyre_tls_options *options)
{
	int status = 0;

	if (options->identities_count == 0)
		return 0;
	core->identities =
		calloc(options->identities_count, sizeof(*core->identities));
	if (core->identities == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < options->identities_count && status == 0; i++) {
		core->identities_count++;
		status = read_identity(&options->log, &options->identities[i],
				       &core->identities[i]);
	}
	if (status < 0)
		return status;
	ERR_clear_error();
	if (SSL_CTX_use_cert_and_key(
		    core->context, core->identities[0].certificate,
		    core->identities[0].key, core->identities[0].chain, 1) == 1)
		return 0;
	return complain_of_openssl(&options->log,
				   "the certificate cannot be used");
}

/* The client asks for a name: take the first certificate that has it. */
static int
choose_identity(SSL *ssl, int *ret_alert, void *arg)
{
	const struct core *core = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	if (name == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	for (size_t i = 0; i < core->identities_count; i++) {
		const struct identity *own = &core->identities[i];

		if (X509_check_host(own->certificate, name, 0, 0, NULL) != 1)
			continue;
		if (SSL_use_cert_and_key(ssl, own->certificate, own->key,
					 own->chain, 1) == 1)
			return SSL_TLSEXT_ERR_OK;
		*ret_alert = SSL_AD_INTERNAL_ERROR;
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	return SSL_TLSEXT_ERR_OK;
}

/* -- whom to trust --------------------------------------------------------- */

static int
trust(struct core *core, const struct gyre_tls_options *options)
{
	const struct source source = { "list of who is trusted",
				       options->ca_file, options->ca };
	X509_STORE *store = SSL_CTX_get_cert_store(core->context);
	STACK_OF(X509) * list;
	int status = read_certificates(&options->log, &source, &list);

	if (status < 0)
		return status;
	for (int i = 0; i < sk_X509_num(list) && status == 0; i++) {
		X509 *certificate = sk_X509_value(list, i);

		if (X509_STORE_add_cert(store, certificate) != 1 ||
		    (options->role == GYRE_TLS_SERVER &&
		     SSL_CTX_add_client_CA(core->context, certificate) != 1))
			status = -ENOMEM;
	}
	sk_X509_pop_free(list, X509_free);
	return status;
}

/* 0, or SSL_VERIFY_ flags, or that it makes no sense. */
static int
verify_flags(const struct gyre_tls_options *options)
{
	bool is_server = options->role == GYRE_TLS_SERVER;

	switch (options->verify) {
	case GYRE_TLS_VERIFY_DEFAULT:
		return is_server ? SSL_VERIFY_NONE : SSL_VERIFY_PEER;
	case GYRE_TLS_VERIFY_NONE:
		return SSL_VERIFY_NONE;
	case GYRE_TLS_VERIFY_OPTIONAL:
		return is_server ? SSL_VERIFY_PEER : -EINVAL;
	case GYRE_TLS_VERIFY_REQUIRED:
		return is_server ? SSL_VERIFY_PEER |
					   SSL_VERIFY_FAIL_IF_NO_PEER_CERT
				 : SSL_VERIFY_PEER;
	}
	return -EINVAL;
}

static int
set_trust(struct core *core, const struct gyre_tls_options *options)
{
	bool has_ca = options->ca_file != NULL || options->ca.data != NULL;
	int flags = verify_flags(options);

	if (flags < 0)
		return complain(&options->log, -EINVAL,
				"a server's certificate is never optional");
	core->verifies = flags != SSL_VERIFY_NONE;
	SSL_CTX_set_verify(core->context, flags, NULL);
	if (has_ca)
		return trust(core, options);
	if (core->verifies && options->role == GYRE_TLS_SERVER)
		return complain(&options->log, -EINVAL,
				"clients are to be verified, but nobody is "
				"trusted to vouch for them");
	if (core->verifies &&
	    SSL_CTX_set_default_verify_paths(core->context) != 1)
		return -ENOMEM;
	return 0;
}

/* -- protocols ------------------------------------------------------------- */

static int
choose_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_length,
	    const unsigned char *theirs, unsigned length, void *arg)
{
	const struct core *core = arg;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, ret_length, core->alpn,
				  core->alpn_length, theirs,
				  length) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* Each name with its length before it. */
static int
set_alpn(struct core *core, const struct gyre_tls_options *options)
{
	const char *at = options->alpn;

	while (at != NULL) {
		size_t length = strcspn(at, ",");

		if (length == 0 || length > 255 ||
		    length >= CORE_ALPN_MAX - core->alpn_length)
			return complain(&options->log, -EINVAL,
					"%s is no list of protocols",
					options->alpn);
		core->alpn[core->alpn_length] = (unsigned char)length;
		memcpy(core->alpn + core->alpn_length + 1, at, length);
		core->alpn_length += 1 + (unsigned)length;
		at = at[length] == ',' ? at + length + 1 : NULL;
	}
	if (core->alpn_length == 0)
		return 0;
	if (options->role == GYRE_TLS_SERVER)
		SSL_CTX_set_alpn_select_cb(core->context, choose_alpn, core);
	else if (SSL_CTX_set_alpn_protos(core->context, core->alpn,
					 core->alpn_length) != 0)
		return -ENOMEM;
	return 0;
}

static int
number_of(enum gyre_tls_version version, int fallback)
{
	switch (version) {
	case GYRE_TLS_VERSION_1_2:
		return TLS1_2_VERSION;
	case GYRE_TLS_VERSION_1_3:
		return TLS1_3_VERSION;
	case GYRE_TLS_VERSION_DEFAULT:
		break;
	}
	return fallback;
}

static int
set_versions(struct core *core, const struct gyre_tls_options *options)
{
	int min = number_of(options->min_version, TLS1_2_VERSION);
	int max = number_of(options->max_version, TLS1_3_VERSION);

	if (min > max)
		return complain(&options->log, -EINVAL,
				"the lowest version is above the highest");
	if (SSL_CTX_set_min_proto_version(core->context, min) != 1 ||
	    SSL_CTX_set_max_proto_version(core->context, max) != 1)
		return complain_of_openssl(&options->log,
					   "the versions cannot be had");
	return 0;
}

/* A server keeps no sessions: they are in the tickets that clients keep. */
static int
set_resumption(struct core *core, const struct gyre_tls_options *options)
{
	static const unsigned char id[] = "gyre";

	core->resumes = !options->no_resumption;
	SSL_CTX_set_session_cache_mode(core->context, SSL_SESS_CACHE_OFF);
	if (!core->resumes) {
		SSL_CTX_set_options(core->context, SSL_OP_NO_TICKET);
		return SSL_CTX_set_num_tickets(core->context, 0) == 1 ? 0
								      : -ENOMEM;
	}
	if (options->role == GYRE_TLS_SERVER)
		return SSL_CTX_set_session_id_context(core->context, id,
						      sizeof(id)) == 1
			       ? 0
			       : -ENOMEM;
	sessions_watch(core->context);
	return 0;
}

/* -- life ------------------------------------------------------------------ */

static int
set_all(struct core *core, const struct gyre_tls_options *options)
{
	int status = set_versions(core, options);

	if (status == 0)
		status = read_identities(core, options);
	if (status == 0)
		status = set_trust(core, options);
	if (status == 0)
		status = set_alpn(core, options);
	if (status == 0)
		status = set_resumption(core, options);
	if (core->identities_count > 1) {
		SSL_CTX_set_tlsext_servername_callback(core->context,
						       choose_identity);
		SSL_CTX_set_tlsext_servername_arg(core->context, core);
	}
	return status;
}

static int
check(const struct gyre_tls_options *options)
{
	if (options->role == GYRE_TLS_SERVER && options->identities_count == 0)
		return complain(&options->log, -EINVAL,
				"a server needs a certificate and its key");
	if (options->role == GYRE_TLS_CLIENT && options->identities_count > 1)
		return complain(&options->log, -EINVAL,
				"a client has one certificate at the most");
	return 0;
}

int
core_new(const struct gyre_tls_options *options, struct core **ret_core)
{
	int status = check(options);
	struct core *core;

	if (status < 0)
		return status;
	core = calloc(1, sizeof(*core));
	if (core == NULL)
		return -ENOMEM;
	core->handshake_ns = options->handshake_ns != 0 ? options->handshake_ns
							: HANDSHAKE_DEFAULT_NS;
	core->context = SSL_CTX_new(options->role == GYRE_TLS_SERVER
					    ? TLS_server_method()
					    : TLS_client_method());
	status = core->context != NULL ? set_all(core, options) : -ENOMEM;
	if (status < 0) {
		core_free(core);
		return status;
	}
	SSL_CTX_set_options(core->context, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(core->context, SSL_MODE_RELEASE_BUFFERS);
	/* One call of the system brings what there is, up to a record. */
	SSL_CTX_set_read_ahead(core->context, 1);
	*ret_core = core;
	return 0;
}

void
core_free(struct core *core)
{
	if (core == NULL)
		return;
	SSL_CTX_free(core->context);
	for (size_t i = 0; i < core->identities_count; i++)
		free_identity(&core->identities[i]);
	free(core->identities);
	sessions_free(core->sessions);
	free(core);
}
