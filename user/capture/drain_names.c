/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Qualified names of versions whose code objects have none (up to 3.10), from the source files,
 * which the inspecting process reads: as the process sees a file, while it lives; then as we see
 * it, and with no rights but its user's.
 */
#include "drain_names.h"

#include <errno.h>
#include <string.h>

#include "hash_table.h"
#include "inspect_texts.h"
#include "memory.h"
#include "user_loss.h"

#define VERSION_QUALNAME 0x030b

/* A source file for one version. */
struct known_source {
	bool is_unreadable;
	bool has_changed;   /* it lacks what ran */
	bool is_unanswered; /* reading it took too long: it is not tried again */
};

struct drain_names {
	const struct drain_base *base;
	struct known_source *sources;
	size_t count, capacity;
	struct hash_table ids; /* version and file to index */
};

struct drain_names *drain_names_new(const struct drain_base *base)
{
	struct drain_names *names = xcalloc(1, sizeof(*names));

	names->base = base;
	return names;
}

void drain_names_free(struct drain_names *names)
{
	if (!names)
		return;
	free(names->sources);
	hash_table_free(&names->ids);
	free(names);
}

static struct known_source *find_source(struct drain_names *names, const struct site *site)
{
	uint64_t key = (uint64_t)site->version << 32 | site->file;
	uint32_t index;

	if (hash_table_get(&names->ids, key, &index))
		return &names->sources[index];
	names->sources = array_reserve(names->sources, &names->capacity, names->count + 1,
				       sizeof(*names->sources));
	names->sources[names->count] = (struct known_source){
		.is_unreadable = profile_string(names->base->profile, site->file)[0] != '/',
	};
	hash_table_put(&names->ids, key, names->count);
	return &names->sources[names->count++];
}

/* Said once a file. */
static void note_change(struct drain_names *names, struct known_source *source, const char *path)
{
	if (!source->has_changed)
		DRAIN_TELL(&names->base->listeners, source_changed, path);
	source->has_changed = true;
}

/* 0, -ENOENT: the source has nothing of that name there; else it cannot be read. */
static int ask(struct drain_names *names, uint32_t process, const struct site *site,
	       char **ret_name)
{
	_cleanup_(freep) struct inspect_name_request *request = xcalloc(1, sizeof(*request));
	const char *path = profile_string(names->base->profile, site->file);
	const char *name = profile_string(names->base->profile, site->name);

	if (strlen(path) >= sizeof(request->path) || strlen(name) >= sizeof(request->name))
		return -ENAMETOOLONG;
	request->pid = (int32_t)names->base->profile->processes[process].pid;
	request->version = site->version;
	request->line = (uint32_t)site->line;
	request->user = drain_base_user(names->base, &names->base->profile->processes[process]);
	memcpy(request->path, path, strlen(path) + 1);
	memcpy(request->name, name, strlen(name) + 1);
	return inspect_qualified_name(names->base->inspector, request, ret_name);
}

/* Nobody has looked whether it is another. */
static void count_unanswered(struct drain_names *names, uint32_t process, const struct site *site)
{
	struct profile *profile = names->base->profile;

	if (strcmp(profile_string(profile, site->name), "<module>") != 0)
		user_loss_add(profile, process, LOSS_name_unanswered, 1);
}

void drain_names_qualify(struct drain_names *names, uint32_t process, struct site *site)
{
	_cleanup_(freep) char *qualified = NULL;
	struct known_source *source;
	int status = -EPIPE;

	if (!names->base->inspector || site->kind != SITE_PYTHON ||
	    site->version >= VERSION_QUALNAME || site->line <= 0)
		return;
	source = find_source(names, site);
	if (source->is_unreadable)
		return;
	if (!source->is_unanswered)
		status = ask(names, process, site, &qualified);
	source->is_unanswered |= status == -ETIME || status == -EPIPE;
	if (!status)
		site->name = string_pool_add(&names->base->profile->strings, qualified);
	else if (status == -ENOENT)
		note_change(names, source, profile_string(names->base->profile, site->file));
	else if (inspector_is_unanswered(status))
		count_unanswered(names, process, site);
	else
		source->is_unreadable = true;
}
