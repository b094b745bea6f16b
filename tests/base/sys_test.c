/* The system seam: the table is whole, and its own wrappers keep contracts. */
#include "base/sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void
the_default_table_is_whole(void **state)
{
	void (*const *members)(void) =
		(void (*const *)(void))(const void *)&gyre__sys_default;

	(void)state;
	assert_int_equal(sizeof(gyre__sys_default) % sizeof(*members), 0);
	for (size_t i = 0; i < sizeof(gyre__sys_default) / sizeof(*members);
	     i++)
		assert_true(members[i] != NULL);
}

static void
no_table_means_the_default(void **state)
{
	struct gyre_sys other = gyre__sys_default;

	(void)state;
	assert_ptr_equal(gyre__sys(NULL), &gyre__sys_default);
	assert_ptr_equal(gyre__sys(&other), &other);
}

static void
memory_is_aligned_as_asked(void **state)
{
	(void)state;
	for (size_t align = 16; align <= 4096; align *= 2) {
		void *memory = gyre__sys_default.allocate(align + 1, align);

		assert_non_null(memory);
		assert_int_equal((uintptr_t)memory % align, 0);
		gyre__sys_default.release(memory);
	}
	gyre__sys_default.release(NULL);
}

static void *
dirty_memory(size_t size, size_t align)
{
	void *memory = gyre__sys_default.allocate(size, align);

	if (memory != NULL)
		memset(memory, 0xa5, size);
	return memory;
}

static void *
no_memory(size_t size, size_t align)
{
	(void)size;
	(void)align;
	return NULL;
}

static void
allocated_memory_is_zeroed(void **state)
{
	struct gyre_sys sys = gyre__sys_default;
	unsigned char zeroes[100] = { 0 };
	void *memory;

	(void)state;
	sys.allocate = dirty_memory;
	memory = gyre__allocate(&sys, sizeof(zeroes), GYRE__CACHE_LINE);
	assert_memory_equal(memory, zeroes, sizeof(zeroes));
	sys.release(memory);
	sys.allocate = no_memory;
	assert_null(gyre__allocate(&sys, 1, 0));
}

static int
fixed_clock(clockid_t id, struct timespec *ret)
{
	assert_int_equal(id, CLOCK_MONOTONIC);
	ret->tv_sec = 5000000000;
	ret->tv_nsec = 123456789;
	return 0;
}

static void
now_is_nanoseconds_of_the_monotonic_clock(void **state)
{
	struct gyre_sys sys = gyre__sys_default;
	int64_t before_ns = gyre__now_ns(&gyre__sys_default);

	(void)state;
	sys.clock_gettime = fixed_clock;
	assert_true(gyre__now_ns(&sys) == 5000000000123456789);
	assert_true(gyre__now_ns(&gyre__sys_default) >= before_ns);
}

static int
listen_on_loopback(struct sockaddr_in *address)
{
	const struct gyre_sys *sys = &gyre__sys_default;
	socklen_t length = sizeof(*address);
	int fd = sys->socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	*address = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	assert_int_equal(
		sys->bind(fd, (struct sockaddr *)address, sizeof(*address)), 0);
	assert_int_equal(sys->listen(fd, 1), 0);
	assert_int_equal(
		sys->getsockname(fd, (struct sockaddr *)address, &length), 0);
	return fd;
}

static void
what_is_accepted_does_not_block_or_leak(void **state)
{
	const struct gyre_sys *sys = &gyre__sys_default;
	struct sockaddr_in address;
	int listener = listen_on_loopback(&address);
	int client = sys->socket(AF_INET, SOCK_STREAM, 0);
	int accepted;

	(void)state;
	assert_int_equal(
		connect(client, (struct sockaddr *)&address, sizeof(address)),
		0);
	accepted = sys->accept(listener, NULL, NULL);
	assert_true(accepted >= 0);
	assert_true(fcntl(accepted, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(accepted, F_GETFD) & FD_CLOEXEC);
	sys->close(accepted);
	sys->close(client);
	sys->close(listener);
	assert_int_equal(sys->accept(listener, NULL, NULL), -1);
	assert_int_equal(errno, EBADF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_table_is_whole),
		cmocka_unit_test(no_table_means_the_default),
		cmocka_unit_test(memory_is_aligned_as_asked),
		cmocka_unit_test(allocated_memory_is_zeroed),
		cmocka_unit_test(now_is_nanoseconds_of_the_monotonic_clock),
		cmocka_unit_test(what_is_accepted_does_not_block_or_leak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
