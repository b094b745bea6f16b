/*
 * What must end the process is tried in a child.
 */
#ifndef GYRE_TESTS_SUPPORT_CHILD_H
#define GYRE_TESTS_SUPPORT_CHILD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Do this in a child and return how it ended, as waitpid() has it, with the
 * beginning of what it wrote to standard error.
 */
int in_child(void (*body)(void *arg), void *arg, char *ret_output, size_t size);

/* Whether a child that does this aborts, and says why in these words. */
bool aborts_saying(void (*body)(void *arg), void *arg, const char *words);

#endif
