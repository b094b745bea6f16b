/*
 * Datagram sockets: batches, what is cut off or lost, no room, errors that the
 * network brings, and the ways to close one.
 */
#include "tests/net/harness.h"

#include <gyre/datagram.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEPT_MAX 512

static struct gyre_datagram *server;
static struct gyre_datagram *client;

/* What the server was told. */
static struct {
	unsigned calls;
	unsigned count;
	size_t most; /* in one call */
	unsigned truncated;
	size_t lengths[KEPT_MAX];
	char first[KEPT_MAX]; /* byte of each */
	unsigned drains;
	unsigned errors;
	int error;
	unsigned closed;
	int close_error;
	bool pauses;
	bool closes;
	bool raises;
	bool echoes;
} seen;

static void
on_receive(struct gyre_datagram *socket, const struct gyre_received *messages,
	   size_t count, void *arg)
{
	(void)arg;
	seen.calls++;
	if (count > seen.most)
		seen.most = count;
	for (size_t i = 0; i < count && seen.count < KEPT_MAX; i++) {
		seen.lengths[seen.count] = messages[i].length;
		seen.truncated += messages[i].truncated;
		if (messages[i].length > 0)
			seen.first[seen.count] =
				*(const char *)messages[i].data;
		seen.count++;
		if (seen.echoes)
			assert_int_equal(gyre_datagram_send(socket,
							    &messages[i].from,
							    messages[i].data,
							    messages[i].length),
					 0);
	}
	if (seen.pauses)
		gyre_datagram_pause(socket);
	if (seen.closes)
		gyre_datagram_close(socket);
	if (seen.raises)
		gyre_raise(-EIO, "on purpose");
}

static void
on_drain(struct gyre_datagram *socket, void *arg)
{
	(void)socket;
	(void)arg;
	seen.drains++;
}

static void
on_error(struct gyre_datagram *socket, int error, void *arg)
{
	(void)socket;
	(void)arg;
	seen.errors++;
	seen.error = error;
}

static void
on_close(struct gyre_datagram *socket, int error, void *arg)
{
	(void)arg;
	seen.closed++;
	seen.close_error = error;
	assert_int_equal(gyre_datagram_fd(socket), -1);
	assert_int_equal(gyre_datagram_port(socket), 0);
	assert_int_equal(gyre_datagram_send(socket, NULL, "", 0), -EPIPE);
	gyre_datagram_close(socket);
}

static const struct gyre_datagram_ops ops = { .on_receive = on_receive,
					      .on_drain = on_drain,
					      .on_error = on_error,
					      .on_close = on_close };

/* What comes back to the client is counted, and no more. */
static unsigned client_count;

static void
on_reply(struct gyre_datagram *socket, const struct gyre_received *messages,
	 size_t count, void *arg)
{
	(void)socket;
	(void)messages;
	(void)arg;
	client_count += (unsigned)count;
}

static const struct gyre_datagram_ops client_ops = { .on_receive = on_reply,
						     .on_error = on_error };

static int
setup(void **state)
{
	memset(&seen, 0, sizeof(seen));
	server = client = NULL;
	client_count = 0;
	return net_setup(state);
}

/* -- ends ----------------------------------------------------------------- */

