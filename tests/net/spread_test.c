/*
 * One listener for all shards: each client goes to the one with the fewest.
 *
 * The clients are the test's thread, which sees their greetings; the shards
 * check with CHECK.
 */
#include "tests/support/loop_fixture.h"

#include <gyre/gyre.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define SHARDS      3u
#define CLIENTS_MAX 90u

static struct gyre_runtime *runtime;
static struct gyre_listener *listener;
static struct gyre_limit limit;
static _Atomic uint16_t port;
static atomic_uint accepted[SHARDS];
static atomic_uint closed;
static unsigned clients_count;
static struct {
	int fd;
	unsigned shard;
} clients[CLIENTS_MAX];

/* The next small allocation on shard 0 fails: what hands one over is small, a
 * stream is not. */
static atomic_bool fails_next;
static void *(*allocate_really)(size_t size, size_t align);

static void *
allocate(size_t size, size_t align)
{
	const struct gyre_shard *shard = gyre_shard_current();

	if (shard != NULL && shard->index == 0 && size < 128 &&
	    atomic_exchange(&fails_next, false))
		return NULL;
	return allocate_really(size, align);
}

/* -- the shards ----------------------------------------------------------- */

static void
on_close(struct gyre_stream *stream, int error, void *arg)
{
	(void)stream;
	(void)error;
	(void)arg;
	atomic_fetch_add(&closed, 1);
}

/* Tell the client on which shard it is. */
static void
greet(struct gyre_listener *from, int fd, void *arg)
{
	static const struct gyre_stream_ops ops = { .on_close = on_close };
	const struct gyre_stream_options options = { .limit = &limit };
	const struct gyre_shard *shard = gyre_shard_current();
	struct gyre_stream *stream;
	char greeting;

	CHECK(arg == &clients && shard != NULL);
	CHECK(from == (shard->index == 0 ? listener : NULL));
	CHECK(gyre_stream_open(shard->loop, fd, &options, &ops, NULL,
			       &stream) == 0);
	greeting = (char)shard->index;
	CHECK(gyre_stream_write(stream, &greeting, 1) == 0);
	atomic_fetch_add(&accepted[shard->index], 1);
}

static int
start(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	const struct gyre_listener_options options = { .spread = runtime,
						       .limit = &limit };

	(void)ret_state;
	if (shard->index != 0)
		return 0;
	CHECK(gyre_listener_open(shard->loop, &options, greet, arg,
				 &listener) == 0);
	atomic_store(&port, gyre_listener_port(listener));
	return 0;
}

static void
stop(const struct gyre_shard *shard, void *state)
{
	(void)state;
	if (shard->index == 0)
		gyre_listener_close(listener);
}

static const struct gyre_service_ops greeter = { .name = "greeter",
						 .start = start,
						 .stop = stop };

/* -- the clients ---------------------------------------------------------- */

static int
setup(void **state)
{
	const struct gyre_runtime_options options = {
		.loops = SHARDS,
		.pin = GYRE_PIN_NONE,
		._sys = &fake_sys,
	};

	(void)state;
	fake_reset();
	allocate_really = fake_sys.allocate;
	fake_sys.allocate = allocate;
	atomic_store(&fails_next, false);
	for (unsigned i = 0; i < SHARDS; i++)
		atomic_store(&accepted[i], 0);
	atomic_store(&closed, 0);
	clients_count = 0;
	limit = (struct gyre_limit){ .max = CLIENTS_MAX };
	assert_int_equal(gyre_runtime_new(&options, &runtime), 0);
	assert_int_equal(gyre_runtime_add_service(runtime, &greeter, &clients),
			 0);
	assert_int_equal(gyre_runtime_start(runtime), 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	gyre_runtime_stop(runtime);
	assert_int_equal(gyre_runtime_wait(runtime), 0);
	gyre_runtime_free(runtime);
	for (unsigned i = 0; i < clients_count; i++)
		if (clients[i].fd >= 0)
			close(clients[i].fd);
	assert_int_equal(gyre_limit_taken(&limit), 0);
	assert_int_equal(fake_counts().allocations, 0);
	return 0;
}

static int
connect_client(void)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(atomic_load(&port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	CHECK(connect(fd, (const struct sockaddr *)&address, sizeof(address)) ==
	      0);
	return fd;
}

/* Wait for its greeting. */
static void
take_in(int fd)
{
	char shard;

	assert_int_equal(recv(fd, &shard, 1, 0), 1);
	clients[clients_count].fd = fd;
	clients[clients_count++].shard = (unsigned)shard;
}

static void
wait_until_closed(unsigned count)
{
	while (atomic_load(&closed) < count)
		usleep(1000);
}

static void
leave_shard(unsigned shard)
{
	unsigned left = 0;

	for (unsigned i = 0; i < clients_count; i++) {
		if (clients[i].fd < 0 || clients[i].shard != shard)
			continue;
		close(clients[i].fd);
		clients[i].fd = -1;
		left++;
	}
	wait_until_closed(left);
}

static void
expect_accepted(unsigned first, unsigned second, unsigned third)
{
	assert_int_equal(atomic_load(&accepted[0]), first);
	assert_int_equal(atomic_load(&accepted[1]), second);
	assert_int_equal(atomic_load(&accepted[2]), third);
}

static void
clients_go_to_the_shard_with_the_fewest(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 30; i++)
		take_in(connect_client());
	expect_accepted(10, 10, 10);
	leave_shard(2);
	for (unsigned i = 0; i < 10; i++)
		take_in(connect_client());
	expect_accepted(10, 10, 20);
}

/* Shard 0 does not accept meanwhile, and then finds all at once. */
static int burst[30];
static sem_t connected;

static void
connect_many(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 30; i++)
		burst[i] = connect_client();
	sem_post(&connected);
}

