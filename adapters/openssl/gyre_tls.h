/*
 * TLS for streams, by OpenSSL 3: versions 1.2 and 1.3.
 *
 * A struct gyre_tls is what handshakes are made with: certificates, whom to
 * trust, protocols. All loops share one, and it can be given new files while
 * they do. What is opened with it is a stream like any other: on_connect comes
 * when the handshake is done, what is written before waits for that, and a
 * half-close or a close that flushes tells the peer (close_notify).
 *
 *     const struct gyre_tls_identity own = { .certificate_file = "cert.pem",
 *                                            .key_file = "key.pem" };
 *     struct gyre_tls_options options = { .role = GYRE_TLS_SERVER,
 *                                         .identities = &own,
 *                                         .identities_count = 1 };
 *     status = gyre_tls_new(&options, &tls);
 */
#ifndef GYRE_TLS_H
#define GYRE_TLS_H

#include <gyre/net.h>
#include <gyre/stream_connect.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_tls;

enum gyre_tls_role {
	GYRE_TLS_CLIENT,
	GYRE_TLS_SERVER
};

/* Whether the peer must show a certificate that is trusted. */
enum gyre_tls_verify {
	GYRE_TLS_VERIFY_DEFAULT,  /* a server must, a client need not */
	GYRE_TLS_VERIFY_NONE,     /* it is not asked for, or not looked at */
	GYRE_TLS_VERIFY_OPTIONAL, /* a client may go without; one that it shows
				     must be good */
	GYRE_TLS_VERIFY_REQUIRED,
};

enum gyre_tls_version {
	GYRE_TLS_VERSION_DEFAULT, /* 1.2 at least, 1.3 at most */
	GYRE_TLS_VERSION_1_2,
	GYRE_TLS_VERSION_1_3,
};

/* A certificate with its key, from files or from memory. */
struct gyre_tls_identity {
	const char *certificate_file;  /* PEM; what vouches for it behind it */
	const char *key_file;          /* PEM, not encrypted; NULL: it is in
					  the certificate's */
	struct gyre_bytes certificate; /* PEM, where there are no files */
	struct gyre_bytes key;
};

struct gyre_tls_options {
	enum gyre_tls_role role;
	/* A client with a certificate has one. A server has at least one: the
	 * first whose names match what the client asks for (SNI), or the first
	 * of all. */
	const struct gyre_tls_identity *identities;
	size_t identities_count;
	const char *ca_file;  /* PEM: who is trusted to vouch for the peer */
	struct gyre_bytes ca; /* the same in memory; of neither, a client trusts
				 whom the system does */
	enum gyre_tls_verify verify;
	/* Application protocols, the best first: "h2,http/1.1". NULL: it is
	 * not spoken of. */
	const char *alpn;
	enum gyre_tls_version min_version;
	enum gyre_tls_version max_version;
	bool no_resumption;   /* each handshake is a full one */
	int64_t handshake_ns; /* it may take so long; 0: 10 s; GYRE_FOREVER */
	struct gyre_log log;  /* what is wrong with these; zeroed: standard
				 error */
};

/* How a stream is opened, beside what any stream is opened with. */
struct gyre_tls_open_options {
	struct gyre_tls *tls;
	/* A client's alone: the name or numeric address that the server's
	 * certificate must have; a name is asked for, too. */
	const char *name;
	struct gyre_stream_options stream;
};

struct gyre_tls_connect_options {
	struct gyre_tls *tls;
	const char *name; /* as above; NULL: connect.host */
	struct gyre_connect_options connect;
};

/* What a handshake has come to; all of it lives as long as the stream. */
struct gyre_tls_info {
	const char *protocol;    /* "TLSv1.3" */
	const char *cipher;      /* "TLS_AES_256_GCM_SHA384" */
	const char *server_name; /* that was asked for; NULL: none was */
	struct gyre_bytes alpn;  /* what was agreed on; of length 0: nothing */
	bool resumed;            /* a session of before */
};

/* -- what handshakes are made with ----------------------------------------- */