static struct sockaddr_in
at(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static struct gyre_address
address_of(const struct sockaddr_in *in)
{
	return (struct gyre_address){
		.sockaddr = (const struct sockaddr *)in,
		.length = sizeof(*in),
	};
}

static void
open_server(const struct gyre_datagram_options *options)
{
	assert_int_equal(gyre_datagram_open(loop, options, &ops, NULL, &server),
			 0);
}

/* A client whose peer is that port. */
static void
open_client(uint16_t port)
{
	struct sockaddr_in in = at(port);
	struct gyre_datagram_options options = { .peer = address_of(&in) };

	assert_int_equal(
		gyre_datagram_open(loop, &options, &client_ops, NULL, &client),
		0);
}

static void
open_both(const struct gyre_datagram_options *options)
{
	open_server(options);
	open_client(gyre_datagram_port(server));
}

static void
send_many(unsigned count, size_t length)
{
	static char bytes[65536];

	for (unsigned i = 0; i < count; i++) {
		bytes[0] = (char)('a' + i % 26);
		assert_int_equal(
			gyre_datagram_send(client, NULL, bytes, length), 0);
	}
}

static struct gyre_datagram_stats
stats_of(const struct gyre_datagram *socket)
{
	struct gyre_datagram_stats stats;

	gyre_datagram_get_stats(socket, &stats);
	return stats;
}

static void
close_server(void)
{
	gyre_datagram_close(server);
	run_until_counted(&seen.closed, 1);
	assert_int_equal(seen.close_error, 0);
}

/* A port that nobody has. */
static uint16_t
dead_port(void)
{
	uint16_t port;

	open_server(NULL);
	port = gyre_datagram_port(server);
	close_server();
	seen.closed = 0;
	return port;
}

/* -- coming and going ------------------------------------------------------ */

static void
datagrams_come_in_batches_and_in_order(void **state)
{
	(void)state;
	open_both(NULL);
	send_many(100, 10);
	run_until_counted(&seen.count, 100);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(seen.lengths[i], 10);
		assert_int_equal(seen.first[i], 'a' + i % 26);
	}
	/* 64 in one call, the rest in another; 32 at a time from there. */
	assert_int_equal(faults.sendmmsg.calls, 2);
	assert_int_equal(seen.most, 32);
	assert_int_equal(seen.calls, 4);
	assert_int_equal(stats_of(client).sent, 100);
	assert_int_equal(stats_of(server).received, 100);
}

static void
an_answer_finds_its_way_back(void **state)
{
	(void)state;
	seen.echoes = true;
	open_both(NULL);
	send_many(50, 1);
	run_until_counted(&client_count, 50);
}

static void
one_message_a_call_is_the_same(void **state)
{
	(void)state;
	faults.each = true;
	seen.echoes = true;
	open_both(NULL);
	send_many(50, 7);
	run_until_counted(&client_count, 50);
	assert_int_equal(seen.count, 50);
	assert_int_equal(seen.lengths[49], 7);
}

static void
fewer_at_a_time_lose_nothing(void **state)
{
	(void)state;
	faults.messages_max = 3;
	seen.echoes = true;
	open_both(NULL);
	send_many(60, 5);
	run_until_counted(&client_count, 60);
	for (unsigned i = 0; i < 60; i++)
		assert_int_equal(seen.first[i], 'a' + i % 26);
}

static void
it_works_over_ipv6(void **state)
{
	struct gyre_datagram_options options = { .address = "::1" };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_addr = in6addr_loopback };
	struct gyre_address to = { (struct sockaddr *)&in6, sizeof(in6) };
	int status = gyre_datagram_open(loop, &options, &ops, NULL, &server);

	(void)state;
	if (status == -EADDRNOTAVAIL || status == -EAFNOSUPPORT)
		skip();
	assert_int_equal(status, 0);
	in6.sin6_port = htons(gyre_datagram_port(server));
	/* To itself. */
	assert_int_equal(gyre_datagram_send(server, &to, "x", 1), 0);
	run_until_counted(&seen.count, 1);
}

static void
an_empty_datagram_is_one_too(void **state)
{
	(void)state;
	open_both(NULL);
	assert_int_equal(gyre_datagram_send(client, NULL, NULL, 0), 0);
	run_until_counted(&seen.count, 1);
	assert_int_equal(seen.lengths[0], 0);
}

static void
what_is_cut_off_is_told(void **state)
{
	struct gyre_datagram_options options = { .message_max_bytes = 100 };

	(void)state;
	open_both(&options);
	send_many(1, 100);
	send_many(1, 101);
	run_until_counted(&seen.count, 2);
	assert_int_equal(seen.lengths[0], 100);
	assert_int_equal(seen.lengths[1], 100);
	assert_int_equal(seen.truncated, 1);
	assert_int_equal(stats_of(server).truncated, 1);
}

