/*
 * The state of the explorer's machine, for the files that make it up.
 */
#ifndef TESTS_MODELS_WORLD_H
#define TESTS_MODELS_WORLD_H

#include "tests/models/machine.h"

#include "base/sys.h"

#include <setjmp.h>
#include <stdalign.h>

#define WORLD_ARENA_BYTES (16 * 1024)
#define WORLD_STACK_BYTES (64 * 1024)
#define WORLD_BUFFER_MAX  8
#define WORLD_BLOCKS_MAX  32

/* What a thread is about to do; each is a step. */
enum wish {
	WISH_END,    /* it has ended */
	WISH_LOAD,   /* a load, or an explorer_step() */
	WISH_STORE,  /* a store without a buffer */
	WISH_LOCKED, /* a read-modify-write */
	WISH_PLAIN,  /* the code after a read-modify-write */
	WISH_PAUSE,  /* it has looked in vain: until someone writes */
	WISH_WAIT,   /* until ready() */
	WISH_CHOICE, /* explorer_choose() */
};

struct buffered {
	void *address;
	uint64_t size;
	uint64_t value;
};

struct thread {
	jmp_buf context;
	char *low; /* its stack is live from here up */
	const char *what;
	uint64_t wish;
	uint64_t written; /* WISH_PAUSE: someone wrote since */
	bool (*ready)(const void *arg);
	const void *arg;
	uint64_t count; /* WISH_CHOICE: of answers */
	uint64_t answer;
	uint64_t waiting;
	struct buffered buffer[WORLD_BUFFER_MAX];
};

/* What was allocated, in the order of the addresses. */
struct block {
	const char *memory;
	uint64_t size;
	uint64_t released;
};

/* The state, together with the live parts of the stacks. No padding. */
struct world {
	struct thread threads[EXPLORER_THREADS_MAX];
	uint64_t used; /* as is block_count, the same once set_up is over */
	uint64_t block_count;
	struct block blocks[WORLD_BLOCKS_MAX];
	alignas(GYRE__CACHE_PAIR) char arena[WORLD_ARENA_BYTES];
};

extern struct world world;
extern char world_stacks[EXPLORER_THREADS_MAX][WORLD_STACK_BYTES];

/* How many threads the scenario has; the same for the whole run. */
extern unsigned world_threads;

static inline char *
world_stack_end(const struct thread *thread)
{
	return world_stacks[thread - world.threads] + WORLD_STACK_BYTES;
}

/* Memory as all threads share it; what was released breaks a law. */
uint64_t world_read(const void *address, size_t size);
void world_write(void *address, size_t size, uint64_t value);

/* Forget the names. */
void world_forget_names(void);

#endif
