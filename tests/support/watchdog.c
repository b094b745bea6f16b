#include "tests/support/watchdog.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void
bark(int number)
{
	static const char line[] = "watchdog: the test takes too long\n";

	(void)number;
	(void)!write(STDERR_FILENO, line, sizeof(line) - 1);
	abort();
}

void
watchdog(unsigned seconds)
{
	signal(SIGALRM, bark);
	alarm(seconds);
}
