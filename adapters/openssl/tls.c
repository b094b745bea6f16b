/*
 * The lock is held for a few instructions, once at the begin and once at the
 * end of a connection, whose handshake costs thousands of times as much.
 */
#include "tls.h"

#include <errno.h>
#include <stdlib.h>

#include "complaint.h"
#include "sessions.h"
#include "wire.h"

/* Give a hold of a core back; it is to be freed if it was the last. */
static struct core *
let_go(struct core *core)
{
	return --core->holds == 0 ? core : NULL;
}

struct core *
tls_hold(struct gyre_tls *tls)
{
	struct core *core;

	pthread_mutex_lock(&tls->mutex);
	core = tls->current;
	core->holds++;
	tls->holds++;
	pthread_mutex_unlock(&tls->mutex);
	return core;
}

/* Nobody holds it. */
static void
free_tls(struct gyre_tls *tls)
{
	core_free(tls->current);
	BIO_meth_free(tls->wire);
	pthread_mutex_destroy(&tls->mutex);
	free(tls);
}

void
tls_release(struct gyre_tls *tls, struct core *core)
{
	struct core *unused;
	bool last;

	pthread_mutex_lock(&tls->mutex);
	unused = let_go(core);
	last = --tls->holds == 0;
	pthread_mutex_unlock(&tls->mutex);
	core_free(unused);
	if (last)
		free_tls(tls);
}

void
tls_keep_session(struct gyre_tls *tls, struct core *core, const char *key,
		 unsigned char *bytes, int length)
{
	pthread_mutex_lock(&tls->mutex);
	sessions_put(&core->sessions, key, bytes, length);
	pthread_mutex_unlock(&tls->mutex);
}

SSL_SESSION *
tls_find_session(struct gyre_tls *tls, struct core *core, const char *key)
{
	SSL_SESSION *session;

	pthread_mutex_lock(&tls->mutex);
	session = sessions_get(core->sessions, key);
	pthread_mutex_unlock(&tls->mutex);
	return session;
}

/* -- public ---------------------------------------------------------------- */

int
gyre_tls_new(const struct gyre_tls_options *options, struct gyre_tls **ret_tls)
{
	struct gyre_tls *tls = calloc(1, sizeof(*tls));
	int status;

	if (tls == NULL)
		return -ENOMEM;
	tls->role = options->role;
	tls->holds = 1;
	tls->wire = wire_method();
	status = tls->wire != NULL ? core_new(options, &tls->current) : -ENOMEM;
	if (status == 0)
		status = -pthread_mutex_init(&tls->mutex, NULL);
	if (status < 0) {
		core_free(tls->current);
		BIO_meth_free(tls->wire);
		free(tls);
		return status;
	}
	tls->current->holds = 1;
	*ret_tls = tls;
	return 0;
}

int
gyre_tls_reload(struct gyre_tls *tls, const struct gyre_tls_options *options)
{
	struct core *core;
	struct core *unused;
	int status;

	if (options->role != tls->role)
		return complain(&options->log, -EINVAL,
				"a reload cannot change the role");
	status = core_new(options, &core);
	if (status < 0)
		return status;
	core->holds = 1;
	pthread_mutex_lock(&tls->mutex);
	unused = let_go(tls->current);
	tls->current = core;
	pthread_mutex_unlock(&tls->mutex);
	core_free(unused);
	return 0;
}

void
gyre_tls_unref(struct gyre_tls *tls)
{
	bool last;

	if (tls == NULL)
		return;
	pthread_mutex_lock(&tls->mutex);
	last = --tls->holds == 0;
	pthread_mutex_unlock(&tls->mutex);
	if (last)
		free_tls(tls);
}
