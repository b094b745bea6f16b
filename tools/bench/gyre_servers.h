/* gyre's own servers: gyre-kv, and the example of HTTP. */
#ifndef BENCH_GYRE_SERVERS_H
#define BENCH_GYRE_SERVERS_H

#include "served.h"

static inline void
describe_gyre_kv(struct served_call *call)
{
	served_argument(call, "--port");
	served_argument(call, "%u", call->port);
	served_argument(call, "--loops");
	served_argument(call, "%u", call->loops);
}

static inline void
bench_kv(struct params *params, struct result *result)
{
	static const struct served kv = { .program = "gyre-kv",
					  .protocol = SERVED_RESP,
					  .describe = describe_gyre_kv };

	served_bench(&kv, params, result);
}

static inline void
describe_http_server(struct served_call *call)
{
	served_argument(call, "%u", call->port);
	served_argument(call, "%u", call->loops);
}

static inline void
bench_http(struct params *params, struct result *result)
{
	static const struct served http = { .program = "http_server",
					    .protocol = SERVED_HTTP,
					    .describe = describe_http_server };

	served_bench(&http, params, result);
}

#endif
