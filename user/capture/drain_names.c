/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Qualified names of versions whose code objects have none (up to 3.10), from the source files,
 * which the inspecting process reads: as the process sees a file, while it lives; then as we see
 * it, and with no rights but its user's.
 */
#include <errno.h>
#include <string.h>

#include "drain_state.h"
#include "memory.h"

#define VERSION_QUALNAME 0x030b

static struct known_source *find_source(struct drain *drain, const struct site *site)
{
	uint64_t key = (uint64_t)site->version << 32 | site->file;
	uint32_t index;

	if (hash_table_get(&drain->source_ids, key, &index))
		return &drain->sources[index];
	drain->sources = array_reserve(drain->sources, &drain->sources_capacity,
				       drain->nr_sources + 1, sizeof(*drain->sources));
	drain->sources[drain->nr_sources] = (struct known_source){
		.is_unreadable = profile_string(drain->profile, site->file)[0] != '/',
	};
	hash_table_put(&drain->source_ids, key, drain->nr_sources);
	return &drain->sources[drain->nr_sources++];
}

/* Said once a file. */
static void note_change(struct drain *drain, struct known_source *source, const char *path)
{
	if (!source->has_changed)
		DRAIN_TELL(&drain->listeners, source_changed, path);
	source->has_changed = true;
}

static struct target_user user_of(const struct drain *drain, const struct process *process)
{
	if (drain->caller)
		return *drain->caller;
	return process->has_user ? target_user_of(process->uid, process->gid)
				 : target_user_nobody();
}

/* 0, -ENOENT: the source has nothing of that name there; else it cannot be read. */
static int ask(struct drain *drain, uint32_t process, const struct site *site, char **ret_name)
{
	_cleanup_(freep) struct inspect_name_request *request = xcalloc(1, sizeof(*request));
	const char *path = profile_string(drain->profile, site->file);
	const char *name = profile_string(drain->profile, site->name);

	if (strlen(path) >= sizeof(request->path) || strlen(name) >= sizeof(request->name))
		return -ENAMETOOLONG;
	request->pid = (int32_t)drain->profile->processes[process].pid;
	request->version = site->version;
	request->line = (uint32_t)site->line;
	request->user = user_of(drain, &drain->profile->processes[process]);
	memcpy(request->path, path, strlen(path) + 1);
	memcpy(request->name, name, strlen(name) + 1);
	return inspect_qualified_name(drain->inspector, request, ret_name);
}

void drain_qualify(struct drain *drain, uint32_t process, struct site *site)
{
	_cleanup_(freep) char *qualified = NULL;
	struct known_source *source;
	int status;

	if (!drain->inspector || site->kind != SITE_PYTHON || site->version >= VERSION_QUALNAME ||
	    site->line <= 0)
		return;
	source = find_source(drain, site);
	if (source->is_unreadable)
		return;
	status = ask(drain, process, site, &qualified);
	if (!status)
		site->name = string_pool_add(&drain->profile->strings, qualified);
	else if (status == -ENOENT)
		note_change(drain, source, profile_string(drain->profile, site->file));
	else
		source->is_unreadable = true;
}

void drain_free_sources(struct drain *drain)
{
	free(drain->sources);
	hash_table_free(&drain->source_ids);
}
