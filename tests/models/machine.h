/*
 * The explorer's machine: threads that are coroutines, memory with store
 * buffers, and snapshots of all of it.
 */
#ifndef TESTS_MODELS_MACHINE_H
#define TESTS_MODELS_MACHINE_H

#include "tests/models/explorer.h"

struct machine_key {
	uint64_t words[2];
};

/* A step that can be taken: a thread's, or a drain of its buffer. */
struct machine_choice {
	uint8_t thread;
	uint8_t answer; /* to explorer_choose(); MACHINE_DRAIN */
};

#define MACHINE_DRAIN       255
#define MACHINE_CHOICES_MAX 16

/* What a step did, for who prints it. */
struct machine_event {
	const char *what;
	const void *address; /* NULL: no memory */
	uint64_t before;
	uint64_t after;
	bool writes;
	bool compares;
};

struct machine_snapshot;

/* Make the scenario's world and threads, and stop each at its first step. */
void machine_start(const struct explorer_scenario *scenario, bool sequential);

/* The steps that can be taken now; 0: the end, or nothing moves any more. */
unsigned machine_choices(struct machine_choice choices[MACHINE_CHOICES_MAX]);

/* Take a step. False: a law was broken. */
bool machine_take(struct machine_choice choice, struct machine_event *event);

/* Nothing can move: whether this is a good end. */
bool machine_end(void);

/* Break a law from outside of any thread. */
void machine_break(const char *law);

/* Which law was broken, or NULL. */
const char *machine_broken(void);

/* A description of what each thread waits for, for who prints it. */
const char *machine_thread_state(unsigned thread);

/* What the scenario calls an address; and a value that is at the address, if
 * that holds pointers and the value has a name, or NULL. */
const char *machine_name_of(const void *address);
const char *machine_value_name(const void *address, uint64_t value);

struct machine_key machine_key(void);

/* Keep the state in a snapshot, made when it is NULL; and go back to one. */
struct machine_snapshot *machine_save(struct machine_snapshot *snapshot);
void machine_restore(const struct machine_snapshot *snapshot);

#endif
