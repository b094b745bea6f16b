/*
 * The names of OpenSSL's matters are gyre_tls.h's. Without it every function is
 * here too, and the options let nobody get so far.
 */
#include "secure.h"

#include <errno.h>

#include "server.h"

#if defined(KV_TLS)

#include <gyre_tls.h>

bool
secure_is_built(void)
{
	return true;
}

static enum gyre_tls_verify
verify_of(const struct options *options)
{
	switch (options->tls_clients) {
	case OPTIONS_TLS_CLIENTS_ANY:
		return GYRE_TLS_VERIFY_NONE;
	case OPTIONS_TLS_CLIENTS_OPTIONAL:
		return GYRE_TLS_VERIFY_OPTIONAL;
	case OPTIONS_TLS_CLIENTS_KNOWN:
		break;
	}
	return GYRE_TLS_VERIFY_REQUIRED;
}

/* The identity is the caller's memory. */
static struct gyre_tls_options
tls_options(const struct options *options, struct gyre_tls_identity *own)
{
	*own = (struct gyre_tls_identity){
		.certificate_file = options->tls_certificate,
		.key_file = options->tls_key,
	};
	return (struct gyre_tls_options){
		.role = GYRE_TLS_SERVER,
		.identities = own,
		.identities_count = 1,
		.ca_file = options->tls_ca,
		.verify = verify_of(options),
		.min_version = options->tls_1_2 ? GYRE_TLS_VERSION_1_2
						: GYRE_TLS_VERSION_1_3,
		.max_version = options->tls_1_3 ? GYRE_TLS_VERSION_1_3
						: GYRE_TLS_VERSION_1_2,
	};
}

int
secure_load(struct server *server)
{
	struct gyre_tls_identity own;
	const struct gyre_tls_options options =
		tls_options(server->options, &own);

	return gyre_tls_new(&options, &server->tls);
}

void
secure_unload(struct server *server)
{
	gyre_tls_unref(server->tls);
}

void
secure_reload(struct server *server)
{
	struct gyre_tls_identity own;
	const struct gyre_tls_options options =
		tls_options(server->options, &own);
	int error = gyre_tls_reload(server->tls, &options);

	if (error < 0)
		fprintf(stderr,
			"gyre-kv: the certificates stay as they were "
			"(%s)\n",
			gyre_error_name(error));
}

int
secure_open(struct server *server, struct gyre_loop *loop, int fd,
	    const struct gyre_stream_options *options,
	    const struct gyre_stream_ops *ops, void *arg,
	    struct gyre_stream **ret_stream)
{
	const struct gyre_tls_open_options with = { .tls = server->tls,
						    .stream = *options };

	return gyre_tls_open(loop, fd, &with, ops, arg, ret_stream);
}

#else

bool
secure_is_built(void)
{
	return false;
}

int
secure_load(struct server *server)
{
	(void)server;
	return -ENOSYS;
}

void
secure_unload(struct server *server)
{
	(void)server;
}

void
secure_reload(struct server *server)
{
	(void)server;
}

int
secure_open(struct server *server, struct gyre_loop *loop, int fd,
	    const struct gyre_stream_options *options,
	    const struct gyre_stream_ops *ops, void *arg,
	    struct gyre_stream **ret_stream)
{
	(void)server;
	(void)loop;
	(void)fd;
	(void)options;
	(void)ops;
	(void)arg;
	(void)ret_stream;
	return -ENOSYS;
}

#endif
