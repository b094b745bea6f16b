/* redis-server, in memory only; it has one loop, whatever is asked for. */
#include "served.h"

static void
describe(struct served_call *call)
{
	static const char *const rest[] = {
		"--bind",       "127.0.0.1", "--save",      "",
		"--appendonly", "no",        "--daemonize", "no",
	};

	served_argument(call, "--port");
	served_argument(call, "%u", call->port);
	for (unsigned i = 0; i < sizeof(rest) / sizeof(rest[0]); i++)
		served_argument(call, "%s", rest[i]);
	served_argument(call, "--dir");
	served_argument(call, "%s", call->folder);
}

int
main(int argc, char **argv)
{
	static const struct served redis = { .program = PEER_PROGRAM,
					     .protocol = SERVED_RESP,
					     .describe = describe };

	return served_main(argc, argv, &redis);
}
