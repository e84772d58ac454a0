/* SPDX-License-Identifier: BSD-2-Clause */
/* Taking censuses; see heap_objects.h. */
#include "heap_objects.h"

#include <errno.h>
#include <string.h>

#include "error_hints.h"
#include "inspect_census.h"
#include "log.h"
#include "requirements.h"

#define BUDGET_NS 30000000000ULL

static int refuse(pid_t pid, int error)
{
	const char *cause = strerror(-error);

	if (error == -ENOENT)
		cause = "it has no Python whose objects can be read";
	else if (error == -ESRCH)
		cause = "the process has ended";
	else if (inspector_is_unanswered(error))
		cause = "it takes too long or fails";
	log_error("cannot count the objects of '%d': %s", (int)pid, cause);
	if (error == -EACCES || error == -EPERM)
		log_hint("%s; --freeze needs that nobody else traces it",
			 requirement_hint_process(pid));
	else if (error == -ENOENT)
		log_hint("memprobe check -p %d says what is known of it", (int)pid);
	else
		error_hint_print(ERROR_OF_PROCESS, inspector_is_unanswered(error) ? -ETIME : error);
	return error;
}

int heap_objects_take(struct heap_objects *objects, struct inspector *inspector, pid_t pid,
		      bool is_frozen)
{
	const struct census_question question = {
		.pid = pid,
		.budget_ns = BUDGET_NS,
		.is_frozen = is_frozen,
	};
	struct census census;
	int error = inspect_census(inspector, &question, &census);

	if (error)
		return refuse(pid, error);
	if (objects->count > 1)
		census_free(&objects->last);
	if (objects->count)
		objects->last = census;
	else
		objects->first = census;
	objects->count += objects->count < 2;
	return 0;
}

const struct census *heap_objects_last(const struct heap_objects *objects)
{
	return objects->count > 1 ? &objects->last : &objects->first;
}

bool heap_objects_diff(const struct heap_objects *objects, struct census_diff *ret)
{
	if (objects->count < 2 || objects->first.refused != CENSUS_NONE ||
	    objects->last.refused != CENSUS_NONE)
		return false;
	census_diff_make(&objects->first, &objects->last, ret);
	return true;
}

void heap_objects_free(struct heap_objects *objects)
{
	if (objects->count)
		census_free(&objects->first);
	if (objects->count > 1)
		census_free(&objects->last);
	*objects = (struct heap_objects){ 0 };
}
