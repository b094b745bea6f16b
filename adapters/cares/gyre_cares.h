/*
 * c-ares as a resolver for gyre_net_resolve(): no thread waits for an answer.
 *
 * One serves one loop, on which its sockets and its timer are; all of it is on
 * that loop's thread. It reads the system's configuration when it is made, and
 * /etc/hosts, which is short, at each lookup.
 *
 *     struct gyre_cares *cares;
 *     gyre_cares_new(loop, NULL, &cares);
 *     gyre_net_resolve(loop, &(struct gyre_resolve_options){
 *                                    .host = "example.org", .service = "443",
 *                                    .resolver = gyre_cares_resolver(cares) });
 */
#ifndef GYRE_CARES_H
#define GYRE_CARES_H

#include <gyre/resolve.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_cares;

struct gyre_cares_options {
	const char *servers; /* "192.0.2.1:53,…"; NULL: the system's */
	int try_ms;          /* for the first try of a server; 0: c-ares's */
	int tries;           /* of each server; 0: c-ares's */
};

/*
 * Make a resolver for a loop. NULL options mean the defaults.
 *
 * Thread: owner
 * Errors: -EINVAL servers is no list of addresses; -EIO c-ares cannot be set
 *         up; -ENOMEM
 */
int gyre_cares_new(struct gyre_loop *loop,
		   const struct gyre_cares_options *options,
		   struct gyre_cares **ret_cares) GYRE_MUST_CHECK;

/*
 * Return it as a resolver; it lives as long.
 *
 * Its errors are those of gyre_net_resolve(); -EAGAIN stands for no answer,
 * too, and -EINVAL for flags that c-ares does not know. c-ares cannot withdraw
 * one query: of a lookup that was cancelled the query ends with its answer or
 * after its last try.
 *
 * Thread: any
 */
struct gyre_resolver *gyre_cares_resolver(struct gyre_cares *cares);

/*
 * Free it, before its loop is closed. Lookups that wait for it are rejected
 * with -ESHUTDOWN. NULL is a no-op.
 *
 * Thread: owner
 */
void gyre_cares_free(struct gyre_cares *cares);

#ifdef __cplusplus
}
#endif

#endif
