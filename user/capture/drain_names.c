/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Qualified names of versions whose code objects have none (up to 3.10), from the source files,
 * each read once a version. As the process sees the file, while it lives; then as we see it, and
 * with no rights but its user's.
 */
#include <errno.h>
#include <string.h>

#include "drain_state.h"
#include "memory.h"
#include "source_names.h"
#include "target_open.h"

#define VERSION_QUALNAME 0x030b

/* In the process's own root and with its own rights, while it lives. */
static int open_source(const struct drain *drain, const struct process *process, const char *path)
{
	struct target_user user = process->has_user ? target_user_of(process->uid, process->gid)
						    : target_user_nobody();
	struct target_user living;
	int fd = -ESRCH;

	if (!target_user_read((pid_t)process->pid, &living))
		fd = target_open_inside((pid_t)process->pid, path, &living, SOURCE_MAX_BYTES);
	if (fd < 0)
		fd = target_open_here(path, drain->caller ? drain->caller : &user,
				      SOURCE_MAX_BYTES);
	return fd;
}

static struct source_names *read_source(const struct drain *drain, uint32_t process,
					const char *path, uint32_t version)
{
	struct source_names *names = NULL;
	_cleanup_(closep) int fd = -1;

	if (path[0] == '/')
		fd = open_source(drain, &drain->profile->processes[process], path);
	if (fd >= 0 && source_names_read(fd, version & 0xff, &names))
		names = NULL;
	return names;
}

static struct known_source *find_source(struct drain *drain, const struct site *site,
					uint32_t process)
{
	uint64_t key = (uint64_t)site->version << 32 | site->file;
	const char *path = profile_string(drain->profile, site->file);
	uint32_t index;

	if (hash_table_get(&drain->source_ids, key, &index))
		return &drain->sources[index];
	drain->sources = array_reserve(drain->sources, &drain->sources_capacity,
				       drain->nr_sources + 1, sizeof(*drain->sources));
	drain->sources[drain->nr_sources] = (struct known_source){
		.names = read_source(drain, process, path, site->version),
	};
	hash_table_put(&drain->source_ids, key, drain->nr_sources);
	return &drain->sources[drain->nr_sources++];
}

/* Said once a file. */
static void note_change(struct drain *drain, struct known_source *source, const char *path)
{
	if (!source->has_changed && drain->listener.source_changed)
		drain->listener.source_changed(drain->listener.context, path);
	source->has_changed = true;
}

void drain_qualify(struct drain *drain, uint32_t process, struct site *site)
{
	const char *plain = profile_string(drain->profile, site->name), *qualified;
	struct known_source *source;

	if (site->kind != SITE_PYTHON || site->version >= VERSION_QUALNAME || site->line <= 0)
		return;
	source = find_source(drain, site, process);
	if (!source->names)
		return;
	qualified = source_names_find(source->names, plain, site->line);
	if (qualified)
		site->name = string_pool_add(&drain->profile->strings, qualified);
	else
		note_change(drain, source, profile_string(drain->profile, site->file));
}

void drain_free_sources(struct drain *drain)
{
	for (size_t i = 0; i < drain->nr_sources; i++)
		source_names_free(drain->sources[i].names);
	free(drain->sources);
	hash_table_free(&drain->source_ids);
}
