/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One after the other, as long as there is time; see censuses.h. Who asks waits meanwhile, and so
 * do the records of what goes on: what the ring has no room for is counted as lost.
 */
#include "censuses.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "clock.h"
#include "inspect_census.h"
#include "log.h"
#include "memory.h"
#include "running.h"

#include <memprobe/limits.h>

#define ALL_NS CENSUSES_MOST_NS
#define LAST_LOOK_BYTES (LAST_LOOK_PAGES * 4096LL)

static const char *cause_of(int error)
{
	if (inspector_is_unanswered(error))
		return "it took too long or failed";
	return error == -EACCES ? "not allowed without CAP_DAC_READ_SEARCH" : strerror(-error);
}

/* Of what has no Python nothing is said: it may be a shell that waits. */
void censuses_take_one(const struct censuses *censuses, const struct census_turn *turn)
{
	struct profile *profile = censuses->base->profile;
	const struct census_question question = {
		.pid = (pid_t)profile->processes[turn->process].pid,
		.budget_ns = turn->budget_ns,
		.is_frozen = censuses->is_frozen && !turn->stopped_ns,
	};
	struct census census;
	int error = inspect_census(censuses->base->inspector, &question, &census);

	if (!error) {
		if (turn->stopped_ns)
			census.frozen_ns = clock_ns() - turn->stopped_ns;
		profile_set_census(profile, turn->process, &census, profile->meta.duration_ns);
	} else if (error != -ENOENT && error != -ESRCH) {
		profile->processes[turn->process].is_census_told = true;
		log_warning("the objects of %d are not counted: %s", (int)question.pid,
			    cause_of(error));
	}
}

void censuses_take(const struct censuses *censuses)
{
	struct profile *profile = censuses->base->profile;
	_cleanup_(freep) struct running *running = xcalloc(profile->nr_processes, sizeof(*running));
	size_t count = censuses->is_wanted ? running_find(profile, running) : 0;
	uint64_t begin_ns = clock_ns(), used_ns = 0;

	for (size_t i = 0; i < count && used_ns < ALL_NS; i++) {
		const struct census_turn turn = { running[i].process, ALL_NS - used_ns, 0 };

		censuses_take_one(censuses, &turn);
		used_ns = clock_ns() - begin_ns;
	}
}

static bool is_uncounted(const struct process *process)
{
	return process->python && !process->census && !process->is_census_told &&
	       (process->end == END_EXIT || process->end == END_SIGNAL);
}

/* By another, but it would have ended before had we not stopped it. */
static bool is_killed_standing(const struct process *process)
{
	return process->died_standing && !process->census && process->end == END_SIGNAL &&
	       process->exit_signal == SIGKILL;
}

static void tell_killed(const struct profile *profile, const char *what)
{
	size_t count = 0;

	for (uint32_t i = 0; i < profile->nr_processes; i++)
		count += is_killed_standing(&profile->processes[i]);
	if (count)
		log_later("%zu process%s killed while memprobe had stopped %s for a %s at the end: "
			  "who ends them, as a supervisor, may not wait for so long",
			  count, count == 1 ? " was" : "es were", count == 1 ? "it" : "them", what);
}

static bool is_unseen(const struct process *process)
{
	return process->has_unsure_end && process->end == END_EXIT;
}

/* Those that nobody asked about are looked at when they are large only. */
static void tell_unseen(const struct censuses *censuses, const struct profile *profile)
{
	const char *what = censuses->is_wanted ? "the objects" : "the allocators";
	size_t count = 0;

	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];

		if (is_unseen(process) &&
		    (censuses->is_wanted
			     ? !process->census
			     : !process->has_inside && process->peak >= LAST_LOOK_BYTES))
			count++;
	}
	if (count)
		log_later("%s of %zu process%s were not looked at: what their Python passes at its "
			  "end is not known (memprobe check tells why)",
			  what, count, count == 1 ? "" : "es");
}

static void tell_uncounted(const struct profile *profile)
{
	size_t count = 0, unsignalled = 0;

	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];

		if (!is_uncounted(process) || is_unseen(process) || is_killed_standing(process))
			continue;
		count += !process->is_unsignalled;
		unsignalled += process->is_unsignalled;
	}
	if (count)
		log_later("the objects of %zu process%s are not counted: ended by os._exit(), by a "
			  "signal, or before that could be waited for",
			  count, count == 1 ? "" : "es");
	if (unsignalled)
		log_later("the objects of %zu process%s are not counted: not allowed to stop %s at "
			  "the end without CAP_KILL",
			  unsignalled, unsignalled == 1 ? "" : "es",
			  unsignalled == 1 ? "it" : "them");
}

static void on_end(void *context, struct profile *profile, uint64_t now_ns)
{
	const struct censuses *censuses = context;

	censuses_take(censuses);
	tell_killed(profile, censuses->is_wanted ? "census of objects" : "look inside");
	tell_unseen(censuses, profile);
	if (censuses->is_wanted)
		tell_uncounted(profile);
}

struct flush_listener censuses_hear_flush(struct censuses *censuses)
{
	return (struct flush_listener){ .context = censuses, .end = on_end };
}
