/* Lookups of the table's names. */
#include "tests/net/resolve_fixture.h"

#include <arpa/inet.h>

int
names_set_up(void **state)
{
	job_set_up(state);
	names_reset();
	fake_sys.getaddrinfo = names_getaddrinfo;
	fake_sys.freeaddrinfo = names_freeaddrinfo;
	return 0;
}

int
names_stage_set_up(void **state)
{
	stage_set_up(state);
	names_reset();
	fake_sys.getaddrinfo = names_getaddrinfo;
	fake_sys.freeaddrinfo = names_freeaddrinfo;
	return 0;
}

int
names_tear_down(void **state)
{
	loop_tear_down(state);
	assert_int_equal(names_live_lists(), 0);
	return 0;
}

/* -- asking ---------------------------------------------------------------- */

char message[GYRE_EXCEPTION_MESSAGE_MAX];

struct gyre_future *
resolve(struct gyre_resolve_options options)
{
	struct gyre_future *future = gyre_net_resolve(the_loop, &options);

	assert_non_null(future);
	return future;
}

struct gyre_future *
resolve_held(const char *host, int64_t deadline_ns)
{
	return resolve((struct gyre_resolve_options){
		.host = host,
		.service = "80",
		.deadline_ns = deadline_ns,
		.executor = &held.executor,
	});
}

static void
stop_when_done(struct gyre_future *future, void *arg)
{
	(void)future;
	(void)arg;
	gyre_loop_stop(the_loop);
}

int
outcome_of(struct gyre_future *future, struct gyre_addresses **ret_addresses)
{
	void *value = NULL;
	int error = gyre_future_result(future, &value);

	snprintf(message, sizeof(message), "%s",
		 error != -EAGAIN || gyre_future_done(future)
			 ? gyre_future_message(future)
			 : "");
	gyre_future_unref(future);
	*ret_addresses = value;
	return error;
}

int
finish(struct gyre_future *future, struct gyre_addresses **ret_addresses)
{
	assert_int_equal(
		gyre_loop_add_future(the_loop, future, stop_when_done, NULL),
		0);
	run();
	return outcome_of(future, ret_addresses);
}

int
finish_with_error(struct gyre_future *future)
{
	struct gyre_addresses *addresses;
	int error = finish(future, &addresses);

	assert_null(addresses);
	return error;
}

void
expect_text(const struct gyre_address *address, const char *text, unsigned port)
{
	char host[INET6_ADDRSTRLEN];
	char service[8];
	char expected[8];

	snprintf(expected, sizeof(expected), "%u", port);
	assert_int_equal(getnameinfo(address->sockaddr,
				     (socklen_t)address->length, host,
				     sizeof(host), service, sizeof(service),
				     NI_NUMERICHOST | NI_NUMERICSERV),
			 0);
	assert_string_equal(host, text);
	assert_string_equal(service, expected);
}

struct gyre_resolve_options
for_nobody(const char *host, const char *service)
{
	hold(-EIO);
	return (struct gyre_resolve_options){ .host = host,
					      .service = service,
					      .executor = &held.executor };
}
