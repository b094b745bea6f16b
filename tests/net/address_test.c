/* Numeric addresses: what is one, what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "net/address.h"

static void
ipv4_is_parsed(void **state)
{
	struct gyre__address address;
	struct sockaddr_in in;

	(void)state;
	assert_int_equal(gyre__address_parse("127.0.0.1", 7379, &address), 0);
	assert_int_equal(address.length, sizeof(in));
	memcpy(&in, &address.storage, sizeof(in));
	assert_int_equal(in.sin_family, AF_INET);
	assert_int_equal(ntohl(in.sin_addr.s_addr), INADDR_LOOPBACK);
	assert_int_equal(gyre__address_port(&address), 7379);
}

static void
ipv6_is_parsed(void **state)
{
	struct gyre__address address;
	struct sockaddr_in6 in6;

	(void)state;
	assert_int_equal(gyre__address_parse("::1", 65535, &address), 0);
	assert_int_equal(address.length, sizeof(in6));
	memcpy(&in6, &address.storage, sizeof(in6));
	assert_int_equal(in6.sin6_family, AF_INET6);
	assert_memory_equal(&in6.sin6_addr, &in6addr_loopback,
			    sizeof(in6.sin6_addr));
	assert_int_equal(gyre__address_port(&address), 65535);
}

static void
what_is_not_numeric_is_refused(void **state)
{
	static const char *const texts[] = {
		"",           "localhost", "127.1", "0x7f000001", "127.0.0.256",
		"127.0.0.1 ", "[::1]",     ":::",   "1.2.3.4.5",  "*",
	};
	struct gyre__address address;
	struct gyre__address untouched;

	(void)state;
	memset(&address, 0x5a, sizeof(address));
	untouched = address;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(gyre__address_parse(texts[i], 1, &address),
				 -EINVAL);
	assert_memory_equal(&address, &untouched, sizeof(address));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_is_parsed),
		cmocka_unit_test(ipv6_is_parsed),
		cmocka_unit_test(what_is_not_numeric_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
