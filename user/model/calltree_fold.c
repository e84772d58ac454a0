/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames that are one row with those above them: the import machinery, and where the tree is for
 * people a function that calls itself, and what runs programs and tests.
 */
#include "calltree_state.h"

#include <string.h>

#include "code_path.h"
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

/* Folders and files of installed packages: as many frames of them may lie above a program's as of
 * the program. */
static bool is_runner(const char *file)
{
	static const char *const folders[] = {
		"/_pytest/",	     "/pluggy/",    "/asyncio/", "/concurrent/futures/",
		"/multiprocessing/", "/ipykernel/", "/IPython/", "/gunicorn/",
		"/celery/",	     "/billiard/",  "/uvicorn/",
	};
	static const char *const files[] = { "/runpy.py", "/threading.py" };
	const char *name = strrchr(file, '/');

	if (!strcmp(file, "<frozen runpy>"))
		return true;
	if (!name || !code_path_installation(file))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (!strcmp(name, files[i]))
			return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (strstr(file, folders[i]))
			return true;
	}
	return false;
}

/* By site: is it code of such a file? Each file is looked at once: many sites may name one that is
 * long. The caller frees it. */
static bool *find_sites(const struct profile *profile, bool (*is_wanted)(const char *file))
{
	enum { UNKNOWN, WANTED, OTHER };
	bool *found = xcalloc(profile->nr_sites, sizeof(*found));
	_cleanup_(freep) uint8_t *files = xcalloc(profile->strings.count, sizeof(*files));

	for (size_t i = 0; i < profile->nr_sites; i++) {
		const struct site *site = &profile->sites[i];
		uint8_t *file = &files[site->file];

		if (*file == UNKNOWN)
			*file = is_wanted(profile_string(profile, site->file)) ? WANTED : OTHER;
		found[i] = site->kind == SITE_PYTHON && *file == WANTED;
	}
	return found;
}

bool *calltree_find_machinery(const struct profile *profile)
{
	return find_sites(profile, is_import_machinery);
}

bool *calltree_find_runners(const struct profile *profile)
{
	return find_sites(profile, is_runner);
}

/* Lines and objects that a function is split by are rows of their own. */
static bool is_same_function(const struct site *a, const struct site *b)
{
	return a == b && a->kind == SITE_PYTHON && !a->at && !a->part_object;
}

bool calltree_folds(const struct tree_source *source, const struct node *node)
{
	const struct profile *profile = source->profile;
	uint32_t above;

	if (source->is_folded && source->is_folded[node->site])
		return true;
	if (!source->is_runner || node->parent == NO_NODE)
		return false;
	above = profile->nodes[node->parent].site;
	return is_same_function(&profile->sites[above], &profile->sites[node->site]) ||
	       (source->is_runner[above] && source->is_runner[node->site]);
}
