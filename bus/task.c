/* The names of the reasons for which accepted work is dropped. */
#include <gyre/task.h>

const char *
gyre_drop_reason_name(enum gyre_drop_reason reason)
{
	switch (reason) {
	case GYRE_DROP_STOPPED:
		return "stopped";
	case GYRE_DROP_EXPIRED:
		return "expired";
	case GYRE_DROP_CANCELED:
		return "canceled";
	case GYRE_DROP_REFUSED:
		return "refused";
	}
	return "unknown reason";
}
