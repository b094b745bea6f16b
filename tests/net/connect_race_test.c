/* Addresses of one name: who is tried when, who wins, and what if all fail. */
#include "tests/net/client.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* All of them fail, so all are tried: families in turn, what is left last. */
static void
families_are_tried_in_turn(void **state)
{
	struct sockaddr_in in[] = { at_port(2), at_port(4) };
	struct sockaddr_in6 in6[] = { at_port6(1), at_port6(3), at_port6(5),
				      at_port6(6) };
	static const uint16_t expected[] = { 1, 2, 3, 4, 5, 6 };
	struct gyre_connect_options options = by_name();

	(void)state;
	for (int i = 0; i < 4; i++)
		find6(&in6[i]);
	for (int i = 0; i < 2; i++)
		find4(&in[i]);
	inject(&faults.connect, 1, 100, EACCES);
	start(&options);
	expect_failed(-EACCES);
	assert_int_equal(faults.connect.calls, 6);
	assert_memory_equal(faults.connect_ports, expected, sizeof(expected));
}

static void
when_one_fails_the_next_is_tried_at_once(void **state)
{
	uint16_t port;
	int listener = listen_at(1, &port);
	struct sockaddr_in in[] = { at_port(dead_port()), at_port(dead_port()),
				    at_port(port) };
	struct gyre_connect_options options = by_name();
	char text[32];

	(void)state;
	for (int i = 0; i < 3; i++)
		find4(&in[i]);
	snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	start(&options);
	check_conversation(listener, text);
	assert_int_equal(faults.connect.calls, 3);
	close(listener);
}

static void
of_several_errors_the_first_address_has_its_say(void **state)
{
	struct sockaddr_in in[] = { at_port(dead_port()),
				    at_port(dead_port()) };
	struct gyre_connect_options options = by_name();

	(void)state;
	for (int i = 0; i < 2; i++)
		find4(&in[i]);
	inject(&faults.connect, 2, 0, ENETUNREACH);
	start(&options);
	expect_failed(-ECONNREFUSED);
	assert_int_equal(faults.connect.calls, 2);
}

/* The first one is not given up for that. */
static void
when_one_is_silent_the_next_is_tried_too(void **state)
{
	struct silent silent = be_silent();
	uint16_t port;
	int listener = listen_at(1, &port);
	struct sockaddr_in in[] = { at_port(silent.port), at_port(port) };
	struct gyre_connect_options options = by_name();
	char text[32];

	(void)state;
	for (int i = 0; i < 2; i++)
		find4(&in[i]);
	options.stagger_ns = GYRE_MS(5);
	snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	start(&options);
	check_conversation(listener, text);
	assert_int_equal(faults.connect.calls, 2);
	close(listener);
	speak(&silent);
}

static void
the_silent_one_may_still_win(void **state)
{
	struct silent silent = be_silent();
	struct silent other = be_silent();
	struct sockaddr_in in[] = { at_port(silent.port), at_port(other.port) };
	struct gyre_connect_options options = by_name();
	int fd;

	(void)state;
	for (int i = 0; i < 2; i++)
		find4(&in[i]);
	options.stagger_ns = GYRE_MS(5);
	start(&options);
	while (faults.connect.calls < 2)
		run_for(GYRE_MS(1));
	/* There is room now, and the kernel tries again. */
	fd = accept4(silent.listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	expect_connected();
	end();
	close(fd);
	speak(&silent);
	speak(&other);
}

/* -- each of its calls failed once
 * ---------------------------------------------------------------- */

/* Whether the call was reached: else all of them have had their turn. */
static bool
survives_failure(struct fault *fault, unsigned n, int error)
{
	uint16_t port;
	int listener = listen_at(1, &port);
	struct sockaddr_in in[] = { at_port(dead_port()), at_port(port) };
	struct gyre_connect_options options = by_name();
	unsigned before = fault->calls;
	int status;

	found_count = 0;
	for (int i = 0; i < 2; i++)
		find4(&in[i]);
	options.deadline_ns = gyre_loop_time(loop) + GYRE_SECONDS(30);
	client = (struct client){ .connected = false };
	inject(fault, n, 0, error);
	status = gyre_stream_connect(loop, &options, &client_ops, &client,
				     &client.stream);
	if (status == 0) {
		run_until(is_decided, NULL);
		if (client.stream != NULL)
			end();
		assert_true(client.error == 0 || client.error == -error ||
			    client.error == -ECONNREFUSED);
	} else {
		assert_int_equal(status, -error);
	}
	close(listener);
	fault->fail_at = 0;
	return fault->calls - before >= n;
}

static void
every_call_may_fail(void **state)
{
	struct fault *calls[] = { &faults.allocate, &faults.socket,
				  &faults.connect, &faults.getsockopt };

	(void)state;
	/* The test's own timeouts need memory once. */
	run_for(GYRE_MS(1));
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		unsigned n = 1;

		while (survives_failure(calls[i], n, ENOMEM))
			n++;
		assert_true(n > 2);
	}
}

/* An attempt that can't be watched has failed; a connection, too. */
static void
the_poller_may_say_no(void **state)
{
	uint16_t port;
	int listener = listen_at(16, &port);
	struct sockaddr_in in = at_port(port);
	struct gyre_connect_options options = by_name();
	int failed = 0;

	(void)state;
	find4(&in);
	find4(&in);
	inject(&faults.watch, 1, 0, ENOMEM);
	start(&options);
	expect_connected();
	assert_int_equal(faults.connect.calls, 2);
	end();
	/* Then it is removed, and added again as a stream's; a poller that can
	 * not forget it has it still. */
	for (unsigned n = 2; n <= 8; n++) {
		inject(&faults.watch, n, 0, ENOMEM);
		start(&options);
		run_until(is_decided, NULL);
		faults.watch.fail_at = 0;
		if (client.stream != NULL)
			end();
		failed += client.error != 0;
		assert_true(client.error == 0 || client.error == -ENOMEM ||
			    client.error == -EEXIST);
	}
	assert_true(failed > 0);
	close(listener);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(families_are_tried_in_turn),
		CLIENT_TEST(when_one_fails_the_next_is_tried_at_once),
		CLIENT_TEST(of_several_errors_the_first_address_has_its_say),
		CLIENT_TEST(when_one_is_silent_the_next_is_tried_too),
		CLIENT_TEST(the_silent_one_may_still_win),
		CLIENT_TEST(every_call_may_fail),
		CLIENT_TEST(the_poller_may_say_no),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
