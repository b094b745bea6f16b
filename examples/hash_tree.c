/*
 * Hash a tree of files on the pool: `hash_tree <folder>` prints the BLAKE2b
 * digest and the path of each file, as they become ready.
 *
 * Reading blocks, so each file is a job, embedded in the struct that describes
 * the file: `run` is called on one of the pool's threads, `done` back on the
 * loop. It is the fast lane's work, which has as many threads as the loop
 * leaves CPUs. Meanwhile the loop ticks every 5 ms, and at the end tells by how
 * much the ticks were late: it never waits for a disk. The lane's queue is kept
 * short; when it is full, the loop is told as soon as there is room, and goes
 * on where it was.
 */
#define _XOPEN_SOURCE    700 /* nftw */
#define _DARWIN_C_SOURCE 1   /* what macOS hides from who asks for that */

#include <gyre/gyre.h>

#include <errno.h>
#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_NS      GYRE_MS(5)
#define QUEUE_LIMIT  64
#define FOLDERS_OPEN 16
#define CHUNK_BYTES  65536
#define DIGEST_BYTES 32

struct file {
	struct gyre_job job; /* first */
	struct file *next;
	int error;
	unsigned char digest[DIGEST_BYTES];
	char path[];
};

/* Everything is the loop's; nftw() and the callbacks of a job have no argument
 * for it, and a program may have globals. */
static struct gyre_loop *loop;
static struct gyre_pool *pool;
static struct gyre_room room;
static struct file *waiting; /* found, not yet submitted */
static unsigned away;        /* submitted, not yet done */
static unsigned hashed;
static unsigned failed;
static int64_t due_ns;
static struct gyre_histogram lateness;

/* -- on the pool's threads ------------------------------------------------ */

static void
hash_file(struct gyre_job *job)
{
	struct file *file = (struct file *)job;
	unsigned char chunk[CHUNK_BYTES];
	crypto_generichash_state state;
	FILE *stream = fopen(file->path, "rb");
	size_t got;

	if (stream == NULL) {
		file->error = errno;
		return;
	}
	crypto_generichash_init(&state, NULL, 0, DIGEST_BYTES);
	while ((got = fread(chunk, 1, sizeof(chunk), stream)) > 0)
		crypto_generichash_update(&state, chunk, got);
	if (ferror(stream))
		file->error = EIO;
	crypto_generichash_final(&state, file->digest, DIGEST_BYTES);
	fclose(stream);
}

/* -- on the loop ---------------------------------------------------------- */

static void submit_more(void);

static void
file_done(struct gyre_job *job)
{
	struct file *file = (struct file *)job;
	char hex[2 * DIGEST_BYTES + 1];

	away--;
	if (file->error != 0) {
		fprintf(stderr, "%s: %s\n", file->path, strerror(file->error));
		failed++;
	} else {
		sodium_bin2hex(hex, sizeof(hex), file->digest, DIGEST_BYTES);
		printf("%s  %s\n", hex, file->path);
		hashed++;
	}
	free(file);
	if (away == 0 && waiting == NULL)
		gyre_loop_stop(loop);
}

/* Only when the pool or the loop ends first. */
static void
drop_file(struct gyre_job *job, enum gyre_drop_reason reason)
{
	(void)reason;
	free(job);
}

static void
has_room(struct gyre_task *task)
{
	(void)task;
	submit_more();
}

static void
no_room(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)task;
	(void)reason;
}

static void
submit_more(void)
{
	struct gyre_executor *executor = gyre_pool_lane(pool, "fast");

	while (waiting != NULL) {
		struct file *file = waiting;
		struct file *next = file->next;
		int result = gyre_executor_submit_job(executor, &file->job);

		if (result == -EAGAIN)
			result = gyre_executor_notify(
				executor, gyre_loop_inbox(loop), &room);
		else if (result == 0) {
			away++;
			waiting = next;
			continue;
		}
		if (result < 0) {
			fprintf(stderr, "no pool: %s\n",
				gyre_error_name(result));
			exit(EXIT_FAILURE);
		}
		return;
	}
}

static void
tick(void *arg)
{
	int64_t now_ns = gyre_loop_time(loop);

	(void)arg;
	gyre_histogram_record(&lateness, now_ns - due_ns);
	due_ns = now_ns + TICK_NS;
	(void)!gyre_loop_call_at(loop, due_ns, tick, NULL, NULL);
}

/* -- the tree, before the loop starts ------------------------------------- */

static int
found(const char *path, const struct stat *stat, int type, struct FTW *where)
{
	const struct gyre_job_options options = {
		.run = hash_file,
		.done = file_done,
		.drop = drop_file,
		.home = gyre_loop_inbox(loop),
	};
	struct file *file;

	(void)where;
	if (type != FTW_F || !S_ISREG(stat->st_mode))
		return 0;
	file = calloc(1, sizeof(*file) + strlen(path) + 1);
	if (file == NULL)
		return -1;
	strcpy(file->path, path);
	gyre_job_init(&file->job, &options);
	file->next = waiting;
	waiting = file;
	return 0;
}

static double
ms(int64_t ns)
{
	return (double)ns / 1e6;
}

static void
run_loop(void)
{
	int64_t begun_ns = gyre_loop_time(loop);

	room.task.run = has_room;
	room.task.drop = no_room;
	due_ns = begun_ns + TICK_NS;
	(void)!gyre_loop_call_at(loop, due_ns, tick, NULL, NULL);
	submit_more();
	if (away > 0)
		(void)!gyre_loop_start(loop);
	fprintf(stderr,
		"%u files, %u not read, in %.1f ms; %llu ticks, half of them "
		"by %.2f ms, 99 in 100 by %.2f ms, the latest by %.2f ms\n",
		hashed, failed, ms(gyre_loop_time(loop) - begun_ns),
		(unsigned long long)lateness.count,
		ms((int64_t)gyre_histogram_quantile(&lateness, 0.5)),
		ms((int64_t)gyre_histogram_quantile(&lateness, 0.99)),
		ms((int64_t)lateness.max_ns));
}

/* Hashing keeps a CPU busy: leave one to the loop. */
static unsigned
count_threads(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus > 1 ? (unsigned)cpus - 1 : 1;
}

int
main(int argc, char **argv)
{
	const struct gyre_pool_options options = {
		.fast.threads_max = count_threads(),
		.queue_limit = QUEUE_LIMIT,
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s <folder>\n", argv[0]);
		return EXIT_FAILURE;
	}
	if (sodium_init() < 0 || gyre_loop_new(NULL, &loop) < 0 ||
	    gyre_pool_new(&options, &pool) < 0) {
		fprintf(stderr, "cannot start\n");
		return EXIT_FAILURE;
	}
	if (nftw(argv[1], found, FOLDERS_OPEN, FTW_PHYS) != 0)
		perror(argv[1]);
	run_loop();
	gyre_loop_close(loop, false);
	gyre_pool_free(pool);
	gyre_loop_free(loop);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
