#include "served.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"

#define CONNECTIONS_MAX 10000u
#define DEPTH_MAX       64u
#define LOOPS_MAX       16u
#define OTHERS          64u /* descriptors */
#define ANSWER_MAX      1024u
#define STARTS_MS       10000 /* to listen after it was started */
#define VALUE           "%06u%03u%07u"

struct load {
	const struct served *served;
	struct served_call call;
	pid_t pid;
	uint64_t connections;
	uint64_t depth;
	int *fds;
	/* HTTP: what the first answer was; the others differ in their date. */
	size_t answer_length;
};

void
served_argument(struct served_call *call, const char *format, ...)
{
	va_list arguments;
	char text[512];

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (call->argc + 1 == SERVED_ARGUMENTS_MAX ||
	    (call->argv[call->argc++] = strdup(text)) == NULL)
		bench_fail("no memory");
}

/* -- the server ------------------------------------------------------------ */

/* A port that is free now. */
static uint16_t
free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		bench_fail("there is no free port");
	close(fd);
	return ntohs(address.sin_port);
}

static void
start(struct load *load)
{
	struct served_call *call = &load->call;
	char folder[] = "/tmp/gyre-bench-XXXXXX";
	char path[512];

	call->folder = mkdtemp(folder) != NULL ? strdup(folder) : NULL;
	if (call->folder == NULL)
		bench_fail("no folder: %s", strerror(errno));
	snprintf(path, sizeof(path), "%s", load->served->program);
	if (path[0] != '/' && !child_find("gyre-bench", load->served->program,
					  path, sizeof(path)))
		bench_fail("%s is not here", load->served->program);
	served_argument(call, "%s", path);
	load->served->describe(call);
	load->pid = fork();
	if (load->pid < 0)
		bench_fail("no process: %s", strerror(errno));
	if (load->pid > 0)
		return;
	/* It does not outlive this program, whatever becomes of that. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(open("/dev/null", O_RDWR), STDOUT_FILENO);
	dup2(STDOUT_FILENO, STDERR_FILENO);
	execv(path, call->argv);
	_exit(127);
}

static int
remove_one(const char *path, const struct stat *status, int type,
	   struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

static void
end(struct load *load)
{
	int status;

	kill(load->pid, SIGTERM);
	if (waitpid(load->pid, &status, 0) != load->pid)
		bench_fail("the server does not end");
	(void)nftw(load->call.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Of all of the server's threads that live. */
static double
cpu_ns(pid_t pid)
{
	char path[320];
	struct dirent *entry;
	double sum = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (tasks == NULL)
		bench_fail("the server has ended");
	while ((entry = readdir(tasks)) != NULL) {
		unsigned long long ns = 0;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat",
			 (int)pid, entry->d_name);
		file = entry->d_name[0] != '.' ? fopen(path, "r") : NULL;
		if (file == NULL)
			continue;
		if (fscanf(file, "%llu", &ns) == 1)
			sum += (double)ns;
		fclose(file);
	}
	closedir(tasks);
	return sum;
}

/* -- connections ----------------------------------------------------------- */

