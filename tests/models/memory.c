/*
 * The arena, which is all memory there is, and what its words are called.
 */
#include "tests/models/world.h"

#include "base/check.h"

#include <string.h>

#define NAMES_MAX 64

struct name {
	const void *address;
	const char *text;
	bool points; /* at the address are pointers, which have names too */
};

static struct name names[NAMES_MAX];
static unsigned name_count;

/* -- memory -------------------------------------------------------------- */

void *
explorer_allocate(size_t size, size_t align)
{
	char *memory;

	if (align == 0)
		align = sizeof(uint64_t);
	world.used = (world.used + align - 1) / align * align;
	memory = world.arena + world.used;
	world.used += (size + 7) / 8 * 8;
	GYRE_INSIST(world.used <= WORLD_ARENA_BYTES);
	GYRE_INSIST(world.block_count < WORLD_BLOCKS_MAX);
	world.blocks[world.block_count++] =
		(struct block){ .memory = memory, .size = size };
	return memory;
}

static struct block *
find_block(const void *address)
{
	const char *at = address;

	for (unsigned i = 0; i < world.block_count; i++) {
		struct block *block = &world.blocks[i];

		if (at >= block->memory && at < block->memory + block->size)
			return block;
	}
	return NULL;
}

void
explorer_release(void *memory)
{
	struct block *block = find_block(memory);

	if (block == NULL || block->memory != memory || block->released)
		explorer_broken("broken: a release of what was not allocated");
	block->released = 1;
	memset(memory, 0xa5, block->size);
}

static void
check_live(const void *address)
{
	const struct block *block = find_block(address);

	if (block == NULL)
		explorer_broken("broken: an atomic outside of memory");
	if (block->released)
		explorer_broken("broken: a use after the release");
}

uint64_t
world_read(const void *address, size_t size)
{
	uint64_t value = 0;

	check_live(address);
	memcpy(&value, address, size);
	return value;
}

void
world_write(void *address, size_t size, uint64_t value)
{
	check_live(address);
	memcpy(address, &value, size);
	for (unsigned i = 0; i < world_threads; i++)
		if (world.threads[i].wish == WISH_PAUSE)
			world.threads[i].written = 1;
}

/* -- names --------------------------------------------------------------- */

void
world_forget_names(void)
{
	name_count = 0;
}

static void
add_name(const void *address, const char *text, bool points)
{
	GYRE_INSIST(name_count < NAMES_MAX);
	names[name_count++] = (struct name){ address, text, points };
}

void
explorer_name(const void *address, const char *name)
{
	add_name(address, name, false);
}

void
explorer_name_pointer(const void *word, const char *name)
{
	add_name(word, name, true);
}

static const struct name *
find_name(uint64_t address)
{
	for (unsigned i = 0; i < name_count; i++)
		if ((uintptr_t)names[i].address == address)
			return &names[i];
	return NULL;
}

const char *
machine_name_of(const void *address)
{
	const struct name *name = find_name((uintptr_t)address);

	return name != NULL ? name->text : "a word without a name";
}

const char *
machine_value_name(const void *address, uint64_t value)
{
	const struct name *word = find_name((uintptr_t)address);
	const struct name *name = find_name(value);

	if (word == NULL || !word->points)
		return NULL;
	return name != NULL ? name->text : NULL;
}
