/*
 * A listening socket per shard, made before they start, and connections that go
 * to the shard of the CPU which got the packet.
 *
 * On the loopback that is the CPU of whoever connects: the test's thread goes
 * from one to the other.
 */
#include "tests/support/loop_fixture.h"

#include <gyre/gyre.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#define SHARDS  2u
#define CLIENTS 40u

static struct gyre_runtime *runtime;
static int sockets[SHARDS];
static struct gyre_listener *listeners[SHARDS];
static unsigned lines;
static char line[256];
static cpu_set_t allowed;

static void
on_log(enum gyre_log_level level, const char *text, void *arg)
{
	(void)level;
	(void)arg;
	lines++;
	snprintf(line, sizeof(line), "%s", text);
}

/* Tell the client on which shard it is. */
static void
greet(struct gyre_listener *from, int fd, void *arg)
{
	char greeting = (char)gyre_shard_current()->index;

	CHECK(from == listeners[gyre_shard_current()->index] && arg == NULL);
	CHECK(send(fd, &greeting, 1, MSG_NOSIGNAL) == 1);
	close(fd);
}

static int
start(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	const struct gyre_listener_options options = {
		.fd = sockets[shard->index],
	};

	(void)arg;
	(void)ret_state;
	return gyre_listener_open(shard->loop, &options, greet, NULL,
				  &listeners[shard->index]);
}

static const struct gyre_service_ops greeter = { .name = "greeter",
						 .start = start };

static struct gyre_listener_options
at_any_port(bool steer)
{
	return (struct gyre_listener_options){ .steer = steer,
					       .log = { .fn = on_log } };
}

static void
make_runtime(enum gyre_pin pin)
{
	const struct gyre_runtime_options options = { .loops = SHARDS,
						      .pin = pin };

	assert_int_equal(gyre_runtime_new(&options, &runtime), 0);
	assert_int_equal(gyre_runtime_add_service(runtime, &greeter, NULL), 0);
}

static void
run_and_free(void)
{
	gyre_runtime_stop(runtime);
	assert_int_equal(gyre_runtime_wait(runtime), 0);
	for (unsigned i = 0; i < SHARDS; i++)
		listeners[i] = NULL;
	gyre_runtime_free(runtime);
}

static struct sockaddr_in
address_of(int fd)
{
	struct sockaddr_in in;
	socklen_t length = sizeof(in);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &length), 0);
	return in;
}

/* Connect, and return the shard that greets. */
static unsigned
ask(const struct sockaddr_in *in)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char greeting;

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)in, sizeof(*in)),
			 0);
	assert_int_equal(recv(fd, &greeting, 1, 0), 1);
	close(fd);
	return (unsigned)greeting;
}

static int
setup(void **state)
{
	(void)state;
	lines = 0;
	return sched_getaffinity(0, sizeof(allowed), &allowed);
}

static int
teardown(void **state)
{
	(void)state;
	return sched_setaffinity(0, sizeof(allowed), &allowed);
}

static void
all_have_one_port(void **state)
{
	const struct gyre_listener_options options = at_any_port(false);
	struct sockaddr_in in;

	(void)state;
	make_runtime(GYRE_PIN_NONE);
	assert_int_equal(gyre_listener_sockets(runtime, &options, sockets), 0);
	in = address_of(sockets[0]);
	assert_int_equal(address_of(sockets[1]).sin_port, in.sin_port);
	/* Who comes before the shards do waits. */
	assert_int_equal(gyre_runtime_start(runtime), 0);
	for (unsigned i = 0; i < CLIENTS; i++)
		assert_in_range(ask(&in), 0, SHARDS - 1);
	run_and_free();
	assert_int_equal(lines, 0);
}

static void
nobody_else_may_have_the_port(void **state)
{
	struct gyre_listener_options options = at_any_port(false);
	unsigned before;
	int others[SHARDS];
	int untouched[SHARDS] = { 77, 77 };

	(void)state;
	make_runtime(GYRE_PIN_NONE);
	options.reuse_port = true;
	assert_int_equal(gyre_listener_sockets(runtime, &options, sockets), 0);
	options.port = ntohs(address_of(sockets[0]).sin_port);
	/* Who shares it too may. */
	assert_int_equal(gyre_listener_sockets(runtime, &options, others), 0);
	before = open_descriptors();
	options.reuse_port = false;
	assert_int_equal(gyre_listener_sockets(runtime, &options, untouched),
			 -EADDRINUSE);
	assert_int_equal(untouched[0], 77);
	assert_int_equal(open_descriptors(), before);
	close_both(others);
	close_both(sockets);
	gyre_runtime_free(runtime);
}

static void
what_makes_no_sense_is_refused(void **state)
{
	struct gyre_listener_options options = at_any_port(true);

	(void)state;
	make_runtime(GYRE_PIN_NONE);
	options.reuse_port = true;
	assert_int_equal(gyre_listener_sockets(runtime, &options, sockets),
			 -EINVAL);
	options = at_any_port(false);
	options.path = "/x";
	assert_int_equal(gyre_listener_sockets(runtime, &options, sockets),
			 -EINVAL);
	options.path = NULL;
	options.fd = 1;
	assert_int_equal(gyre_listener_sockets(runtime, &options, sockets),
			 -EINVAL);
	options.fd = 0;
	options.address = "localhost";
	assert_int_equal(gyre_listener_sockets(runtime, &options, sockets),
			 -EINVAL);
	assert_int_equal(lines, 4);
	gyre_runtime_free(runtime);
}

static void
without_pins_nothing_is_steered(void **state)
{
	const struct gyre_listener_options options = at_any_port(true);

	(void)state;
	make_runtime(GYRE_PIN_NONE);
	assert_int_equal(gyre_listener_sockets(runtime, &options, sockets), 0);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(line, "not steered"));
	close_both(sockets);
	gyre_runtime_free(runtime);
}

static void
clients_go_to_the_shard_of_their_cpu(void **state)
{
	const struct gyre_listener_options options = at_any_port(true);
	struct sockaddr_in in;

	(void)state;
	make_runtime(GYRE_PIN_AUTO);
	if (gyre_runtime_shard(runtime, 1)->cpu < 0) {
		gyre_runtime_free(runtime);
		skip();
	}
	assert_int_equal(gyre_listener_sockets(runtime, &options, sockets), 0);
	if (lines > 0) {
		print_message("%s\n", line);
		close_both(sockets);
		gyre_runtime_free(runtime);
		skip();
	}
	in = address_of(sockets[0]);
	assert_int_equal(gyre_runtime_start(runtime), 0);
	for (unsigned i = 0; i < CLIENTS; i++) {
		unsigned shard = i / 10 % SHARDS;
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET((unsigned)gyre_runtime_shard(runtime, shard)->cpu,
			&one);
		assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
		assert_int_equal(ask(&in), shard);
	}
	run_and_free();
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(all_have_one_port),
		TEST(nobody_else_may_have_the_port),
		TEST(what_makes_no_sense_is_refused),
		TEST(without_pins_nothing_is_steered),
		TEST(clients_go_to_the_shard_of_their_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
