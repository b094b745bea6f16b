#include "tests/runtime/placement_fixture.h"

static void
keep_line(enum gyre_log_level level, const char *line, void *arg)
{
	struct desk *desk = arg;

	desk->lines++;
	desk->level = level;
	snprintf(desk->line, sizeof(desk->line), "%s", line);
}

/* This machine has the CPUs 3, 5 and 900. */
static int
odd_affinity(pthread_t thread, size_t size, cpu_set_t *set)
{
	(void)thread;
	assert_int_equal(size, sizeof(*set));
	CPU_ZERO(set);
	CPU_SET(3, set);
	CPU_SET(5, set);
	CPU_SET(900, set);
	return 0;
}

/* -- files of the test's own --------------------------------------------- */

#define FIRST_FD 5000

static struct file {
	const char *path;
	const char *text;
	size_t read;
} files[64];
static unsigned files_count;
static unsigned files_open;

void
add_file(const char *path, const char *text)
{
	assert_true(files_count < sizeof(files) / sizeof(files[0]));
	files[files_count++] = (struct file){ path, text, 0 };
}

static int
fake_open(const char *path, int flags, ...)
{
	(void)flags;
	for (unsigned i = 0; i < files_count; i++) {
		if (strcmp(files[i].path, path) != 0)
			continue;
		errno = EACCES;
		if (files[i].text == NULL)
			return -1;
		files[i].read = 0;
		files_open++;
		return FIRST_FD + (int)i;
	}
	errno = ENOENT;
	return -1;
}

void
forget_files(void)
{
	files_count = 0;
}

/* A few bytes at a time, now and then interrupted. */
static ssize_t
fake_read(int fd, void *bytes, size_t size)
{
	static unsigned calls;
	struct file *file = &files[fd - FIRST_FD];
	size_t left = strlen(file->text) - file->read;
	size_t count = size < left ? size : left;

	if (++calls % 5 == 0) {
		errno = EINTR;
		return -1;
	}
	if (count > 7)
		count = 7;
	memcpy(bytes, file->text + file->read, count);
	file->read += count;
	return (ssize_t)count;
}

static int
fake_close(int fd)
{
	assert_true(fd >= FIRST_FD);
	files_open--;
	return 0;
}

int
desk_teardown(void **state)
{
	(void)state;
	return files_open == 0 ? 0 : -1;
}

int
desk_setup(void **state)
{
	static struct desk desk;

	memset(&desk, 0, sizeof(desk));
	desk.sys = gyre__sys_default;
	desk.sys.getaffinity = odd_affinity;
	desk.sys.open = fake_open;
	desk.sys.read = fake_read;
	desk.sys.close = fake_close;
	forget_files();
	desk.options.log.fn = keep_line;
	desk.options.log.arg = &desk;
	desk.options._sys = &desk.sys;
	*state = &desk;
	return 0;
}

int
plan(struct desk *desk)
{
	return gyre__placement_plan(&desk->plan, &desk->options);
}

int
cpu(const struct desk *desk, unsigned shard)
{
	return desk->plan.shards[shard].cpu;
}