static void
sockets_may_share_a_port(void **state)
{
	struct gyre_datagram_options options = { .reuse_port = true };
	struct gyre_datagram *second = NULL;

	(void)state;
	open_server(&options);
	options.port = gyre_datagram_port(server);
	assert_int_equal(
		gyre_datagram_open(loop, &options, &ops, NULL, &second), 0);
	options.reuse_port = false;
	assert_int_equal(
		gyre_datagram_open(loop, &options, &ops, NULL, &client),
		-EADDRINUSE);
}

/* -- refusals ------------------------------------------------------------- */

static void
what_makes_no_sense_is_refused(void **state)
{
	struct gyre_datagram_options options = { .address = "localhost" };
	struct gyre_address nowhere = { NULL, 0 };
	char byte = 0;

	(void)state;
	assert_int_equal(
		gyre_datagram_open(loop, &options, &ops, NULL, &server),
		-EINVAL);
	assert_int_equal(log_lines, 1);
	options = (struct gyre_datagram_options){ .batch_max = 129 };
	assert_int_equal(
		gyre_datagram_open(loop, &options, &ops, NULL, &server),
		-EINVAL);
	options = (struct gyre_datagram_options){ .message_max_bytes = 65537 };
	assert_int_equal(
		gyre_datagram_open(loop, &options, &ops, NULL, &server),
		-EINVAL);
	assert_null(server);
	open_server(NULL);
	assert_int_equal(gyre_datagram_send(server, NULL, &byte, 1),
			 -EDESTADDRREQ);
	assert_int_equal(gyre_datagram_send(server, &nowhere, &byte, 1),
			 -EINVAL);
	assert_int_equal(gyre_datagram_send(server, NULL, &byte, 65536),
			 -EMSGSIZE);
}

static void
expect_refused(const struct gyre_datagram_options *options, int error)
{
	int fds = count_fds();
	size_t live = faults.live;

	server = NULL;
	assert_int_equal(gyre_datagram_open(loop, options, &ops, NULL, &server),
			 error);
	assert_null(server);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(faults.live, live);
}

static void
every_call_of_opening_may_fail(void **state)
{
	static const int errors[] = { EMFILE, ENFILE, ENOMEM, ENOBUFS };
	struct fault *const kinds[] = { &faults.socket,      &faults.setsockopt,
					&faults.bind,        &faults.connect,
					&faults.getsockname, &faults.watch };
	struct sockaddr_in in = at(9);
	struct gyre_datagram_options options = { .address = "127.0.0.1",
						 .reuse_port = true,
						 .peer = address_of(&in) };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (size_t k = 0; k < sizeof(errors) / sizeof(errors[0]);
		     k++) {
			inject(kinds[i], 1, 0, errors[k]);
			expect_refused(&options, -errors[k]);
		}
	for (unsigned n = 1; n <= 2; n++) {
		inject(&faults.allocate, n, 0, ENOMEM);
		expect_refused(&options, -ENOMEM);
	}
	assert_int_equal(gyre_loop_close(loop, false), 0);
	expect_refused(&options, -ESHUTDOWN);
}

/* -- no room -------------------------------------------------------------- */

static void
what_the_kernel_has_no_room_for_waits(void **state)
{
	(void)state;
	open_both(NULL);
	inject(&faults.sendmmsg, 1, 4, EAGAIN);
	send_many(10, 10);
	run_until_counted(&seen.count, 10);
	assert_int_equal(stats_of(client).pending_bytes, 0);
	assert_int_equal(seen.errors, 0);
}

