#include "base/option.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>

int
gyre__option_check_ns(const struct gyre_log *log, const char *whose,
		      const char *name, int64_t given_ns, int64_t max_ns)
{
	if (given_ns >= 0 && given_ns <= max_ns)
		return 0;
	gyre__log(log, GYRE_LOG_ERROR,
		  "%s: %s is %" PRId64 ", and not from 0 to %" PRId64, whose,
		  name, given_ns, max_ns);
	return -EINVAL;
}
