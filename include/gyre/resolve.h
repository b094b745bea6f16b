/*
 * Names to addresses, without blocking the loop.
 *
 * gyre_net_resolve() asks the system's getaddrinfo() on an executor, or a
 * resolver that the options name. Numeric hosts with numeric services are
 * answered at once. A lookup is a future: cancel it whenever you like; at its
 * deadline it is rejected. What is asked meanwhile goes on or never begins, and
 * what it still brings is freed.
 *
 *     struct gyre_future *lookup = gyre_net_resolve(
 *             loop, &(struct gyre_resolve_options){
 *                           .host = "example.org", .service = "443" });
 *     gyre_loop_add_future(loop, lookup, on_addresses, NULL);
 *     gyre_future_unref(lookup);
 */
#ifndef GYRE_RESOLVE_H
#define GYRE_RESOLVE_H

#include <gyre/base.h>
#include <gyre/future.h>
#include <gyre/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_loop;
struct gyre_resolver;
struct gyre_resolve_options;
struct sockaddr;

/* The longest name there is in DNS, with a dot at its end. */
#define GYRE_HOST_MAX    254u
#define GYRE_SERVICE_MAX 31u
/* What one name has more of is left out. */
#define GYRE_ADDRESSES_MAX 256u

/* One socket address, IPv4 or IPv6, port included. */
struct gyre_address {
	const struct sockaddr *sockaddr;
	size_t length;
};

/* What a lookup found, in the order in which to try them; at least one. */
struct gyre_addresses {
	const struct gyre_address *items;
	size_t count;
	const char *canonical_name; /* NULL: not asked for, or not known */
};

/* Bring your own resolver by filling this in. */
struct gyre_resolver_ops {
	/*
	 * Begin a lookup on a loop, and return its future, which comes from
	 * gyre_addresses_future(). Called by the loop's owner; never blocks.
	 * The options were looked at: host and service end with NUL, a type is
	 * set, and all is valid until it returns. The deadline is none of the
	 * resolver's business: whoever gives up cancels the future.
	 * Errors: NULL no memory, or the loop is closed
	 */
	struct gyre_future *(*resolve)(
		struct gyre_resolver *resolver, struct gyre_loop *loop,
		const struct gyre_resolve_options *options);
};

struct gyre_resolver {
	const struct gyre_resolver_ops *ops;
};

/* family, type and flags are AF_, SOCK_ and AI_ constants of <sys/socket.h>
 * and <netdb.h>. */
struct gyre_resolve_options {
	const char *host;    /* NULL: this machine, or with AI_PASSIVE any */
	size_t host_length;  /* 0: up to its NUL */
	const char *service; /* name or number; NULL: port 0 */
	int family;          /* 0: IPv4 and IPv6 */
	int type;            /* 0: SOCK_STREAM */
	int flags;
	int64_t deadline_ns; /* an instant of the loop's clock; 0: none */
	struct gyre_executor *executor; /* NULL: the loop's default one */
	struct gyre_resolver
		*resolver; /* NULL: getaddrinfo() on the executor */
};

/*
 * Look a host and a service up. The future's value is a struct gyre_addresses.
 * Whatever goes wrong rejects the future, with one line that names the host:
 *
 * -EINVAL: host or service is missing, empty or too long, has a space, a NUL
 * or a control character, or is no port; or the system refuses type or flags.
 * -ENOENT: no such host or service. -EAGAIN: no answer for now, or the executor
 * is full. -EAFNOSUPPORT: no address of that family. -EIO: the name server
 * failed for good. -ETIMEDOUT: the deadline came. -ESHUTDOWN: the executor was
 * shut down, or the loop closed first.
 *
 * A lookup that is cancelled or expires while it waits for a thread never
 * begins. A getaddrinfo() that runs can't be stopped: it keeps its thread until
 * it is done.
 *
 * Thread: owner
 * Owns:   the caller gets one reference to the future, and whoever reads its
 *         value the addresses, for gyre_addresses_free(); what nobody has read
 *         is freed with the future
 * Errors: NULL no memory, or the loop is closed
 */
GYRE_API struct gyre_future *gyre_net_resolve(
	struct gyre_loop *loop,
	const struct gyre_resolve_options *options) GYRE_MUST_CHECK;

/*
 * Make addresses, of copies; canonical_name may be NULL. For resolvers.
 *
 * Thread: any
 * Errors: -EINVAL there are none, or more than GYRE_ADDRESSES_MAX, or one is
 *         too long for any socket; -ENOMEM
 */
GYRE_API int gyre_addresses_new(const struct gyre_address *items, size_t count,
				const char *canonical_name,
				struct gyre_addresses **ret_addresses)
	GYRE_MUST_CHECK;

/*
 * Make a pending future whose value will be addresses. For resolvers: on 0
 * gyre_future_resolve() takes the addresses over, and frees them if nobody
 * reads them; refused, they are still the resolver's.
 *
 * Thread: any
 * Errors: NULL no memory, or the loop is closed
 */
GYRE_API struct gyre_future *gyre_addresses_future(struct gyre_loop *loop)
	GYRE_MUST_CHECK;

/*
 * Free what a lookup found. NULL is a no-op.
 *
 * Thread: any
 */
GYRE_API void gyre_addresses_free(struct gyre_addresses *addresses);

#ifdef __cplusplus
}
#endif

#endif
