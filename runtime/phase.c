/*
 * Where a runtime is in its life: a word that only grows, so that whoever is
 * first to reach a phase says so, and nobody who comes late takes it back. Only
 * the starter begins another life, when nobody of the last is left.
 */
#include "runtime/runtime.h"

#include "base/atomics.h"

void
gyre__runtime_reach(struct gyre_runtime *runtime, enum gyre_runtime_phase phase)
{
	/* phase.P1 relaxed: a guess, which the exchange verifies */
	uint32_t seen = gyre__load_32_relaxed(&runtime->phase);

	while (seen < (uint32_t)phase)
		/* phase.P2 acq_rel: what was done in the phases before; pairs
		 * with phase.P2, phase.P3 */
		if (gyre__cas_32_acq_rel(&runtime->phase, &seen,
					 (uint32_t)phase))
			return;
}

void
gyre__runtime_return(struct gyre_runtime *runtime)
{
	/* phase.P4 release: what was made anew; pairs with phase.P3 */
	gyre__store_32_release(&runtime->phase, GYRE_PHASE_NEW);
}

bool
gyre__runtime_is_at_rest(const struct gyre_runtime *runtime)
{
	enum gyre_runtime_phase phase = gyre_runtime_phase(runtime);

	return phase == GYRE_PHASE_NEW || phase == GYRE_PHASE_ENDED;
}

enum gyre_runtime_phase
gyre_runtime_phase(const struct gyre_runtime *runtime)
{
	/* phase.P3 acquire: what was done before it; pairs with phase.P2,
	 * phase.P4 */
	return (enum gyre_runtime_phase)gyre__load_32_acquire(&runtime->phase);
}

const char *
gyre_runtime_phase_name(enum gyre_runtime_phase phase)
{
	static const char *const names[] = {
		[GYRE_PHASE_NEW] = "new",
		[GYRE_PHASE_STARTING] = "starting",
		[GYRE_PHASE_RUNNING] = "running",
		[GYRE_PHASE_QUIET] = "quiet",
		[GYRE_PHASE_DRAINING] = "draining",
		[GYRE_PHASE_CLOSING] = "closing",
		[GYRE_PHASE_JOINING] = "joining",
		[GYRE_PHASE_ENDED] = "ended",
	};

	if ((unsigned)phase >= sizeof(names) / sizeof(names[0]))
		return "unknown phase";
	return names[phase];
}
