/*
 * One channel of c-ares on one loop. c-ares says by its socket-state callback
 * what it waits for; asking it for its descriptors after each call instead
 * would watch numbers that it has closed meanwhile.
 *
 * Its callbacks only complete futures, which calls nobody back, so nothing
 * enters c-ares from inside c-ares.
 */
#include "gyre_cares.h"

#include <gyre/loop.h>

#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct gyre_cares {
	struct gyre_resolver resolver; /* first */
	struct gyre_loop *loop;
	ares_channel channel;
	gyre_timeout timeout; /* c-ares's next one; 0: none */
};

struct query {
	struct gyre_future *future; /* a reference */
};

/* -- the library ---------------------------------------------------------- */

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static int library_status;

static void
init_library(void)
{
	library_status = ares_library_init(ARES_LIB_INIT_ALL);
}

static int
errno_of(int status)
{
	switch (status) {
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
	case ARES_ENONAME:
	case ARES_ESERVICE:
		return -ENOENT;
	case ARES_ETIMEOUT:
	case ARES_ECONNREFUSED:
	case ARES_ESERVFAIL:
		return -EAGAIN;
	case ARES_ENOMEM:
	case ARES_ECANCELLED: /* there was no memory for a timeout */
		return -ENOMEM;
	case ARES_EBADFAMILY:
		return -EAFNOSUPPORT;
	case ARES_EBADNAME:
	case ARES_EBADFLAGS:
	case ARES_EBADHINTS:
	case ARES_EBADQUERY:
		return -EINVAL;
	case ARES_EDESTRUCTION:
		return -ESHUTDOWN;
	default:
		return -EIO;
	}
}

/* -- on the loop ---------------------------------------------------------- */

static void on_timeout(void *arg);

/* Have c-ares called when it wants to look at its queries again. */
static void
arm(struct gyre_cares *cares)
{
	struct timeval left;
	int64_t delay_ns;

	gyre_loop_remove_timeout(cares->loop, cares->timeout);
	cares->timeout = 0;
	if (ares_timeout(cares->channel, NULL, &left) == NULL)
		return;
	/* A moment more, as its clock is coarser: never twice for one. */
	delay_ns =
		GYRE_SECONDS(left.tv_sec) + GYRE_US(left.tv_usec) + GYRE_MS(1);
	/* Without it a query might wait for ever. */
	if (gyre_loop_call_later(cares->loop, delay_ns, on_timeout, cares,
				 &cares->timeout) < 0)
		ares_cancel(cares->channel);
}

static void
on_timeout(void *arg)
{
	struct gyre_cares *cares = arg;

	cares->timeout = 0;
	ares_process_fd(cares->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm(cares);
}

static void
on_ready(int fd, unsigned events, void *arg)
{
	struct gyre_cares *cares = arg;
	bool reads = (events & (GYRE_READ | GYRE_ERROR)) != 0;
	bool writes = (events & (GYRE_WRITE | GYRE_ERROR)) != 0;

	ares_process_fd(cares->channel, reads ? fd : ARES_SOCKET_BAD,
			writes ? fd : ARES_SOCKET_BAD);
	arm(cares);
}

/* Both false: it is about to close the socket. */
static void
on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct gyre_cares *cares = arg;
	unsigned events = (readable ? GYRE_READ : GYRE_NONE) |
			  (writable ? GYRE_WRITE : GYRE_NONE);

	if (events == GYRE_NONE)
		(void)gyre_loop_remove_handler(cares->loop, fd);
	/* One that can't be watched is left to c-ares's timeout. */
	else if (gyre_loop_set_handler(cares->loop, fd, events, on_ready,
				       cares) < 0)
		return;
}

/* -- lookups -------------------------------------------------------------- */

/* Names that c-ares has no bit for are none. */
static int
flags_of(int flags, int *ret_flags)
{
	static const struct {
		int ours;
		int theirs;
	} table[] = {
		{ AI_CANONNAME, ARES_AI_CANONNAME },
		{ AI_NUMERICHOST, ARES_AI_NUMERICHOST },
		{ AI_PASSIVE, ARES_AI_PASSIVE },
		{ AI_NUMERICSERV, ARES_AI_NUMERICSERV },
		{ AI_V4MAPPED, ARES_AI_V4MAPPED },
		{ AI_ALL, ARES_AI_ALL },
		{ AI_ADDRCONFIG, ARES_AI_ADDRCONFIG },
	};

	*ret_flags = 0;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (flags & table[i].ours)
			*ret_flags |= table[i].theirs;
		flags &= ~table[i].ours;
	}
	return flags == 0 ? 0 : -EINVAL;
}

static const char *
canonical_name(const struct ares_addrinfo *info)
{
	const struct ares_addrinfo_cname *cname = info->cnames;

	while (cname != NULL && cname->next != NULL)
		cname = cname->next;
	return cname != NULL && cname->name != NULL ? cname->name : info->name;
}

