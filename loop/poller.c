/* The pollers by their names, and what those share that must keep an account
 * of what they watch. */
#include "loop/poller.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 64

/* The platform's best first. */
static const struct gyre_poller_ops *const pollers[] = {
#if defined(__linux__)
	&gyre__poller_epoll,
#endif
#if defined(GYRE__KQUEUE)
	&gyre__poller_kqueue,
#endif
	&gyre__poller_poll,
};

#define POLLERS (sizeof(pollers) / sizeof(pollers[0]))

const struct gyre_poller_ops *
gyre_poller_find(const char *name)
{
	for (size_t i = 0; i < POLLERS; i++)
		if (name == NULL || strcmp(name, pollers[i]->name) == 0)
			return pollers[i];
	return NULL;
}

static void
refuse(const struct gyre_log *log, const char *name)
{
	char known[64] = "";
	size_t used = 0;

	for (size_t i = 0; i < POLLERS; i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used,
					 " %s", pollers[i]->name);
	gyre__log(log, GYRE_LOG_ERROR,
		  "loop: GYRE_POLLER is \"%s\", which is not here; there is:%s",
		  name, known);
}

int
gyre__poller_choose(const struct gyre_log *log,
		    const struct gyre_poller_ops **ret_ops)
{
	const char *name = getenv("GYRE_POLLER");
	const struct gyre_poller_ops *ops;

	if (name != NULL && *name == '\0')
		name = NULL;
	ops = gyre_poller_find(name);
	if (ops == NULL) {
		refuse(log, name);
		return -ENOTSUP;
	}
	*ret_ops = ops;
	return 0;
}

int
gyre__poller_check_fd(const struct gyre_sys *sys, int fd,
		      struct stat *ret_status)
{
	if (sys->fstat(fd, ret_status) < 0)
		return -errno;
	if (S_ISREG(ret_status->st_mode) || S_ISDIR(ret_status->st_mode) ||
	    S_ISBLK(ret_status->st_mode))
		return -EPERM;
	return 0;
}

int
gyre__poller_grow(const struct gyre_sys *sys, void **array, size_t size,
		  size_t *capacity, size_t index)
{
	size_t wanted = *capacity != 0 ? *capacity : CAPACITY_MIN;
	void *grown;

	if (index < *capacity)
		return 0;
	while (wanted <= index)
		wanted *= 2;
	grown = gyre__allocate(sys, wanted * size, 0);
	if (grown == NULL)
		return -ENOMEM;
	if (*array != NULL)
		memcpy(grown, *array, *capacity * size);
	sys->release(*array);
	*array = grown;
	*capacity = wanted;
	return 0;
}