static void
those_on_the_way_count_too(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 30; i++)
		take_in(connect_client());
	leave_shard(1);
	sem_init(&connected, 0, 0);
	assert_int_equal(
		gyre_loop_add_callback(gyre_runtime_shard(runtime, 0)->loop,
				       connect_many, NULL),
		0);
	while (sem_wait(&connected) != 0)
		continue;
	sem_destroy(&connected);
	for (unsigned i = 0; i < 30; i++)
		take_in(burst[i]);
	/* Of 50, none has more than two above another. */
	for (unsigned i = 0; i < SHARDS; i++) {
		unsigned has = atomic_load(&accepted[i]) - (i == 1 ? 10 : 0);

		assert_in_range(has, 15, 18);
	}
}

/* -- a shard that ends ---------------------------------------------------- */

static sem_t stuck;
static sem_t go_on;

static void
be_stuck_and_stop(void *loop)
{
	gyre_loop_stop(loop);
	sem_post(&stuck);
	while (sem_wait(&go_on) != 0)
		continue;
}

static void
post_semaphore(void *semaphore)
{
	sem_post(semaphore);
}

static void
who_is_on_the_way_to_a_shard_that_ends_is_closed(void **state)
{
	struct gyre_loop *ending = gyre_runtime_shard(runtime, 1)->loop;
	int fd;
	char byte;

	(void)state;
	sem_init(&stuck, 0, 0);
	sem_init(&go_on, 0, 0);
	take_in(connect_client());
	take_in(connect_client());
	take_in(connect_client());
	expect_accepted(1, 1, 1);
	leave_shard(1);
	assert_int_equal(
		gyre_loop_add_callback(ending, be_stuck_and_stop, ending), 0);
	while (sem_wait(&stuck) != 0)
		continue;
	fd = connect_client();
	while (gyre_limit_taken(&limit) < 3)
		usleep(1000);
	/* What shard 0 sent with it has left when this runs. */
	assert_int_equal(
		gyre_loop_add_callback(gyre_runtime_shard(runtime, 0)->loop,
				       post_semaphore, &stuck),
		0);
	while (sem_wait(&stuck) != 0)
		continue;
	sem_post(&go_on);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
	while (gyre_limit_taken(&limit) > 2)
		usleep(1000);
	expect_accepted(1, 1, 1);
	/* It is asked no more. */
	for (unsigned i = 0; i < 4; i++)
		take_in(connect_client());
	expect_accepted(3, 1, 3);
	sem_destroy(&stuck);
	sem_destroy(&go_on);
}

/* -- no memory ------------------------------------------------------------- */

static void
without_memory_one_stays_where_it_came(void **state)
{
	(void)state;
	take_in(connect_client());
	expect_accepted(1, 0, 0);
	atomic_store(&fails_next, true);
	take_in(connect_client());
	assert_false(atomic_load(&fails_next));
	expect_accepted(2, 0, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(clients_go_to_the_shard_with_the_fewest),
		TEST(those_on_the_way_count_too),
		TEST(who_is_on_the_way_to_a_shard_that_ends_is_closed),
		TEST(without_memory_one_stays_where_it_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
