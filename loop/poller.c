/* The pollers by their names, the platform's best first. */
#include "loop/poller.h"

#include <string.h>

static const struct gyre_poller_ops *const pollers[] = {
	&gyre__poller_epoll,
};

const struct gyre_poller_ops *
gyre_poller_find(const char *name)
{
	for (size_t i = 0; i < sizeof(pollers) / sizeof(pollers[0]); i++)
		if (name == NULL || strcmp(name, pollers[i]->name) == 0)
			return pollers[i];
	return NULL;
}
