/* memcached, by its text protocol, with a thread for each loop asked for. */
#include "served.h"

#include <unistd.h>

static void
describe(struct served_call *call)
{
	served_argument(call, "--listen=127.0.0.1");
	served_argument(call, "--port=%u", call->port);
	served_argument(call, "--udp-port=0");
	served_argument(call, "--threads=%u", call->loops);
	if (geteuid() == 0)
		served_argument(call, "--user=root");
}

static void
bench_kv(struct params *params, struct result *result)
{
	static const struct served memcached = { .program = PEER_PROGRAM,
						 .protocol = SERVED_MEMCACHED,
						 .describe = describe };

	served_bench(&memcached, params, result);
}

int
main(int argc, char **argv)
{
	static const struct bench benches[] = {
		{ "kv", SERVED_KV_WHAT, bench_kv },
		{ NULL, NULL, NULL },
	};

	return bench_main(argc, argv, benches);
}