static void
the_queue_has_a_bound_and_drains(void **state)
{
	static const char large[600];
	struct sockaddr_in in;
	struct gyre_datagram_options options = { .send_max_bytes = 1000 };
	unsigned sent = 0;

	(void)state;
	open_server(NULL);
	in = at(gyre_datagram_port(server));
	options.peer = address_of(&in);
	assert_int_equal(
		gyre_datagram_open(loop, &options, &ops, NULL, &client), 0);
	while (gyre_datagram_send(client, NULL, "0123456789", 10) == 0)
		sent++;
	assert_int_equal(sent, 1000 / 32);
	assert_int_equal(gyre_datagram_send(client, NULL, "0123456789", 10),
			 -ENOBUFS);
	run_until_counted(&seen.count, sent);
	run_until_counted(&seen.drains, 1);
	inject(&faults.allocate, 1, 0, ENOMEM);
	assert_int_equal(gyre_datagram_send(client, NULL, large, sizeof(large)),
			 -ENOMEM);
	run_for(GYRE_MS(1));
	assert_int_equal(seen.drains, 1);
}

static void
what_is_refused_costs_itself_alone(void **state)
{
	static const int errors[] = { EMSGSIZE, ENETUNREACH, EPERM,
				      ENOBUFS,  ENOMEM,      EINVAL };

	(void)state;
	open_both(NULL);
	for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		inject(&faults.sendmmsg, 1, 0, errors[i]);
		send_many(2, 10);
		run_until_counted(&seen.count, i + 1);
		run_until_counted(&seen.errors, i + 1);
		assert_int_equal(seen.error, -errors[i]);
		assert_int_equal(seen.first[i], 'b');
		assert_int_equal(stats_of(client).dropped, i + 1);
	}
}

static void
too_long_for_the_system_is_told(void **state)
{
	(void)state;
	open_both(NULL);
	send_many(1, 65535);
	run_until_counted(&seen.errors, 1);
	assert_int_equal(seen.error, -EMSGSIZE);
	assert_int_equal(stats_of(client).dropped, 1);
}

static void
an_error_that_makes_it_useless_closes_it(void **state)
{
	(void)state;
	open_both(NULL);
	inject(&faults.recvmmsg, 1, 0, EIO);
	send_many(1, 1);
	run_until_counted(&seen.closed, 1);
	assert_int_equal(seen.close_error, -EIO);
	server = NULL;
}

static void
without_memory_it_rests(void **state)
{
	(void)state;
	open_both(NULL);
	inject(&faults.recvmmsg, 1, 0, ENOMEM);
	send_many(1, 1);
	run_until_counted(&seen.errors, 1);
	assert_int_equal(seen.error, -ENOMEM);
	assert_int_equal(faults.recvmmsg.calls, 1);
	run_until_counted(&seen.count, 1);
}

/* -- what the network says ------------------------------------------------- */

static void
nobody_there_is_told(void **state)
{
	uint16_t port = dead_port();

	(void)state;
	open_client(port);
	send_many(1, 1);
	run_until_counted(&seen.errors, 1);
	assert_int_equal(seen.error, -ECONNREFUSED);
	/* and it goes on: when somebody is there, it arrives */
	open_server(&(struct gyre_datagram_options){ .port = port });
	send_many(1, 1);
	run_until_counted(&seen.count, 1);
}

static void
so_is_it_while_paused(void **state)
{
	uint16_t port = dead_port();

	(void)state;
	open_client(port);
	gyre_datagram_pause(client);
	send_many(1, 1);
	run_for(GYRE_MS(1));
	/* kqueue says nothing to who waits for nothing; the next send does. */
	if (seen.errors == 0)
		send_many(1, 1);
	run_until_counted(&seen.errors, 1);
	assert_int_equal(seen.error, -ECONNREFUSED);
}

/* The error is an earlier one's: what is sent then leaves all the same. */
static void
an_old_error_costs_no_datagram(void **state)
{
	(void)state;
	open_both(NULL);
	inject(&faults.sendmmsg, 1, 0, ECONNREFUSED);
	send_many(1, 1);
	run_until_counted(&seen.count, 1);
	run_until_counted(&seen.errors, 1);
	assert_int_equal(stats_of(client).dropped, 0);
	/* Refused twice it is lost. */
	inject(&faults.sendmmsg, 1, 1, ECONNREFUSED);
	send_many(1, 1);
	run_until_counted(&seen.errors, 2);
	assert_int_equal(stats_of(client).dropped, 1);
}

