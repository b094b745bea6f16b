#include "tests/runtime/fork_fixture.h"

#include "tests/support/child.h"
#include "tests/support/watchdog.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

struct shared *shared;
pid_t parent;
struct gyre_runtime *the_runtime;

void
count_call(void)
{
	atomic_fetch_add(
		getpid() == parent ? &shared->in_parent : &shared->in_child, 1);
}

/* A thread's return ends a child that has no other; not with what sanitizers
 * make of it, which is the parent's. */
static void
end_quietly(void *unused)
{
	(void)unused;
	_exit(0);
}

static void
end_with_this_thread(void)
{
	pthread_key_t key;

	CHECK(pthread_key_create(&key, end_quietly) == 0);
	CHECK(pthread_setspecific(key, &shared) == 0);
}

void
fork_here(void)
{
	int status = -1;
	pid_t child;

	fflush(NULL);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		alarm(20);
		end_with_this_thread();
		return;
	}
	CHECK(waitpid(child, &status, 0) == child);
	atomic_store(&shared->status, status);
	atomic_store(&shared->is_forked, true);
}

void
assert_child_ended_well(void)
{
	assert_true(atomic_load(&shared->is_forked));
	assert_int_equal(atomic_load(&shared->status), 0);
}

void
fork_init(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
}

int
fork_set_up(void **state)
{
	(void)state;
	memset(shared, 0, sizeof(*shared));
	parent = getpid();
	watchdog(120);
	return 0;
}

void
await(atomic_bool *flag)
{
	while (!atomic_load(flag))
		sched_yield();
}

/* -- a runtime ------------------------------------------------------------ */

int
no_service(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	(void)shard;
	(void)arg;
	(void)ret_state;
	return 0;
}

const struct gyre_service_ops nothing = { .name = "nothing",
					  .start = no_service };

void
start_runtime(const struct gyre_service_ops *service)
{
	const struct gyre_runtime_options options = { .loops = 2,
						      .pin = GYRE_PIN_NONE };

	CHECK(gyre_runtime_new(&options, &the_runtime) == 0);
	CHECK(gyre_runtime_add_service(the_runtime, service, NULL) == 0);
	CHECK(gyre_runtime_start(the_runtime) == 0);
}

static void *
answer(void *arg)
{
	return arg;
}

void
await_loops(void)
{
	for (unsigned i = 0; i < 2; i++)
		CHECK(gyre_bus_call_wait(gyre_runtime_bus(the_runtime), i,
					 answer, NULL, GYRE_FOREVER,
					 NULL) == 0);
}

void
end_runtime(void)
{
	gyre_runtime_stop(the_runtime);
	CHECK(gyre_runtime_wait(the_runtime) == 0);
	gyre_runtime_free(the_runtime);
}

struct gyre_loop *
loop_of(unsigned shard)
{
	return gyre_runtime_shard(the_runtime, shard)->loop;
}

void
assert_good_in_a_child(void (*body)(void *))
{
	char output[1024];
	int status = in_child(body, NULL, output, sizeof(output));

	assert_string_equal(output, "");
	assert_int_equal(status, 0);
}

int
connect_to(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}
