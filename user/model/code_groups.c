/* SPDX-License-Identifier: BSD-2-Clause */
/* See code_groups.h. */
#include "code_groups.h"

#include <string.h>

#include "code_path.h"
#include "memory.h"

const char *code_groups_by(size_t by)
{
	static const char *const names[] = {
		[TREE_BY_PATH] = "path", [TREE_BY_PACKAGE] = "package", [TREE_BY_MODULE] = "module",
		[TREE_BY_FILE] = "file", [TREE_BY_LINE] = "line",	[TREE_BY_TASK] = "task",
	};

	return by < ARRAY_SIZE(names) ? names[by] : NULL;
}

static bool is_own(const struct profile *profile, const struct site *site)
{
	return site->kind == SITE_PYTHON &&
	       code_path_origin(profile_string(profile, site->file)) == CODE_OWN;
}

/* Of the file of a node, which is given + 1. */
static char *folder_of(const struct profile *profile, uint32_t node)
{
	const char *file = "";

	if (node)
		file = profile_string(profile, profile->sites[profile->nodes[node - 1].site].file);
	return xstrndup(file, code_path_folder(file));
}

/* By capture: the program's folder, which is that of the first own module that ran, for as a rule
 * that is the script; empty when there is none. The caller frees all. */
static char **find_folders(const struct profile *profile, size_t count)
{
	_cleanup_(freep) bool *is_script = xcalloc(profile->nr_sites + 1, sizeof(*is_script));
	_cleanup_(freep) uint32_t *first = xcalloc(count, sizeof(*first)); /* node + 1 */
	char **folders = xcalloc(count, sizeof(*folders));

	for (size_t i = 0; i < profile->nr_sites; i++)
		is_script[i] = is_own(profile, &profile->sites[i]) &&
			       !strcmp(profile_string(profile, profile->sites[i].name), "<module>");
	for (uint32_t i = 0; i < profile->nr_nodes; i++) {
		const struct node *node = &profile->nodes[i];
		uint32_t *found = &first[profile->processes[node->process].capture];

		if (is_script[node->site] &&
		    (!*found || node->first_ns < profile->nodes[*found - 1].first_ns))
			*found = i + 1;
	}
	for (size_t i = 0; i < count; i++)
		folders[i] = folder_of(profile, first[i]);
	return folders;
}

static char *name_of(enum tree_by by, const char *path, const char *folder)
{
	return by == TREE_BY_PACKAGE ? code_path_package(path, folder)
				     : code_path_module(path, folder);
}

static bool is_named(enum tree_by by)
{
	return by == TREE_BY_PACKAGE || by == TREE_BY_MODULE;
}

/* What the sites of a group have in common. */
static uint64_t key_of(const struct code_groups *groups, const struct site *site, uint32_t index)
{
	if (is_named(groups->by))
		return groups->names[index];
	if (groups->by == TREE_BY_LINE)
		return (uint64_t)site->file << 32 | (uint32_t)site->at;
	return (uint64_t)site->file << 32 | (site->kind == SITE_C);
}

/* A library is a file, but no module of Python: what a function of it took is its caller's. */
static bool has_group(const struct code_groups *groups, const struct site *site)
{
	return site->kind == SITE_PYTHON || (site->kind == SITE_C && groups->by == TREE_BY_FILE);
}

/* Many sites have one file, which is named once. */
static void name_sites(struct code_groups *groups, const struct profile *profile,
		       const char *folder)
{
	_cleanup_(freep) uint32_t *by_file = xcalloc(profile->strings.count + 1, sizeof(*by_file));

	for (size_t i = 0; i < profile->nr_sites; i++) {
		const struct site *site = &profile->sites[i];
		const char *path = profile_string(profile, site->file);
		_cleanup_(freep) char *name = NULL;

		if (site->kind != SITE_PYTHON)
			continue;
		groups->is_callers[i] = groups->by == TREE_BY_PACKAGE &&
					code_path_origin(path) == CODE_MADE;
		if (!by_file[site->file]) {
			name = name_of(groups->by, path, folder);
			by_file[site->file] = string_pool_add(&groups->pool, name);
		}
		groups->names[i] = by_file[site->file];
	}
}

static void groups_make(struct code_groups *groups, const struct profile *profile, enum tree_by by,
			const char *folder)
{
	struct hash_table first = { 0 };

	groups->by = by;
	groups->sites = xcalloc(profile->nr_sites + 1, sizeof(*groups->sites));
	groups->names = xcalloc(profile->nr_sites + 1, sizeof(*groups->names));
	groups->is_callers = xcalloc(profile->nr_sites + 1, sizeof(*groups->is_callers));
	string_pool_init(&groups->pool);
	if (is_named(by))
		name_sites(groups, profile, folder);
	for (uint32_t i = 0; i < profile->nr_sites; i++) {
		const struct site *site = &profile->sites[i];
		uint64_t key = key_of(groups, site, i);

		groups->sites[i] = i;
		if (!has_group(groups, site)) {
			groups->is_callers[i] = site->kind == SITE_C;
			continue;
		}
		if (!hash_table_get(&first, key, &groups->sites[i]))
			hash_table_put(&first, key, i);
	}
	hash_table_free(&first);
}

static void groups_free(struct code_groups *groups)
{
	free(groups->sites);
	free(groups->names);
	free(groups->is_callers);
	string_pool_free(&groups->pool);
}

struct code_grouping *code_grouping_new(const struct profile *profile, enum tree_by by)
{
	struct code_grouping *grouping = xcalloc(1, sizeof(*grouping));
	size_t count = profile->nr_captures ? profile->nr_captures : 1;
	char **folders = find_folders(profile, count);
	struct string_pool known;

	string_pool_init(&known);
	grouping->count = count + 1; /* the pool has the empty string always */
	grouping->groups = xcalloc(grouping->count, sizeof(*grouping->groups));
	grouping->by_capture = xcalloc(count, sizeof(*grouping->by_capture));
	for (size_t i = 0; i < count; i++) {
		uint32_t number = is_named(by) ? string_pool_add(&known, folders[i]) : 0;

		if (!grouping->groups[number].sites)
			groups_make(&grouping->groups[number], profile, by, folders[i]);
		grouping->by_capture[i] = number;
		free(folders[i]);
	}
	string_pool_free(&known);
	free(folders);
	return grouping;
}

void code_grouping_free(struct code_grouping *grouping)
{
	if (!grouping)
		return;
	for (size_t i = 0; i < grouping->count; i++)
		groups_free(&grouping->groups[i]);
	free(grouping->groups);
	free(grouping->by_capture);
	free(grouping);
}

uint32_t code_grouping_program(const struct code_grouping *grouping, const struct process *process)
{
	return grouping->by_capture[process->capture];
}

const char *code_groups_name(const struct code_groups *groups, uint32_t site)
{
	return string_pool_get(&groups->pool, groups->names[site]);
}
