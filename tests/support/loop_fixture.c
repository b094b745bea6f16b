/* The trace, and the small things. */
#include "tests/support/loop_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

/* -- the trace ------------------------------------------------------------ */

static char trace_text[4096];

void
trace(const char *word)
{
	size_t used = strlen(trace_text);

	CHECK(used + strlen(word) + 2 < sizeof(trace_text));
	if (used > 0)
		trace_text[used++] = ' ';
	strcpy(trace_text + used, word);
}

void
trace_arg(void *arg)
{
	if (arg != NULL)
		trace(arg);
}

void
trace_drop(void *arg, enum gyre_drop_reason reason)
{
	trace(arg);
	trace(gyre_drop_reason_name(reason));
}

void
assert_trace_at(const char *expected, const char *file, int line)
{
	char said[sizeof(trace_text)];

	memcpy(said, trace_text, sizeof(said));
	trace_text[0] = '\0';
	_assert_string_equal(said, expected, file, line);
}

/* -- small things --------------------------------------------------------- */

struct gyre_loop *
new_loop(const struct gyre_loop_options *options)
{
	struct gyre_loop *loop;

	CHECK(gyre_loop_new(options, &loop) == 0);
	return loop;
}

struct gyre_loop *
real_loop(void)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		._sys = &fake_sys,
	};

	return new_loop(&options);
}

void
close_and_free(struct gyre_loop *loop)
{
	CHECK(gyre_loop_close(loop, false) == 0);
	gyre_loop_free(loop);
}

struct gyre_loop *the_loop;

struct gyre_loop_stats
stats(void)
{
	struct gyre_loop_stats stats;

	gyre_loop_get_stats(the_loop, &stats);
	return stats;
}

void
stop_callback(void *word)
{
	trace_arg(word);
	gyre_loop_stop(the_loop);
}

void
stop_handler(int fd, unsigned events, void *word)
{
	(void)fd;
	(void)events;
	stop_callback(word);
}

void
run(void)
{
	assert_int_equal(gyre_loop_start(the_loop), 0);
}

void
run_once(void)
{
	add_callback(stop_callback, NULL);
	run();
}

void
run_for(int64_t delay_ns)
{
	call_later(delay_ns, stop_callback, NULL);
	run();
}

void
add_callback(gyre_callback_fn fn, const char *word)
{
	CHECK(gyre_loop_add_callback(the_loop, fn, (void *)(uintptr_t)word) ==
	      0);
}

gyre_timeout
call_at(int64_t when_ns, gyre_callback_fn fn, const char *word)
{
	gyre_timeout timeout;

	CHECK(gyre_loop_call_at(the_loop, when_ns, fn, (void *)(uintptr_t)word,
				&timeout) == 0);
	return timeout;
}

gyre_timeout
call_later(int64_t delay_ns, gyre_callback_fn fn, const char *word)
{
	gyre_timeout timeout;

	CHECK(gyre_loop_call_later(the_loop, delay_ns, fn,
				   (void *)(uintptr_t)word, &timeout) == 0);
	return timeout;
}

void
handle(int fd, unsigned events, gyre_handler_fn fn, const char *word)
{
	CHECK(gyre_loop_add_handler(the_loop, fd, events, fn,
				    (void *)(uintptr_t)word) == 0);
}

int
set_handler(int fd, unsigned events, gyre_handler_fn fn, const char *word)
{
	return gyre_loop_set_handler(the_loop, fd, events, fn,
				     (void *)(uintptr_t)word);
}

void
trace_handler(int fd, unsigned events, void *arg)
{
	(void)fd;
	(void)events;
	trace(arg);
}

static unsigned descriptors_before;

static void
set_up(void)
{
	fake_reset();
	stage_reset();
	assert_trace("");
	descriptors_before = open_descriptors();
}

int
stage_set_up(void **state)
{
	(void)state;
	set_up();
	the_loop = stage_loop();
	return 0;
}

int
real_set_up(void **state)
{
	(void)state;
	set_up();
	the_loop = real_loop();
	return 0;
}

int
loop_tear_down(void **state)
{
	(void)state;
	if (the_loop != NULL)
		close_and_free(the_loop);
	the_loop = NULL;
	assert_trace("");
	assert_int_equal(fake_counts().allocations, 0);
	assert_int_equal(open_descriptors(), descriptors_before);
	return 0;
}

char last_logged[512];

static void
note_line(enum gyre_log_level level, const char *line, void *arg)
{
	(void)arg;
	(void)level;
	snprintf(last_logged, sizeof(last_logged), "%s", line);
}

void
log_the_loop(void)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		.log = { .fn = note_line },
		._sys = &fake_sys,
	};

	close_and_free(the_loop);
	the_loop = new_loop(&options);
	last_logged[0] = '\0';
}

void
assert_refused(const struct gyre_loop_options *options, const char *name)
{
	struct gyre_loop_options logged = *options;
	struct gyre_loop *loop = NULL;

	logged.log.fn = note_line;
	last_logged[0] = '\0';
	assert_int_equal(gyre_loop_new(&logged, &loop), -EINVAL);
	assert_null(loop);
	assert_non_null(strstr(last_logged, name));
}

struct errand {
	void (*fn)(void *arg);
	void *arg;
};

static void *
run_errand(void *arg)
{
	struct errand *errand = arg;

	errand->fn(errand->arg);
	return NULL;
}

void
elsewhere(void (*fn)(void *), void *arg)
{
	struct errand errand = { fn, arg };
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, run_errand, &errand) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
}

bool
poller_is(const char *name)
{
	const char *chosen = getenv("GYRE_POLLER");

	return gyre_poller_find(chosen) == gyre_poller_find(name);
}

unsigned
loop_descriptors(void)
{
	if (poller_is("kqueue"))
		return 4;
	return poller_is("poll") ? 1 : 2;
}

uint64_t
next_random(uint64_t *seed)
{
	uint64_t mixed = *seed += 0x9e3779b97f4a7c15;

	mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
	return mixed ^ (mixed >> 31);
}

uint64_t
first_seed(uint64_t otherwise)
{
	const char *text = getenv("GYRE_TEST_SEED");

	return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

unsigned
open_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned count = 0;

	CHECK(folder != NULL);
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count - 3; /* ".", ".." and the folder itself */
}

void
make_pipe(int fds[2])
{
	CHECK(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
}

void
make_pair(int fds[2])
{
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
			 fds) == 0);
}

void
close_both(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}