static int
connect_once(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		bench_fail("no socket: %s", strerror(errno));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The first one once it listens. */
static void
connect_all(struct load *load)
{
	const struct timespec while_it_starts = { .tv_nsec = 1000000 };

	bench_want_descriptors(load->connections + OTHERS);
	load->fds = bench_allocate(load->connections, sizeof(int));
	for (uint64_t i = 0; i < load->connections; i++) {
		int tries = 0;

		while ((load->fds[i] = connect_once(load->call.port)) < 0) {
			if (waitpid(load->pid, NULL, WNOHANG) == load->pid)
				bench_fail("the server ended at once");
			if (tries++ == STARTS_MS)
				bench_fail("the server does not listen");
			nanosleep(&while_it_starts, NULL);
		}
	}
}

/* -- requests -------------------------------------------------------------- */

/* Write one request; in each even round keys are set, in the next one got. */
static size_t
write_request(const struct load *load, char *to, unsigned connection,
	      unsigned slot, unsigned round)
{
	bool sets = round % 2 == 0;
	char key[32];
	char value[32];

	snprintf(key, sizeof(key), "key:%06u:%02u", connection, slot);
	snprintf(value, sizeof(value), VALUE, connection, slot, round);
	switch (load->served->protocol) {
	case SERVED_RESP:
		return (size_t)(sets ? sprintf(to,
					       "*3\r\n$3\r\nSET\r\n$13\r\n%s"
					       "\r\n$16\r\n%s\r\n",
					       key, value)
				     : sprintf(to,
					       "*2\r\n$3\r\nGET\r\n$13\r\n%s"
					       "\r\n",
					       key));
	case SERVED_MEMCACHED:
		return (size_t)(sets ? sprintf(to, "set %s 0 0 16\r\n%s\r\n",
					       key, value)
				     : sprintf(to, "get %s\r\n", key));
	default:
		return (size_t)sprintf(to, "GET / HTTP/1.1\r\n"
					   "Host: localhost\r\n\r\n");
	}
}

/* Write what must come back, and return its length. */
static size_t
write_answer(const struct load *load, char *to, unsigned connection,
	     unsigned slot, unsigned round)
{
	char value[32];

	snprintf(value, sizeof(value), VALUE, connection, slot, round - 1);
	if (load->served->protocol == SERVED_HTTP) {
		strcpy(to, "HTTP/1.1 200 OK\r\n");
		return load->answer_length;
	}
	if (load->served->protocol == SERVED_RESP)
		return (size_t)(round % 2 == 0
					? sprintf(to, "+OK\r\n")
					: sprintf(to, "$16\r\n%s\r\n", value));
	return (size_t)(round % 2 == 0 ? sprintf(to, "STORED\r\n")
				       : sprintf(to,
						 "VALUE key:%06u:%02u 0 16\r\n"
						 "%s\r\nEND\r\n",
						 connection, slot, value));
}

/* How long the server's answers to HTTP are. */
static void
learn_answer(struct load *load)
{
	char request[64];
	char answer[ANSWER_MAX + 1];
	size_t length = write_request(load, request, 0, 0, 0);
	const char *body = NULL;
	const char *field;
	ssize_t got;

	if (send(load->fds[0], request, length, 0) != (ssize_t)length)
		bench_fail("the request was not sent");
	for (length = 0; length < ANSWER_MAX && body == NULL;
	     length += (size_t)got) {
		got = recv(load->fds[0], answer + length, ANSWER_MAX - length,
			   0);
		if (got <= 0)
			bench_fail("there is no answer");
		answer[length + (size_t)got] = '\0';
		body = strstr(answer, "\r\n\r\n");
	}
	field = strcasestr(answer, "\r\ncontent-length: ");
	if (body == NULL || field == NULL || field > body)
		bench_fail("the answer is none of HTTP with a length");
	load->answer_length =
		(size_t)(body + 4 - answer) +
		strtoul(field + strlen("\r\ncontent-length: "), NULL, 10);
	if (load->answer_length > ANSWER_MAX)
		bench_fail("the answer is too long");
	if (length < load->answer_length &&
	    recv(load->fds[0], answer, load->answer_length - length,
		 MSG_WAITALL) != (ssize_t)(load->answer_length - length))
		bench_fail("the answer ends too soon");
}

static void
ask(const struct load *load, unsigned connection, unsigned round)
{
	char requests[DEPTH_MAX * 128];
	size_t length = 0;

	for (unsigned slot = 0; slot < load->depth; slot++)
		length += write_request(load, requests + length, connection,
					slot, round);
	if (send(load->fds[connection], requests, length, 0) != (ssize_t)length)
		bench_fail("a request was not sent");
}

static void
hear(const struct load *load, unsigned connection, unsigned round)
{
	char wanted[ANSWER_MAX];
	char answers[DEPTH_MAX * ANSWER_MAX];
	/* In one round all are as long. */
	size_t one = write_answer(load, wanted, connection, 0, round);
	size_t length = load->depth * one;
	const char *at = answers;

	if (recv(load->fds[connection], answers, length, MSG_WAITALL) !=
	    (ssize_t)length)
		bench_fail("an answer did not come");
	for (unsigned slot = 0; slot < load->depth; slot++) {
		(void)write_answer(load, wanted, connection, slot, round);
		if (memcmp(at, wanted,
			   load->served->protocol == SERVED_HTTP
				   ? strlen(wanted)
				   : one) != 0)
			bench_fail("an answer is not what it must be");
		at += one;
	}
}

/* To each, then from each: as many are under way as there are connections. */
static void
go_round(const struct load *load, unsigned round)
{
	for (unsigned i = 0; i < load->connections; i++)
		ask(load, i, round);
	for (unsigned i = 0; i < load->connections; i++)
		hear(load, i, round);
}

void
served_bench(const struct served *served, struct params *params,
	     struct result *result)
{
	struct load load = { .served = served };
	uint64_t count = params_number(params, "count", 400000, 1000000000);
	uint64_t rounds;
	double begun_ns;

	load.connections =
		params_number(params, "connections", 50, CONNECTIONS_MAX);
	load.depth = params_number(params, "depth", 1, DEPTH_MAX);
	load.call.loops =
		(unsigned)params_number(params, "loops", 1, LOOPS_MAX);
	load.call.port = free_port();
	rounds = count / (load.connections * load.depth) + 1;
	start(&load);
	connect_all(&load);
	if (served->protocol == SERVED_HTTP)
		learn_answer(&load);
	go_round(&load, 0);
	go_round(&load, 1);
	begun_ns = cpu_ns(load.pid);
	result_begin(result);
	for (uint64_t round = 0; round < rounds; round++)
		go_round(&load, (unsigned)(2 + round));
	result_end(result, rounds * load.connections * load.depth);
	result->cpu_ns = cpu_ns(load.pid) - begun_ns;
	for (unsigned i = 0; i < load.connections; i++)
		close(load.fds[i]);
	free(load.fds);
	end(&load);
}

/* -- a program of one server ----------------------------------------------- */

static const struct served *the_server;

static void
bench_the_server(struct params *params, struct result *result)
{
	served_bench(the_server, params, result);
}

int
served_main(int argc, char **argv, const struct served *served)
{
	static const struct bench kv[] = {
		{ "kv", SERVED_KV_WHAT, bench_the_server },
		{ NULL, NULL, NULL },
	};
	static const struct bench http[] = {
		{ "http", SERVED_HTTP_WHAT, bench_the_server },
		{ NULL, NULL, NULL },
	};

	the_server = served;
	return bench_main(argc, argv,
			  served->protocol == SERVED_HTTP ? http : kv);
}
