/* SPDX-License-Identifier: BSD-2-Clause */
/* What the trees of all processes share, found once for a profile; see calltree.h. */
#include "calltree_state.h"

#include <string.h>

#include "memory.h"

static bool is_import_machinery(const char *file)
{
	static const char frozen[] = "<frozen importlib", folder[] = "importlib";
	const size_t length = strlen(file), folder_length = strlen(folder);
	const char *slash = strrchr(file, '/'), *begin;

	if (!strncmp(file, frozen, strlen(frozen)) || !strcmp(file, "<frozen zipimport>"))
		return true;
	if (!slash || (size_t)(slash - file) < folder_length ||
	    strcmp(file + length - 3, ".py") != 0)
		return false;
	begin = slash - folder_length;
	return (begin == file || begin[-1] == '/') && !strncmp(begin, folder, folder_length) &&
	       !strncmp(slash, "/_bootstrap", strlen("/_bootstrap"));
}

/* Each file is looked at once: many sites may name one that is long. */
bool *calltree_find_machinery(const struct profile *profile)
{
	enum { UNKNOWN, MACHINERY, NO_MACHINERY };
	bool *is_folded = xcalloc(profile->nr_sites, sizeof(*is_folded));
	_cleanup_(freep) uint8_t *files = xcalloc(profile->strings.count, sizeof(*files));

	for (size_t i = 0; i < profile->nr_sites; i++) {
		const struct site *site = &profile->sites[i];
		uint8_t *file = &files[site->file];

		if (*file == UNKNOWN)
			*file = is_import_machinery(profile_string(profile, site->file))
					? MACHINERY
					: NO_MACHINERY;
		is_folded[i] = site->kind == SITE_PYTHON && *file == MACHINERY;
	}
	return is_folded;
}

/* Counting sort of the nodes by process. */
static void group_nodes(struct tree_source *source)
{
	const struct profile *profile = source->profile;
	uint32_t *starts = xcalloc(profile->nr_processes + 2, sizeof(*starts));

	source->nodes = xcalloc(profile->nr_nodes, sizeof(*source->nodes));
	source->tree_node = xcalloc(profile->nr_nodes, sizeof(*source->tree_node));
	source->starts = starts;
	for (size_t i = 0; i < profile->nr_nodes; i++)
		starts[profile->nodes[i].process + 2]++;
	for (size_t process = 2; process < profile->nr_processes + 2; process++)
		starts[process] += starts[process - 1];
	/* starts[p + 1] is where p's group begins, and moves to where it ends. */
	for (size_t i = 0; i < profile->nr_nodes; i++)
		source->nodes[starts[profile->nodes[i].process + 1]++] = i;
}

/* Which rows get the children of folded nodes. `tree_node` serves as room for the nearest node that
 * is not folded: a node itself, or an ancestor. */
static void find_gathering(struct tree_source *source)
{
	const struct profile *profile = source->profile;
	uint32_t *nearest = source->tree_node;

	source->has_folded = xcalloc(profile->nr_nodes, sizeof(*source->has_folded));
	for (size_t i = 0; i < profile->nr_nodes; i++) {
		const struct node *node = &profile->nodes[i];

		nearest[i] = (uint32_t)i;
		if (!calltree_folds(source, node))
			continue;
		nearest[i] = node->parent == NO_NODE ? NO_NODE : nearest[node->parent];
		if (nearest[i] != NO_NODE)
			source->has_folded[nearest[i]] = true;
	}
}

struct tree_source *calltree_source_new(const struct profile *profile,
					const struct tree_options *options)
{
	struct tree_source *source = xcalloc(1, sizeof(*source));

	source->profile = profile;
	source->options = *options;
	if (!options->import_frames)
		source->is_folded = calltree_find_machinery(profile);
	if (options->folds)
		source->is_runner = calltree_find_runners(profile);
	group_nodes(source);
	find_gathering(source);
	return source;
}

void calltree_source_free(struct tree_source *source)
{
	if (!source)
		return;
	free(source->is_folded);
	free(source->is_runner);
	free(source->nodes);
	free(source->starts);
	free(source->tree_node);
	free(source->has_folded);
	free(source);
}