static int
copy_addresses(const struct ares_addrinfo *info,
	       struct gyre_addresses **ret_addresses)
{
	struct gyre_address items[GYRE_ADDRESSES_MAX];
	size_t count = 0;

	for (const struct ares_addrinfo_node *node = info->nodes;
	     node != NULL && count < GYRE_ADDRESSES_MAX; node = node->ai_next)
		items[count++] = (struct gyre_address){ node->ai_addr,
							node->ai_addrlen };
	if (count == 0)
		return -ENOENT;
	return gyre_addresses_new(items, count, canonical_name(info),
				  ret_addresses);
}

/* c-ares calls it once for each query, whatever happens. */
static void
on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct query *query = arg;
	struct gyre_addresses *addresses = NULL;
	int error;

	(void)timeouts;
	error = status == ARES_SUCCESS ? copy_addresses(info, &addresses)
				       : errno_of(status);
	if (error < 0)
		(void)gyre_future_reject(query->future, error,
					 status == ARES_SUCCESS
						 ? gyre_error_name(error)
						 : ares_strerror(status));
	else if (gyre_future_resolve(query->future, addresses) < 0)
		gyre_addresses_free(addresses);
	ares_freeaddrinfo(info);
	gyre_future_unref(query->future);
	free(query);
}

static void
ask(struct gyre_cares *cares, struct query *query,
    const struct gyre_resolve_options *options)
{
	struct ares_addrinfo_hints hints = {
		.ai_family = options->family,
		.ai_socktype = options->type,
	};

	if (flags_of(options->flags, &hints.ai_flags) < 0) {
		on_answer(query, ARES_EBADFLAGS, 0, NULL);
		return;
	}
	ares_getaddrinfo(cares->channel, options->host, options->service,
			 &hints, on_answer, query);
	arm(cares);
}

static struct gyre_future *
resolve(struct gyre_resolver *resolver, struct gyre_loop *loop,
	const struct gyre_resolve_options *options)
{
	struct gyre_cares *cares = (struct gyre_cares *)resolver;
	struct query *query = malloc(sizeof(*query));
	struct gyre_future *future;

	if (query == NULL)
		return NULL;
	future = gyre_addresses_future(loop);
	if (future == NULL) {
		free(query);
		return NULL;
	}
	query->future = gyre_future_ref(future);
	/* Its sockets are on its own loop. */
	if (loop != cares->loop || options->host == NULL)
		on_answer(query, ARES_EBADQUERY, 0, NULL);
	else
		ask(cares, query, options);
	return future;
}

/* -- public --------------------------------------------------------------- */

static int
open_channel(struct gyre_cares *cares, const struct gyre_cares_options *options)
{
	struct ares_options settings = {
		.timeout = options->try_ms,
		.tries = options->tries,
		.sock_state_cb = on_socket,
		.sock_state_cb_data = cares,
	};
	int mask = ARES_OPT_SOCK_STATE_CB |
		   (options->try_ms > 0 ? ARES_OPT_TIMEOUTMS : 0) |
		   (options->tries > 0 ? ARES_OPT_TRIES : 0);
	int status;

	pthread_once(&library_once, init_library);
	status = library_status;
	if (status == ARES_SUCCESS)
		status = ares_init_options(&cares->channel, &settings, mask);
	if (status != ARES_SUCCESS)
		return status == ARES_ENOMEM ? -ENOMEM : -EIO;
	if (options->servers == NULL)
		return 0;
	status = ares_set_servers_ports_csv(cares->channel, options->servers);
	if (status == ARES_SUCCESS)
		return 0;
	ares_destroy(cares->channel);
	return status == ARES_ENOMEM ? -ENOMEM : -EINVAL;
}

int
gyre_cares_new(struct gyre_loop *loop, const struct gyre_cares_options *options,
	       struct gyre_cares **ret_cares)
{
	static const struct gyre_cares_options defaults = { .servers = NULL };
	static const struct gyre_resolver_ops ops = { .resolve = resolve };
	struct gyre_cares *cares = calloc(1, sizeof(*cares));
	int status;

	if (cares == NULL)
		return -ENOMEM;
	cares->resolver.ops = &ops;
	cares->loop = loop;
	status = open_channel(cares, options != NULL ? options : &defaults);
	if (status < 0) {
		free(cares);
		return status;
	}
	*ret_cares = cares;
	return 0;
}

struct gyre_resolver *
gyre_cares_resolver(struct gyre_cares *cares)
{
	return &cares->resolver;
}

void
gyre_cares_free(struct gyre_cares *cares)
{
	if (cares == NULL)
		return;
	gyre_loop_remove_timeout(cares->loop, cares->timeout);
	ares_destroy(cares->channel);
	free(cares);
}
