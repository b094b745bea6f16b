/*
 * c-ares on a loop, against a name server of the test's own on 127.0.0.1: a
 * handler on the same loop, which answers for one name, denies another, and is
 * silent for a third.
 */
#include "gyre_cares.h"

#include "tests/support/loop_fixture.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <unistd.h>

#define HEADER_BYTES 12
#define TYPE_A       1

static int server;
static unsigned queries;
static struct gyre_cares *cares;
static char message[GYRE_EXCEPTION_MESSAGE_MAX];

/* -- the server ----------------------------------------------------------- */

/* Bytes of the question behind the header, its type and class included. */
static size_t
question_bytes(const uint8_t *packet, size_t length)
{
	size_t at = HEADER_BYTES;

	while (at < length && packet[at] != 0)
		at += packet[at] + 1u;
	CHECK(at + 5 <= length);
	return at + 5 - HEADER_BYTES;
}

/* 192.0.2.9, for a minute. */
static size_t
add_answer(uint8_t *at)
{
	static const uint8_t record[] = {
		0xc0, HEADER_BYTES, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 9
	};

	memcpy(at, record, sizeof(record));
	return sizeof(record);
}

static void
answer(int fd, unsigned events, void *arg)
{
	struct sockaddr_in from;
	socklen_t from_bytes = sizeof(from);
	uint8_t packet[512];
	ssize_t received = recvfrom(fd, packet, sizeof(packet) - 64, 0,
				    (struct sockaddr *)&from, &from_bytes);
	bool exists, is_a;
	size_t length;

	(void)events;
	(void)arg;
	CHECK(received > HEADER_BYTES);
	queries++;
	length = HEADER_BYTES + question_bytes(packet, (size_t)received);
	exists = memcmp(packet + HEADER_BYTES, "\5there\4test", 12) == 0;
	is_a = packet[length - 3] == TYPE_A;
	if (memcmp(packet + HEADER_BYTES, "\6silent", 7) == 0)
		return;
	packet[2] = 0x81;
	packet[3] = exists ? 0x80 : 0x83;
	memset(packet + 6, 0, 6);
	if (exists && is_a) {
		packet[7] = 1;
		length += add_answer(packet + length);
	}
	CHECK(sendto(fd, packet, length, 0, (struct sockaddr *)&from,
		     from_bytes) == (ssize_t)length);
}

static uint16_t
open_server(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);

	server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CHECK(server >= 0);
	CHECK(bind(server, (struct sockaddr *)&address, length) == 0);
	CHECK(getsockname(server, (struct sockaddr *)&address, &length) == 0);
	handle(server, GYRE_READ, answer, NULL);
	return ntohs(address.sin_port);
}

static int
setup(void **state)
{
	struct gyre_cares_options options = { .try_ms = 100, .tries = 1 };
	char servers[32];

	real_set_up(state);
	queries = 0;
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", open_server());
	options.servers = servers;
	assert_int_equal(gyre_cares_new(the_loop, &options, &cares), 0);
	return 0;
}

static int
teardown(void **state)
{
	gyre_cares_free(cares);
	cares = NULL;
	gyre_loop_remove_handler(the_loop, server);
	close(server);
	return loop_tear_down(state);
}

/* -- asking --------------------------------------------------------------- */

static struct gyre_future *
resolve(const char *host, int64_t deadline_ns, int flags)
{
	struct gyre_future *future = gyre_net_resolve(
		the_loop, &(struct gyre_resolve_options){
				  .host = host,
				  .service = "53",
				  .family = AF_INET,
				  .flags = flags,
				  .deadline_ns = deadline_ns,
				  .resolver = gyre_cares_resolver(cares) });

	assert_non_null(future);
	return future;
}

static void
stop_when_done(struct gyre_future *future, void *arg)
{
	(void)future;
	(void)arg;
	gyre_loop_stop(the_loop);
}

static int
outcome_of(struct gyre_future *future, struct gyre_addresses **ret_addresses)
{
	void *value = NULL;
	int error = gyre_future_result(future, &value);

	snprintf(message, sizeof(message), "%s", gyre_future_message(future));
	gyre_future_unref(future);
	*ret_addresses = value;
	return error;
}

static int
finish(struct gyre_future *future, struct gyre_addresses **ret_addresses)
{
	assert_int_equal(
		gyre_loop_add_future(the_loop, future, stop_when_done, NULL),
		0);
	run();
	return outcome_of(future, ret_addresses);
}

static uint64_t
handlers(void)
{
	struct gyre_loop_stats stats;

	gyre_loop_get_stats(the_loop, &stats);
	return stats.handlers;
}

/* -- tests ---------------------------------------------------------------- */

