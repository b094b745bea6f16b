/*
 * The one connection of a soak that is no client: a plain socket that waits for
 * its replies, and asks the server what it holds.
 */
#ifndef STRESS_SOAK_CONTROL_H
#define STRESS_SOAK_CONTROL_H

#include <stdint.h>

struct soak_control;

/* Connect; NULL, errno, and a line on standard error. */
struct soak_control *soak_control_open(const char *host, const char *port);

void soak_control_close(struct soak_control *control);

/* How many keys it has; -1: it does not answer, errno says why. */
int64_t soak_control_keys(struct soak_control *control);

/* Bytes of the server's process that are in memory; 0: it is not on this
 * machine, or does not say which process it is; -1: it does not answer. */
int64_t soak_control_resident(struct soak_control *control);

#endif
