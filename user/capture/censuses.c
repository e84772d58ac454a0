/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One after the other, as long as there is time; see censuses.h. Who asks waits meanwhile, and so
 * do the records of what goes on: what the ring has no room for is counted as lost.
 */
#include "censuses.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "inspect_census.h"
#include "log.h"
#include "memory.h"
#include "running.h"

#define ALL_NS 20000000000ULL

/* Of what has no Python nothing is said: it may be a shell that waits. */
static void take_one(const struct censuses *censuses, uint32_t index, uint64_t budget_ns)
{
	struct profile *profile = censuses->base->profile;
	const struct census_question question = {
		.pid = (pid_t)profile->processes[index].pid,
		.budget_ns = budget_ns,
		.is_frozen = censuses->is_frozen,
	};
	struct census census;
	int error = inspect_census(censuses->base->inspector, &question, &census);

	if (!error)
		profile_set_census(profile, index, &census, profile->meta.duration_ns);
	else if (error != -ENOENT && error != -ESRCH)
		log_warning("the objects of %d are not counted: %s", (int)question.pid,
			    inspector_is_unanswered(error) ? "it took too long or failed"
							   : strerror(-error));
}

void censuses_take(const struct censuses *censuses)
{
	struct profile *profile = censuses->base->profile;
	_cleanup_(freep) struct running *running = xcalloc(profile->nr_processes, sizeof(*running));
	size_t count = censuses->is_wanted ? running_find(profile, running) : 0;
	uint64_t begin_ns = clock_ns(), used_ns = 0;

	for (size_t i = 0; i < count && used_ns < ALL_NS; i++) {
		take_one(censuses, running[i].process, ALL_NS - used_ns);
		used_ns = clock_ns() - begin_ns;
	}
}

static void on_end(void *context, struct profile *profile, uint64_t now_ns)
{
	censuses_take(context);
}

struct flush_listener censuses_hear_flush(struct censuses *censuses)
{
	return (struct flush_listener){ .context = censuses, .end = on_end };
}
