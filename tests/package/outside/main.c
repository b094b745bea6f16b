/* What a user's first program is: it includes, links and runs gyre. */
#include <gyre/gyre.h>

#include <stdio.h>
#include <string.h>

int
main(void)
{
	printf("gyre %s\n", gyre_version());
	return strcmp(gyre_version(), GYRE_VERSION) == 0 ? 0 : 1;
}
