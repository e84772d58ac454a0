/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Qualified names of versions whose code objects have none (up to 3.10), from the source files,
 * which the inspecting process reads: as the process sees a file, while it lives; then as we see
 * it, if its root was ours, and with no rights but its user's. A file that has changed since the
 * process began is none of its sources: a name that is wrong looks like one that is right.
 */
#include "drain_names.h"

#include <errno.h>
#include <string.h>

#include "hash_table.h"
#include "inspect_texts.h"
#include "memory.h"
#include "user_loss.h"

#define VERSION_QUALNAME 0x030b

struct drain_names {
	const struct drain_base *base;
	struct hash_table unreadable; /* files, each as one process sees it */
	struct hash_table unanswered; /* reading them took too long: they are not tried again */
	struct hash_table told;	      /* strings of files: they are not what runs */
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
	hash_table_free(&names->unreadable);
	hash_table_free(&names->unanswered);
	hash_table_free(&names->told);
	free(names);
}

static bool has(const struct hash_table *set, uint64_t key)
{
	uint32_t unused;

	return hash_table_get(set, key, &unused);
}

static bool is_here(const struct drain_names *names, uint32_t process)
{
	struct target_root root = drain_base_root(&names->base->profile->processes[process]);

	return target_root_is(&root, &names->base->root);
}

static uint64_t hash_file(const struct site *site, uint32_t process, bool is_here)
{
	const uint32_t numbers[] = { process, is_here, site->version, site->file };

	return hash_bytes(numbers, sizeof(numbers), 0);
}

/* One path leads to a file for each root, and who may read it is a matter of the process. */
static uint64_t key_of(const struct drain_names *names, uint32_t process, const struct site *site)
{
	return hash_file(site, process, is_here(names, process));
}

/* What hangs for one process in our root does so for all. */
static uint64_t place_of(const struct drain_names *names, uint32_t process, const struct site *site)
{
	return is_here(names, process) ? hash_file(site, 0, true) : hash_file(site, process, false);
}

/* Said once a file. */
static void note_change(struct drain_names *names, uint32_t file)
{
	if (has(&names->told, file))
		return;
	DRAIN_TELL(&names->base->listeners, source_changed,
		   profile_string(names->base->profile, file));
	hash_table_put(&names->told, file, 0);
}

/* 0, -ENOENT: the source has nothing of that name there; -ESTALE: it has changed; else it cannot be
 * read. */
static int ask(struct drain_names *names, uint32_t process, const struct site *site,
	       char **ret_name)
{
	_cleanup_(freep) struct inspect_name_request *request = xcalloc(1, sizeof(*request));
	const struct process *entry = &names->base->profile->processes[process];
	const char *path = profile_string(names->base->profile, site->file);
	const char *name = profile_string(names->base->profile, site->name);

	if (strlen(path) >= sizeof(request->source.path) || strlen(name) >= sizeof(request->name))
		return -ENAMETOOLONG;
	request->process = process;
	request->version = site->version;
	request->line = (uint32_t)site->line;
	request->source.pid = (int32_t)entry->pid;
	request->source.is_here = is_here(names, process);
	request->source.root = drain_base_root(entry);
	request->source.before_ns = entry->program_ns;
	request->source.user = drain_base_user(names->base, entry);
	memcpy(request->source.path, path, strlen(path) + 1);
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

/* Has a site a name in a source that may be read? */
static bool is_to_look(const struct drain_names *names, uint32_t process, const struct site *site)
{
	return names->base->inspector && site->kind == SITE_PYTHON &&
	       site->version < VERSION_QUALNAME && site->line > 0 &&
	       profile_string(names->base->profile, site->file)[0] == '/' &&
	       !has(&names->unreadable, key_of(names, process, site));
}

void drain_names_qualify(struct drain_names *names, uint32_t process, struct site *site)
{
	_cleanup_(freep) char *qualified = NULL;
	int status = -EPIPE;

	if (!is_to_look(names, process, site))
		return;
	if (!has(&names->unanswered, place_of(names, process, site)))
		status = ask(names, process, site, &qualified);
	if (status == -ETIME || status == -EPIPE)
		hash_table_put(&names->unanswered, place_of(names, process, site), 0);
	if (!status)
		site->name = string_pool_add(&names->base->profile->strings, qualified);
	else if (status == -ENOENT || status == -ESTALE)
		note_change(names, site->file);
	else if (inspector_is_unanswered(status))
		count_unanswered(names, process, site);
	else
		hash_table_put(&names->unreadable, key_of(names, process, site), 0);
}
