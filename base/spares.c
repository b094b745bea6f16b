#include "base/spares.h"

/* What is kept here is nobody's, as AddressSanitizer should know. */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(memory, size)   ((void)(memory), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(memory, size) ((void)(memory), (void)(size))
#endif

static void *
take_first(struct gyre__spares *spares)
{
	void **block = spares->first;

	ASAN_UNPOISON_MEMORY_REGION(block, GYRE__SPARE_BYTES);
	spares->first = *block;
	spares->count--;
	return block;
}

void *
gyre__spares_take(struct gyre__spares *spares)
{
	return spares->first != NULL
		       ? take_first(spares)
		       : spares->sys->allocate(GYRE__SPARE_BYTES, 0);
}

void
gyre__spares_put(struct gyre__spares *spares, void *block)
{
	if (spares->count == GYRE__SPARES_MAX) {
		spares->sys->release(block);
		return;
	}
	*(void **)block = spares->first;
	ASAN_POISON_MEMORY_REGION(block, GYRE__SPARE_BYTES);
	spares->first = block;
	spares->count++;
}

void
gyre__spares_fini(struct gyre__spares *spares)
{
	while (spares->first != NULL)
		spares->sys->release(take_first(spares));
}
