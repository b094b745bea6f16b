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

int
main(int argc, char **argv)
{
	static const struct served memcached = { .program = PEER_PROGRAM,
						 .protocol = SERVED_MEMCACHED,
						 .describe = describe };

	return served_main(argc, argv, &memcached);
}
