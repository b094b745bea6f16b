#include "failure.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>

#include "complaint.h"

int
failure_describe(const SSL *ssl, char *ret_line, size_t size)
{
	unsigned long error = ERR_peek_error();
	int reason = ERR_GET_REASON(error);
	bool is_ssl = ERR_GET_LIB(error) == ERR_LIB_SSL;

	if (reason == ERR_R_MALLOC_FAILURE) {
		snprintf(ret_line, size, "there is no memory");
		return -ENOMEM;
	}
	if (is_ssl && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
		snprintf(ret_line, size,
			 "the peer's certificate is not accepted: %s",
			 X509_verify_cert_error_string(
				 SSL_get_verify_result(ssl)));
		return -EACCES;
	}
	if (is_ssl && reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
		snprintf(ret_line, size, "the peer shows no certificate");
		return -EACCES;
	}
	snprintf(ret_line, size, "%s: %s",
		 is_ssl && reason >= SSL_AD_REASON_OFFSET
			 ? "the peer refuses"
			 : "the peer's bytes are not accepted",
		 openssl_reason(error));
	return -EPROTO;
}
