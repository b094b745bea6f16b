/*
 * The schedule explorer, for those who write scenarios.
 *
 * It runs real code, compiled with GYRE_EXPLORER, without OS threads: every
 * atomic operation is a step, stores wait in a buffer per thread as on x86,
 * and all orders of the steps and of the buffers' drains are tried. Code
 * between two steps runs without interruption.
 *
 * A scenario's world lives in the arena, all of it: what is kept elsewhere is
 * neither part of a state nor put back. Threads may keep what they like on
 * their stacks.
 *
 *     static void set_up(void)
 *     {
 *             world = explorer_allocate(sizeof(*world), 0);
 *     }
 */
#ifndef TESTS_MODELS_EXPLORER_H
#define TESTS_MODELS_EXPLORER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPLORER_THREADS_MAX 5

struct explorer_scenario {
	const char *name;
	unsigned threads;
	const char *thread_names[EXPLORER_THREADS_MAX];
	bool random_only; /* too much for all schedules, unless asked for */
	/* make the world; no thread is there yet */
	void (*set_up)(void);
	void (*run)(unsigned thread);
	/* every thread has ended and every buffer is drained */
	void (*check_end)(void);
};

/* Zeroed memory of the arena; align as for gyre_sys. For set_up. */
void *explorer_allocate(size_t size, size_t align);

/* Whoever steps on it from now on breaks a law. */
void explorer_release(void *memory);

/*
 * What a schedule that is printed calls an address; and a word whose values
 * are addresses, to be called by their names. For set_up.
 */
void explorer_name(const void *address, const char *name);
void explorer_name_pointer(const void *word, const char *name);

/* Branch: every answer below `count` is tried. */
unsigned explorer_choose(unsigned count, const char *what);

/* A step of its own, in which the caller's code until its next step runs. */
void explorer_step(const char *what);

/* Wait, as in the kernel: a step that is possible only while ready says so. */
void explorer_wait(bool (*ready)(const void *arg), const void *arg,
		   const char *what);

/* Report the schedule if a law does not hold. */
#define EXPLORER_CHECK(law) ((law) ? (void)0 : explorer_broken("broken: " #law))
_Noreturn void explorer_broken(const char *law);

/*
 * A test program's main. Usage: [--planted] [--sequential]
 * [--random SCHEDULES] [--seed SEED] [scenario...]
 *
 * --planted     pass only if some scenario breaks a law
 * --sequential  stores reach memory at once
 * --random      so many schedules at random instead of all
 */
int explorer_main(int argc, char **argv,
		  const struct explorer_scenario *const scenarios[]);

#endif
