/* What a runtime says of how its loops sleep: whether they spin before, and
 * what slack timeouts have. */
#include "runtime/runtime.h"

#include "loop/loop.h"
#include "tests/pool/harness.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#define SPIN_NS 20000

static struct gyre_sys sys;
static char last_line[512];

static void
keep_line(enum gyre_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	snprintf(last_line, sizeof(last_line), "%s", line);
}

static int cpus; /* that this process may use */

static int
affinity(pthread_t thread, size_t size, cpu_set_t *set)
{
	(void)thread;
	(void)size;
	CPU_ZERO(set);
	for (int i = 0; i < cpus; i++)
		CPU_SET(i, set);
	return 0;
}

static int
pin_nothing(pthread_t thread, size_t size, const cpu_set_t *set)
{
	(void)thread;
	(void)size;
	(void)set;
	return 0;
}

static const char *quota; /* NULL: there is none */

/* No topology either. */
static int
open_file(const char *path, int flags, ...)
{
	const char *text = NULL;
	int fd;

	(void)flags;
	if (strcmp(path, "/proc/self/cgroup") == 0)
		text = "0::/\n";
	else if (strcmp(path, "/proc/self/mountinfo") == 0)
		text = "31 23 0:28 / /group rw - cgroup2 cgroup2 rw\n";
	else if (strcmp(path, "/group/cpu.max") == 0)
		text = quota;
	errno = ENOENT;
	if (text == NULL)
		return -1;
	fd = memfd_create("file", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int
set_up(void **state)
{
	(void)state;
	sys = *harness_sys();
	sys.getaffinity = affinity;
	sys.setaffinity = pin_nothing;
	sys.open = open_file;
	cpus = 2;
	quota = NULL;
	last_line[0] = '\0';
	return 0;
}

static struct gyre_runtime_options
options_of(int64_t spin_ns)
{
	return (struct gyre_runtime_options){
		.spin_ns = spin_ns,
		.watchdog_ns = GYRE_FOREVER,
		.log = { .fn = keep_line },
		._sys = &sys,
	};
}

/* Make one and look what its loops would do. */
static void
spins(const struct gyre_runtime_options *options, int64_t spin_ns)
{
	struct gyre_runtime *runtime;

	assert_int_equal(gyre_runtime_new(options, &runtime), 0);
	assert_int_equal(runtime->options.spin_ns, spin_ns);
	gyre_runtime_free(runtime);
}

static void
each_loop_spins_as_long_as_the_runtime_says(void **state)
{
	struct gyre_runtime_options options = options_of(SPIN_NS);
	struct gyre_runtime *runtime;

	(void)state;
	assert_int_equal(gyre_runtime_new(&options, &runtime), 0);
	assert_int_equal(gyre_runtime_start(runtime), 0);
	for (unsigned i = 0; i < 2; i++) {
		const struct gyre_loop *loop =
			gyre_runtime_shard(runtime, i)->loop;

		assert_int_equal(loop->spin.max_ns, SPIN_NS);
	}
	gyre_runtime_stop(runtime);
	assert_int_equal(gyre_runtime_wait(runtime), 0);
	gyre_runtime_free(runtime);
	assert_string_equal(last_line, "");
}

static void
without_the_option_none_does(void **state)
{
	struct gyre_runtime_options options = options_of(0);

	(void)state;
	spins(&options, 0);
	assert_string_equal(last_line, "");
}

static void
do_not_spin(const struct gyre_runtime_options *options, const char *reason)
{
	last_line[0] = '\0';
	spins(options, 0);
	assert_non_null(strstr(last_line, "runtime: no spinning: "));
	assert_non_null(strstr(last_line, reason));
}

static void
where_it_can_only_harm_the_log_says_so(void **state)
{
	struct gyre_runtime_options options = options_of(SPIN_NS);

	(void)state;
	options.pin = GYRE_PIN_NONE;
	do_not_spin(&options, "the loops are not pinned");
	options.pin = GYRE_PIN_AUTO;
	options.loops = 3;
	do_not_spin(&options, "the loops are not pinned");
	options.loops = 1;
	spins(&options, SPIN_NS);
	cpus = 1;
	do_not_spin(&options, "no CPU from which something could come");
}

static void
a_list_is_not_taken_at_its_word(void **state)
{
	static const unsigned list[] = { 0, 1, 0 };
	struct gyre_runtime_options options = options_of(SPIN_NS);

	(void)state;
	options.pin = GYRE_PIN_LIST;
	options.cpus = list;
	options.cpus_count = 2;
	spins(&options, SPIN_NS);
	quota = "150000 100000\n";
	do_not_spin(&options, "the quota is less than the loops");
	quota = "200000 100000\n";
	spins(&options, SPIN_NS);
	options.cpus_count = 3;
	quota = NULL;
	do_not_spin(&options, "two loops share a CPU");
}

static void
a_simulated_one_never_does(void **state)
{
	struct gyre_runtime_options options = options_of(SPIN_NS);

	(void)state;
	options.loops = 2;
	options.simulate = 1;
	spins(&options, 0);
	assert_string_equal(last_line, "");
}

/* There is no such runtime, and the log says which option is wrong. */
static void
refuses(const struct gyre_runtime_options *options, const char *name)
{
	struct gyre_runtime *runtime = NULL;

	last_line[0] = '\0';
	assert_int_equal(gyre_runtime_new(options, &runtime), -EINVAL);
	assert_null(runtime);
	assert_non_null(strstr(last_line, name));
}

static void
how_long_is_bounded(void **state)
{
	static const int64_t wrong[] = { -1, INT64_MIN, GYRE_SPIN_MAX_NS + 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct gyre_runtime_options options = options_of(wrong[i]);

		refuses(&options, "spin_ns");
	}
}

/* -- the slack of timeouts ------------------------------------------------- */

/* Make, start and stop one, whose loops have as much. */
static void
has_slack(struct gyre_runtime_options *options, int64_t slack_ns)
{
	struct gyre_runtime *runtime;

	assert_int_equal(gyre_runtime_new(options, &runtime), 0);
	assert_int_equal(gyre_runtime_start(runtime), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			gyre_runtime_shard(runtime, i)->loop->slack.slack_ns,
			slack_ns);
	gyre_runtime_stop(runtime);
	assert_int_equal(gyre_runtime_wait(runtime), 0);
	gyre_runtime_free(runtime);
}

static void
each_loop_has_the_slack_that_the_runtime_says(void **state)
{
	struct gyre_runtime_options options = options_of(0);

	(void)state;
	has_slack(&options, GYRE_MS(1));
	options.slack_ns = GYRE_MS(20);
	has_slack(&options, GYRE_MS(20));
	options.loops = 2;
	options.simulate = 1;
	has_slack(&options, 1);
}

static void
how_much_slack_is_bounded(void **state)
{
	static const int64_t wrong[] = { -1, GYRE_SLACK_MAX_NS + 1 };
	struct gyre_runtime_options options = options_of(0);

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		options.slack_ns = wrong[i];
		refuses(&options, "slack_ns");
	}
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_loop_spins_as_long_as_the_runtime_says),
		TEST(without_the_option_none_does),
		TEST(where_it_can_only_harm_the_log_says_so),
		TEST(a_list_is_not_taken_at_its_word),
		TEST(a_simulated_one_never_does),
		TEST(how_long_is_bounded),
		TEST(each_loop_has_the_slack_that_the_runtime_says),
		TEST(how_much_slack_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