/*
 * Make it; the files are read here. A line in the log says what is wrong.
 *
 * Thread: any
 * Owns:   the caller has a reference, and what is opened with it another
 * Errors: -EINVAL the options contradict each other, or what they name is not
 *         what it should be; -ENOENT, -EACCES or the like a file cannot be
 *         read; -ENOMEM
 */
int gyre_tls_new(const struct gyre_tls_options *options,
		 struct gyre_tls **ret_tls) GYRE_MUST_CHECK;

/*
 * Take other options, or the same ones with files that have changed. What
 * begins from now on, on whichever loop, is made with them; what is under way
 * or open keeps what it began with. No session is resumed across it, since
 * other peers may be trusted now. On error nothing changes.
 *
 * Thread: any
 * Errors: as for gyre_tls_new(); -EINVAL the role is another
 */
int gyre_tls_reload(struct gyre_tls *tls,
		    const struct gyre_tls_options *options) GYRE_MUST_CHECK;

/*
 * Give the reference back. NULL is a no-op.
 *
 * Thread: any
 */
void gyre_tls_unref(struct gyre_tls *tls);

/* -- streams --------------------------------------------------------------- */

/*
 * As gyre_stream_open(), for a connected socket whose peer speaks TLS. The
 * handshake begins in a callback to come. If it fails, on_close has
 *
 * -EPROTO: the peer does not speak TLS, or not ours, or refuses us.
 * -EACCES: its certificate is missing, is not trusted, has expired or has
 * another name. -ETIMEDOUT: it took too long. -ECONNABORTED: the peer left.
 *
 * Later, -ECONNABORTED says that the peer's bytes ended without its saying so:
 * they may have been cut short by another. gyre_tls_error_text() says more.
 *
 * Thread: owner
 * Owns:   as for gyre_stream_open()
 * Errors: as for gyre_stream_open(); -EINVAL a client has no name to expect,
 *         and verifies
 */
int gyre_tls_open(struct gyre_loop *loop, int fd,
		  const struct gyre_tls_open_options *options,
		  const struct gyre_stream_ops *ops, void *arg,
		  struct gyre_stream **ret_stream) GYRE_MUST_CHECK;

/*
 * As gyre_stream_connect(), and then a handshake by the same deadline. A
 * session with the same host and service is resumed if the server likes.
 *
 * Thread: owner
 * Owns:   as for gyre_stream_connect()
 * Errors: as for gyre_stream_connect(); -EINVAL there is no name to expect, and
 *         it verifies
 */
int gyre_tls_connect(struct gyre_loop *loop,
		     const struct gyre_tls_connect_options *options,
		     const struct gyre_stream_ops *ops, void *arg,
		     struct gyre_stream **ret_stream) GYRE_MUST_CHECK;

/*
 * Tell what the handshake has come to.
 *
 * Thread: owner
 * Errors: -EINVAL it is no stream of TLS; -ENOTCONN there was no handshake yet
 */
int gyre_tls_get_info(const struct gyre_stream *stream,
		      struct gyre_tls_info *ret_info) GYRE_MUST_CHECK;

/*
 * Copy the peer's certificate, in DER, and return its length.
 *
 * Thread: owner
 * Errors: -EINVAL it is no stream of TLS; -ENOENT the peer has shown none;
 *         -ENOBUFS it is longer than that
 */
int gyre_tls_peer_certificate(const struct gyre_stream *stream, void *ret_der,
			      size_t size) GYRE_MUST_CHECK;

/*
 * Write whom the peer's certificate is for, as in RFC 2253: "CN=example.org".
 *
 * Thread: owner
 * Errors: as for gyre_tls_peer_certificate()
 */
int gyre_tls_peer_subject(const struct gyre_stream *stream, char *ret_text,
			  size_t size) GYRE_MUST_CHECK;

/*
 * Return one line on why the handshake or what came after failed, which lives
 * until on_close has returned; "" if nothing did, or it is no stream of TLS.
 *
 * Thread: owner
 */
const char *gyre_tls_error_text(const struct gyre_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