static void
a_name_is_answered(void **state)
{
	struct gyre_addresses *addresses;
	struct sockaddr_in in;

	(void)state;
	assert_int_equal(
		finish(resolve("there.test", 0, AI_CANONNAME), &addresses), 0);
	assert_int_equal(addresses->count, 1);
	assert_int_equal(addresses->items[0].length, sizeof(in));
	memcpy(&in, addresses->items[0].sockaddr, sizeof(in));
	assert_int_equal(in.sin_family, AF_INET);
	assert_int_equal(ntohl(in.sin_addr.s_addr), 0xc0000209);
	assert_int_equal(ntohs(in.sin_port), 53);
	assert_string_equal(addresses->canonical_name, "there.test");
	assert_true(queries > 0);
	gyre_addresses_free(addresses);
}

static void
a_name_that_is_not_there_is_no_entry(void **state)
{
	struct gyre_addresses *addresses;

	(void)state;
	assert_int_equal(finish(resolve("none.test", 0, 0), &addresses),
			 -ENOENT);
	assert_non_null(strstr(message, "cannot resolve none.test: "));
}

static void
no_answer_ends_with_the_last_try(void **state)
{
	struct gyre_addresses *addresses;

	(void)state;
	assert_int_equal(finish(resolve("silent.test.", 0, 0), &addresses),
			 -EAGAIN);
	assert_int_equal(queries, 1);
}

static void
no_answer_ends_at_the_deadline(void **state)
{
	int64_t deadline_ns = gyre_loop_time(the_loop) + GYRE_MS(20);
	struct gyre_addresses *addresses;

	(void)state;
	assert_int_equal(
		finish(resolve("silent.test.", deadline_ns, 0), &addresses),
		-ETIMEDOUT);
	assert_string_equal(message,
			    "cannot resolve silent.test.: no answer in time");
}

/* The answer to a cancelled one comes all the same, and is freed. */
static void
one_may_be_cancelled_in_flight(void **state)
{
	struct gyre_future *future = resolve("there.test", 0, 0);
	struct gyre_addresses *addresses;

	(void)state;
	assert_int_equal(gyre_future_cancel(future), 0);
	assert_int_equal(outcome_of(future, &addresses), -ECANCELED);
	while (queries == 0)
		run_for(GYRE_MS(1));
	run_for(GYRE_MS(20));
	assert_int_equal(finish(resolve("there.test", 0, 0), &addresses), 0);
	gyre_addresses_free(addresses);
}

static void
freeing_it_rejects_what_waits(void **state)
{
	struct gyre_future *future = resolve("silent.test.", 0, 0);
	struct gyre_addresses *addresses;

	(void)state;
	run_for(GYRE_MS(5));
	assert_int_equal(handlers(), 2);
	gyre_cares_free(cares);
	cares = NULL;
	assert_int_equal(handlers(), 1);
	assert_int_equal(finish(future, &addresses), -ESHUTDOWN);
	/* Its timeout went with it. */
	run_for(GYRE_MS(150));
	gyre_cares_free(NULL);
}

static void
what_c_ares_does_not_know_is_refused(void **state)
{
	struct gyre_cares_options options = { .servers = "not an address" };
	struct gyre_cares *none = NULL;
	struct gyre_addresses *addresses;

	(void)state;
	assert_int_equal(finish(resolve("there.test", 0, 1 << 30), &addresses),
			 -EINVAL);
	assert_int_equal(
		finish(gyre_net_resolve(the_loop,
					&(struct gyre_resolve_options){
						.service = "53",
						.resolver = gyre_cares_resolver(
							cares) }),
		       &addresses),
		-EINVAL);
	assert_int_equal(gyre_cares_new(the_loop, &options, &none), -EINVAL);
	assert_null(none);
	assert_int_equal(queries, 0);
}

static void
one_serves_its_own_loop_alone(void **state)
{
	const struct gyre_resolve_options options = {
		.host = "there.test",
		.resolver = gyre_cares_resolver(cares),
	};
	struct gyre_loop *other = real_loop();
	struct gyre_future *future = gyre_net_resolve(other, &options);

	(void)state;
	assert_non_null(future);
	assert_int_equal(gyre_loop_drain(other, GYRE_FOREVER), 0);
	assert_int_equal(gyre_future_result(future, NULL), -EINVAL);
	gyre_future_unref(future);
	close_and_free(other);
	run_for(GYRE_MS(5));
	assert_int_equal(queries, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_is_answered),
		TEST(a_name_that_is_not_there_is_no_entry),
		TEST(no_answer_ends_with_the_last_try),
		TEST(no_answer_ends_at_the_deadline),
		TEST(one_may_be_cancelled_in_flight),
		TEST(freeing_it_rejects_what_waits),
		TEST(what_c_ares_does_not_know_is_refused),
		TEST(one_serves_its_own_loop_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
