/*
 * A test that hangs is a failure, and says so.
 */
#ifndef GYRE_TESTS_SUPPORT_WATCHDOG_H
#define GYRE_TESTS_SUPPORT_WATCHDOG_H

/*
 * Abort with a line if the process still runs in so many seconds, unless the
 * watchdog is set anew before; 0: never.
 */
void watchdog(unsigned seconds);

#endif
