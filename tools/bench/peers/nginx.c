/*
 * nginx, which answers out of its configuration, as short as the HTTP example
 * does, and keeps no log. It has one process and loop, whatever is asked for,
 * so that all of its CPU time is one process's.
 */
#include "served.h"

#include <stdio.h>

static void
configure(const struct served_call *call, const char *path)
{
	static const char *const temporary[] = { "client_body", "proxy",
						 "fastcgi", "uwsgi", "scgi" };
	FILE *file = fopen(path, "w");

	if (file == NULL)
		bench_fail("cannot write %s", path);
	fprintf(file,
		"daemon off; master_process off; pid %s/pid;\n"
		"error_log /dev/null crit;\n"
		"events { worker_connections 20000; }\n"
		"http {\n"
		"  access_log off; keepalive_requests 1000000000;\n",
		call->folder);
	for (unsigned i = 0; i < sizeof(temporary) / sizeof(temporary[0]); i++)
		fprintf(file, "  %s_temp_path %s/%s;\n", temporary[i],
			call->folder, temporary[i]);
	fprintf(file,
		"  server {\n"
		"    listen 127.0.0.1:%u; default_type text/plain;\n"
		"    location / { return 200 \"Hello, world!\\n\"; }\n"
		"  }\n"
		"}\n",
		call->port);
	if (fclose(file) != 0)
		bench_fail("cannot write %s", path);
}

static void
describe(struct served_call *call)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/nginx.conf", call->folder);
	configure(call, path);
	served_argument(call, "-p");
	served_argument(call, "%s", call->folder);
	served_argument(call, "-e");
	served_argument(call, "/dev/null");
	served_argument(call, "-c");
	served_argument(call, "%s", path);
}

int
main(int argc, char **argv)
{
	static const struct served nginx = { .program = PEER_PROGRAM,
					     .protocol = SERVED_HTTP,
					     .describe = describe };

	return served_main(argc, argv, &nginx);
}
