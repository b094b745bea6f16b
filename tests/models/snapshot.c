/*
 * States: their keys, and copies to go back to. What a thread knows is its
 * stack from the point where it stopped, with the registers, which setjmp
 * kept: copying the live part back to where it was takes the thread back, and
 * hashing it with the arena and the buffers gives a key that is equal only for
 * states with the same future. What is dead in a frame counts too, so how many
 * states there are depends a little on the compiler.
 *
 * Rejected: replaying each schedule from the start, whose cost grows with the
 * square of its length; a hash of the values that a thread has read, which
 * tells states apart that are the same.
 */
#include "tests/models/world.h"

#include <stdlib.h>
#include <string.h>

struct machine_snapshot {
	size_t size;
	char bytes[];
};

static uint64_t
turned(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

/* The mixing of MurmurHash3's 128-bit form, a word at a time. */
static void
mix(struct machine_key *key, const void *memory, size_t size)
{
	const char *at = memory;
	uint64_t a = key->words[0];
	uint64_t b = key->words[1];

	for (; size >= sizeof(uint64_t); size -= sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, at, sizeof(word));
		at += sizeof(word);
		a ^= turned(word * 0x87c37b91114253d5, 31) * 0x4cf5ad432745937f;
		a = (turned(a, 27) + b) * 5 + 0x52dce729;
		b ^= turned(word * 0x4cf5ad432745937f, 33) * 0x87c37b91114253d5;
		b = (turned(b, 31) + a) * 5 + 0x38495ab5;
	}
	key->words[0] = a;
	key->words[1] = b;
}

static size_t
world_bytes(void)
{
	return offsetof(struct world, arena) + world.used;
}

struct machine_key
machine_key(void)
{
	struct machine_key key = { { 0, 0 } };

	mix(&key, &world, world_bytes());
	for (unsigned i = 0; i < world_threads; i++) {
		const struct thread *thread = &world.threads[i];

		mix(&key, thread->low,
		    (size_t)(world_stack_end(thread) - thread->low));
	}
	return key;
}

static size_t
snapshot_bytes(void)
{
	size_t size = world_bytes();

	for (unsigned i = 0; i < world_threads; i++)
		size += (size_t)(world_stack_end(&world.threads[i]) -
				 world.threads[i].low);
	return size;
}

struct machine_snapshot *
machine_save(struct machine_snapshot *snapshot)
{
	size_t size = snapshot_bytes();
	char *at;

	if (snapshot == NULL || snapshot->size < size) {
		snapshot = realloc(snapshot, sizeof(*snapshot) + size);
		if (snapshot == NULL)
			abort();
		snapshot->size = size;
	}
	memcpy(snapshot->bytes, &world, world_bytes());
	at = snapshot->bytes + world_bytes();
	for (unsigned i = 0; i < world_threads; i++) {
		const struct thread *thread = &world.threads[i];
		size_t live = (size_t)(world_stack_end(thread) - thread->low);

		memcpy(at, thread->low, live);
		at += live;
	}
	return snapshot;
}

void
machine_restore(const struct machine_snapshot *snapshot)
{
	const char *at;

	/* what is allocated in set_up stays: the size is always the same */
	memcpy(&world, snapshot->bytes, world_bytes());
	at = snapshot->bytes + world_bytes();
	for (unsigned i = 0; i < world_threads; i++) {
		const struct thread *thread = &world.threads[i];
		size_t live = (size_t)(world_stack_end(thread) - thread->low);

		memcpy(thread->low, at, live);
		at += live;
	}
}
