/* What options have in common: who gives a wrong one is told which. */
#ifndef GYRE_BASE_OPTION_H
#define GYRE_BASE_OPTION_H

#include <gyre/base.h>

#include <stdint.h>

/* Whether a duration is from 0 to the most: 0, or -EINVAL with a line that says
 * whose option it is, by which name. */
int gyre__option_check_ns(const struct gyre_log *log, const char *whose,
			  const char *name, int64_t given_ns, int64_t max_ns);

#endif
