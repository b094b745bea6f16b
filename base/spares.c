#include "base/spares.h"

void *
gyre__spares_take(struct gyre__spares *spares)
{
	void **block = spares->first;

	if (block == NULL)
		return spares->sys->allocate(GYRE__SPARE_BYTES, 0);
	spares->first = *block;
	spares->count--;
	return block;
}

void
gyre__spares_put(struct gyre__spares *spares, void *block)
{
	if (spares->count == GYRE__SPARES_MAX) {
		spares->sys->release(block);
		return;
	}
	*(void **)block = spares->first;
	spares->first = block;
	spares->count++;
}

void
gyre__spares_fini(struct gyre__spares *spares)
{
	while (spares->first != NULL) {
		void **block = spares->first;

		spares->first = *block;
		spares->sys->release(block);
	}
	spares->count = 0;
}
