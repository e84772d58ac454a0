/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In rounds, because a process may fork while /proc is read; see adopt.h.
 */
#include "adopt.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "attach_targets.h"
#include "error_hints.h"
#include "log.h"
#include "memory.h"
#include "programs.h"

#define ADOPT_ROUNDS 16 /* that fork faster than /proc is read: the rest comes as children do */

static void remember(struct adopted *adopted, const pid_t *pids, size_t count)
{
	adopted->pids = array_reserve(adopted->pids, &adopted->capacity, adopted->nr_pids + count,
				      sizeof(*adopted->pids));
	memcpy(adopted->pids + adopted->nr_pids, pids, count * sizeof(*pids));
	adopted->nr_pids += count;
}

/* Returns how many were not known. */
static size_t find_descendants(struct adopted *adopted)
{
	_cleanup_(freep) pid_t *pids = NULL;
	size_t count;

	if (!adopted->has_children)
		return 0;
	pids = attach_find_descendants(adopted->pids, adopted->nr_pids, &count);
	if (count)
		remember(adopted, pids, count);
	return count;
}

int adopt_check(struct adopted *adopted, const pid_t *pids, size_t count, bool with_children)
{
	*adopted = (struct adopted){ .nr_named = count, .has_children = with_children };
	if (!count)
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (attach_check((uint32_t)pids[i]))
			return EXIT_FAILURE_OWN;
	}
	remember(adopted, pids, count);
	find_descendants(adopted);
	return 0;
}

void adopt_free(struct adopted *adopted)
{
	free(adopted->pids);
	*adopted = (struct adopted){ 0 };
}

static bool has_entry(const struct profile *profile, uint32_t tgid)
{
	for (size_t i = 0; i < profile->nr_processes; i++) {
		if (profile->processes[i].pid == tgid)
			return true;
	}
	return false;
}

/* One that ended before the programs were attached would be waited for forever. Of those that were
 * not named by the user nothing is said. */
static void forget_ended(const struct adopted *adopted, const struct loader *loader,
			 const struct profile *profile)
{
	for (size_t i = 0; i < adopted->nr_pids; i++) {
		uint32_t tgid = (uint32_t)adopted->pids[i];

		if (has_entry(profile, tgid))
			continue;
		bpf_map_delete_elem(loader_map(loader, "processes"), &tgid);
		if (profile->nr_processes && i < adopted->nr_named)
			log_warning(
				"cannot attach '%u': the process has ended, continuing without it",
				tgid);
	}
}

/* Opens the books of the pids from `first` on. One that was forked after its parent's were opened
 * is followed already. */
static int adopt_from(const struct adopted *adopted, size_t first, struct loader *loader)
{
	int processes = loader_map(loader, "processes"), status = 0;
	uint32_t ppid;

	for (size_t i = first; i < adopted->nr_pids && !status; i++) {
		if (bpf_map_lookup_elem(processes, &adopted->pids[i], &ppid))
			status = programs_follow(loader, (uint32_t)adopted->pids[i], 0);
	}
	if (!status && loader_iterate(loader, LOADER_ADOPT)) {
		log_error("cannot attach '%d': the task iterator failed", (int)adopted->pids[0]);
		log_hint("-vvv shows what the kernel says");
		status = EXIT_FAILURE_OWN;
	}
	return status;
}

int adopt_all(struct adopted *adopted, struct loader *loader, struct drain *drain,
	      const struct profile *profile)
{
	size_t first = 0;
	int status = 0;

	for (int round = 0; round < ADOPT_ROUNDS && !status; round++) {
		status = adopt_from(adopted, first, loader);
		drain_records(drain);
		first = adopted->nr_pids;
		if (!find_descendants(adopted))
			break;
	}
	forget_ended(adopted, loader, profile);
	if (!status && !profile->nr_processes) {
		log_error("cannot attach '%d': the process has ended", (int)adopted->pids[0]);
		error_hint_print(ERROR_OF_PROCESS, -ESRCH);
		status = EXIT_FAILURE_OWN;
	}
	return status;
}
