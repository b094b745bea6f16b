/* The ways in which work gets to a loop, each counted by itself. */
#ifndef STRESS_PATH_H
#define STRESS_PATH_H

enum path {
	PATH_CALLBACKS,
	PATH_TASKS,
	PATH_CALLS,
	PATH_TIMEOUTS,
	PATH_HANDLERS,
	PATH_JOBS,
	PATH_PORTS,
	PATH_TOPICS,
	PATHS,
};

/* What stops and starts again is in the mix too, but is no path. */
#define MIX_STOP (1u << PATHS)
#define MIX_ALL  ((1u << (PATHS + 1)) - 1)

#define DROP_REASONS 5 /* indexed by enum gyre_drop_reason */

const char *path_name(enum path path);

#endif
