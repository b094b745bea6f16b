#include "loop/slack.h"

void
gyre__slack_init(struct gyre__slack *slack, int64_t slack_ns)
{
	slack->slack_ns = slack_ns != 0 ? slack_ns : GYRE__SLACK_NS;
	slack->end_ns = INT64_MIN;
}

int64_t
gyre__slack_sleep(const struct gyre__slack *slack,
		  const struct gyre__timeouts *timeouts, int64_t now_ns,
		  int64_t timeout_ns)
{
	int64_t left_ns;

	/* A clock may be negative: then the difference can be too much. */
	if (__builtin_sub_overflow(slack->end_ns, now_ns, &left_ns) ||
	    left_ns <= timeout_ns ||
	    !gyre__timeouts_several(timeouts, slack->end_ns))
		return timeout_ns;
	return left_ns;
}

void
gyre__slack_begin(struct gyre__slack *slack, int64_t now_ns)
{
	if (__builtin_add_overflow(now_ns, slack->slack_ns, &slack->end_ns))
		slack->end_ns = INT64_MAX;
}
