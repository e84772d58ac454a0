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

/* The program's folder is that of the first own module that ran, for as a rule that is the script;
 * empty when there is none. The caller frees it. */
static char *find_folder(const struct profile *profile)
{
	_cleanup_(freep) bool *is_script = xcalloc(profile->nr_sites + 1, sizeof(*is_script));
	const struct node *first = NULL;
	const char *file;

	for (size_t i = 0; i < profile->nr_sites; i++)
		is_script[i] = is_own(profile, &profile->sites[i]) &&
			       !strcmp(profile_string(profile, profile->sites[i].name), "<module>");
	for (size_t i = 0; i < profile->nr_nodes; i++) {
		const struct node *node = &profile->nodes[i];

		if (is_script[node->site] && (!first || node->first_ns < first->first_ns))
			first = node;
	}
	file = first ? profile_string(profile, profile->sites[first->site].file) : "";
	return xstrndup(file, code_path_folder(file));
}

static char *name_of(enum tree_by by, const char *path, const char *folder)
{
	return by == TREE_BY_PACKAGE ? code_path_package(path, folder)
				     : code_path_module(path, folder);
}

/* What the sites of a group have in common. */
static uint64_t key_of(const struct code_groups *groups, const struct site *site, uint32_t index)
{
	if (groups->by == TREE_BY_PACKAGE || groups->by == TREE_BY_MODULE)
		return groups->names[index];
	return (uint64_t)site->file << 32 | (groups->by == TREE_BY_LINE ? (uint32_t)site->at : 0);
}

/* Many sites have one file, which is named once. */
static void name_sites(struct code_groups *groups, const struct profile *profile)
{
	_cleanup_(freep) uint32_t *by_file = xcalloc(profile->strings.count + 1, sizeof(*by_file));
	_cleanup_(freep) char *folder = find_folder(profile);

	for (size_t i = 0; i < profile->nr_sites; i++) {
		const struct site *site = &profile->sites[i];
		const char *path = profile_string(profile, site->file);
		_cleanup_(freep) char *name = NULL;

		if (site->kind != SITE_PYTHON)
			continue;
		groups->is_made[i] = groups->by == TREE_BY_PACKAGE &&
				     code_path_origin(path) == CODE_MADE;
		if (!by_file[site->file]) {
			name = name_of(groups->by, path, folder);
			by_file[site->file] = string_pool_add(&groups->pool, name);
		}
		groups->names[i] = by_file[site->file];
	}
}

struct code_groups *code_groups_new(const struct profile *profile, enum tree_by by)
{
	struct code_groups *groups = xcalloc(1, sizeof(*groups));
	struct hash_table first = { 0 };

	groups->by = by;
	groups->sites = xcalloc(profile->nr_sites + 1, sizeof(*groups->sites));
	groups->names = xcalloc(profile->nr_sites + 1, sizeof(*groups->names));
	groups->is_made = xcalloc(profile->nr_sites + 1, sizeof(*groups->is_made));
	string_pool_init(&groups->pool);
	if (by == TREE_BY_PACKAGE || by == TREE_BY_MODULE)
		name_sites(groups, profile);
	for (uint32_t i = 0; i < profile->nr_sites; i++) {
		uint64_t key = key_of(groups, &profile->sites[i], i);

		groups->sites[i] = i;
		if (profile->sites[i].kind != SITE_PYTHON)
			continue;
		if (!hash_table_get(&first, key, &groups->sites[i]))
			hash_table_put(&first, key, i);
	}
	hash_table_free(&first);
	return groups;
}

void code_groups_free(struct code_groups *groups)
{
	if (!groups)
		return;
	free(groups->sites);
	free(groups->names);
	free(groups->is_made);
	string_pool_free(&groups->pool);
	free(groups);
}

const char *code_groups_name(const struct code_groups *groups, uint32_t site)
{
	return string_pool_get(&groups->pool, groups->names[site]);
}
