/* Who may come in. */
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "auth.h"
#include "options.h"

static struct arg
arg(const char *text)
{
	return (struct arg){ .data = text, .length = strlen(text) };
}

static bool
matches(const struct options *options, const char *user, const char *password)
{
	struct arg user_arg = arg(user != NULL ? user : "");
	struct arg password_arg = arg(password);

	return auth_matches(options, user != NULL ? &user_arg : NULL,
			    &password_arg);
}

static void
only_the_password_matches(void **state)
{
	static const struct options options = { .password = "open sesame" };

	(void)state;
	assert_true(matches(&options, NULL, "open sesame"));
	assert_true(matches(&options, "default", "open sesame"));
	assert_false(matches(&options, "Default", "open sesame"));
	assert_false(matches(&options, "", "open sesame"));
	assert_false(matches(&options, "default2", "open sesame"));
	assert_false(matches(&options, NULL, ""));
	assert_false(matches(&options, NULL, "open sesam"));
	assert_false(matches(&options, NULL, "open sesame "));
	assert_false(matches(&options, NULL, "Open sesame"));
	/* A NUL is a byte like others. */
	assert_false(auth_matches(
		&options, NULL,
		&(struct arg){ .data = "open sesame\0x", .length = 13 }));
}

static void
without_a_password_any_will_do(void **state)
{
	static const struct options options = { .clients_max = 1 };

	(void)state;
	assert_true(matches(&options, "default", "anything"));
	assert_false(matches(&options, "someone", "anything"));
}

static bool
is_local(int family, const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (family == AF_INET) {
		assert_int_equal(inet_pton(AF_INET, text, &v4.sin_addr), 1);
		return auth_is_local((const struct sockaddr *)&v4);
	}
	assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return auth_is_local((const struct sockaddr *)&v6);
}

static void
loopback_is_local_and_nothing_else(void **state)
{
	const struct sockaddr_un un = { .sun_family = AF_UNIX };
	const struct sockaddr other = { .sa_family = AF_UNSPEC };

	(void)state;
	assert_true(is_local(AF_INET, "127.0.0.1"));
	assert_true(is_local(AF_INET, "127.255.255.255"));
	assert_false(is_local(AF_INET, "128.0.0.1"));
	assert_false(is_local(AF_INET, "1.0.0.127"));
	assert_false(is_local(AF_INET, "10.0.0.1"));
	assert_false(is_local(AF_INET, "0.0.0.0"));
	assert_true(is_local(AF_INET6, "::1"));
	assert_true(is_local(AF_INET6, "::ffff:127.0.0.1"));
	assert_false(is_local(AF_INET6, "::ffff:10.0.0.1"));
	assert_false(is_local(AF_INET6, "::127.0.0.1"));
	assert_false(is_local(AF_INET6, "fe80::1"));
	assert_false(is_local(AF_INET6, "::"));
	assert_true(auth_is_local((const struct sockaddr *)&un));
	assert_false(auth_is_local(&other));
}

static void
who_has_no_name_is_not_let_in(void **state)
{
	struct options options = { .protected_mode = true };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int pair[2];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_false(auth_may_connect(&options, fd));
	assert_true(auth_may_connect(&options, pair[0]));
	options.protected_mode = false;
	assert_true(auth_may_connect(&options, fd));
	options.protected_mode = true;
	memcpy(options.password, "x", 2);
	assert_true(auth_may_connect(&options, fd));
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_password_matches),
		cmocka_unit_test(without_a_password_any_will_do),
		cmocka_unit_test(loopback_is_local_and_nothing_else),
		cmocka_unit_test(who_has_no_name_is_not_let_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