/* -- pausing and closing --------------------------------------------------- */

static void
paused_nothing_is_handed_out(void **state)
{
	struct gyre_datagram_options options = { .batch_max = 2 };
	uint64_t before;

	(void)state;
	seen.pauses = true;
	open_both(&options);
	send_many(5, 1);
	run_until_counted(&seen.count, 2);
	before = iterations();
	run_for(GYRE_MS(20));
	assert_int_equal(seen.count, 2);
	assert_true(iterations() - before < 10);
	seen.pauses = false;
	gyre_datagram_resume(server);
	run_until_counted(&seen.count, 5);
}

static void
it_may_be_closed_in_its_callback(void **state)
{
	struct gyre_datagram_options options = { .batch_max = 2 };

	(void)state;
	seen.closes = true;
	open_both(&options);
	send_many(5, 1);
	run_until_counted(&seen.closed, 1);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.close_error, 0);
}

static void
a_raise_is_reported(void **state)
{
	struct gyre_datagram_options options = { .batch_max = 1 };
	struct gyre_loop_stats stats;

	(void)state;
	seen.raises = true;
	open_both(&options);
	send_many(3, 1);
	run_until_counted(&seen.count, 3);
	gyre_loop_get_stats(loop, &stats);
	assert_int_equal(stats.exceptions, 3);
}

static void
closing_sends_what_waits(void **state)
{
	(void)state;
	open_both(NULL);
	send_many(10, 1);
	gyre_datagram_close(client);
	run_until_counted(&seen.count, 10);
	close_server();
}

static void
what_can_not_be_sent_then_is_dropped(void **state)
{
	(void)state;
	open_both(NULL);
	inject(&faults.sendmmsg, 1, 0, EAGAIN);
	send_many(10, 1);
	gyre_datagram_close(client);
	run_for(GYRE_MS(10));
	assert_int_equal(seen.count, 0);
}

static void
open_ones_are_closed_with_their_loop(void **state)
{
	(void)state;
	open_both(NULL);
	inject(&faults.recvmmsg, 1, 0, ENOMEM);
	send_many(3, 1);
	run_until_counted(&seen.errors, 1);
	close_loop();
	assert_int_equal(seen.closed, 1);
	assert_int_equal(seen.close_error, -ESHUTDOWN);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, net_teardown)
	const struct CMUnitTest tests[] = {
		TEST(datagrams_come_in_batches_and_in_order),
		TEST(an_answer_finds_its_way_back),
		TEST(one_message_a_call_is_the_same),
		TEST(fewer_at_a_time_lose_nothing),
		TEST(it_works_over_ipv6),
		TEST(an_empty_datagram_is_one_too),
		TEST(what_is_cut_off_is_told),
		TEST(sockets_may_share_a_port),
		TEST(what_makes_no_sense_is_refused),
		TEST(every_call_of_opening_may_fail),
		TEST(what_the_kernel_has_no_room_for_waits),
		TEST(the_queue_has_a_bound_and_drains),
		TEST(what_is_refused_costs_itself_alone),
		TEST(too_long_for_the_system_is_told),
		TEST(an_error_that_makes_it_useless_closes_it),
		TEST(without_memory_it_rests),
		TEST(nobody_there_is_told),
		TEST(so_is_it_while_paused),
		TEST(an_old_error_costs_no_datagram),
		TEST(paused_nothing_is_handed_out),
		TEST(it_may_be_closed_in_its_callback),
		TEST(a_raise_is_reported),
		TEST(closing_sends_what_waits),
		TEST(what_can_not_be_sent_then_is_dropped),
		TEST(open_ones_are_closed_with_their_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
