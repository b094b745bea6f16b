/* Which gyre is loaded. */
#include <gyre/version.h>

const char *
gyre_version(void)
{
	return GYRE_VERSION;
}
