/*
 * Peers that vanish: what a stream asks of the system, and that it helps.
 *
 * Who vanishes is a peer whose system drops whatever comes for it, and so
 * neither acknowledges nor resets anything.
 */
#include "tests/net/client.h"
#include "tests/net/recorder.h"

#include <linux/filter.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int
option_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &length), 0);
	return value;
}

static void
expect_probes(int fd, int idle, int interval)
{
	assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), idle);
	assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), interval);
	assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
	assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT),
			 (idle + 3 * interval) * 1000);
}

static struct recorder *
open_with(int64_t keepalive_ns)
{
	const struct gyre_stream_options options = {
		.keepalive_ns = keepalive_ns,
	};
	struct recorder *recorder = recorder_new();
	int fds[2];

	tcp_pair(fds);
	recorder_open(recorder, fds, &options);
	return recorder;
}

static void
end_recorder(struct recorder *recorder)
{
	gyre_stream_close(recorder->stream, false);
	run_until_closed(recorder);
	assert_int_equal(recorder->error, 0);
	recorder_free(recorder);
}

static void
check_probes(int64_t keepalive_ns, int idle, int interval)
{
	struct recorder *recorder = open_with(keepalive_ns);

	expect_probes(gyre_stream_fd(recorder->stream), idle, interval);
	end_recorder(recorder);
}

/* -- what is asked of the system ------------------------------------------- */

static void
an_accepted_stream_probes_its_peer(void **state)
{
	(void)state;
	check_probes(GYRE_SECONDS(300), 300, 100);
}

static void
seconds_are_whole_and_not_too_many(void **state)
{
	(void)state;
	check_probes(1, 1, 1);
	check_probes(GYRE_SECONDS(1) + 1, 2, 1);
	check_probes(GYRE_SECONDS(32767), 32767, 10922);
	check_probes(GYRE_SECONDS(32767) + 1, 32767, 10922);
	check_probes(GYRE_FOREVER, 32767, 10922);
}

static void
a_connected_stream_probes_its_peer(void **state)
{
	uint16_t port;
	int listener = listen_at(1, &port);
	struct sockaddr_in in = at_port(port);
	struct gyre_connect_options options = to_port(&in);

	(void)state;
	options.stream.keepalive_ns = GYRE_SECONDS(60);
	start(&options);
	expect_connected();
	expect_probes(gyre_stream_fd(client.stream), 60, 20);
	end();
	close(listener);
}

static void
without_it_nobody_is_probed(void **state)
{
	struct recorder *recorder = open_with(0);
	int fd = gyre_stream_fd(recorder->stream);

	(void)state;
	assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
	end_recorder(recorder);
}

static void
a_system_that_can_not_is_no_error(void **state)
{
	const struct gyre_stream_options options = {
		.keepalive_ns = GYRE_SECONDS(1),
	};
	struct recorder *recorder = recorder_new();
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder_open(recorder, fds, &options);
	end_recorder(recorder);
	inject(&faults.setsockopt, 1, 9, EINVAL);
	recorder = open_with(GYRE_SECONDS(1));
	end_recorder(recorder);
}

/* -- and what it does ------------------------------------------------------ */

/* What comes for this socket is dropped, by its own system. */
static void
vanish(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog all = { .len = 1, .filter = &drop };

	assert_int_equal(
		setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof(all)),
		0);
}

static void
expect_noticed(struct recorder *recorder)
{
	run_until_closed(recorder);
	assert_int_equal(recorder->error, -ETIMEDOUT);
	reset(recorder->peer);
	recorder->peer = -1;
	recorder_free(recorder);
}

static void
write_some(struct recorder *recorder, size_t length)
{
	static const char text[1000];

	while (length > 0) {
		size_t part = length < sizeof(text) ? length : sizeof(text);

		assert_int_equal(
			gyre_stream_write(recorder->stream, text, part), 0);
		length -= part;
	}
}

/* It has nothing to say, or something that waits to be acknowledged, or more
 * than the system takes. */
static void
a_peer_that_has_vanished_is_noticed(void **state)
{
	struct recorder *silent = open_with(GYRE_SECONDS(1));
	struct recorder *told = open_with(GYRE_SECONDS(1));
	struct recorder *full = open_with(GYRE_SECONDS(1));
	struct recorder *there = open_with(GYRE_SECONDS(1));

	(void)state;
	vanish(silent->peer);
	vanish(told->peer);
	vanish(full->peer);
	write_some(told, 1);
	write_some(full, 8 << 20);
	expect_noticed(silent);
	expect_noticed(told);
	expect_noticed(full);
	assert_int_equal(there->closes, 0);
	end_recorder(there);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(an_accepted_stream_probes_its_peer),
		CLIENT_TEST(seconds_are_whole_and_not_too_many),
		CLIENT_TEST(a_connected_stream_probes_its_peer),
		CLIENT_TEST(without_it_nobody_is_probed),
		CLIENT_TEST(a_system_that_can_not_is_no_error),
		CLIENT_TEST(a_peer_that_has_vanished_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
