/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames that are one row with those above them: the import machinery, and where the tree is for
 * people a function that calls itself, what runs programs and tests, and what of C the interpreter
 * consists of.
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

static const char *base_name(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? slash + 1 : file;
}

static bool begins_with(const char *text, const char *begin)
{
	return !strncmp(text, begin, strlen(begin));
}

/* `python3.11`, `python3.13t`, `libpython3.12.so.1.0`, and `python` where it was built (CPython's
 * configure.ac: BUILDPYTHON, INSTSONAME; ABIFLAGS are of t, d, m and u). A program that Python is
 * linked into has a name of its own. */
static bool is_interpreter(const char *file)
{
	const char *name = base_name(file);
	bool is_library = begins_with(name, "lib");

	name += is_library ? strlen("lib") : 0;
	if (!begins_with(name, "python"))
		return false;
	name += strlen("python");
	name += strspn(name, "0123456789.");
	if (name[-1] == '.') /* of .so */
		name--;
	name += strspn(name, "tdmu");
	if (!is_library)
		return !*name;
	return begins_with(name, ".so") && (!name[3] || name[3] == '.');
}

/* glibc's libc.so.6, or libc-2.31.so before 2.34, and musl's as Alpine and Debian have it, where
 * the loader is the library. */
static bool is_c_library(const char *file)
{
	const char *name = base_name(file);

	return begins_with(name, "libc.so") || begins_with(name, "libc-2.") ||
	       begins_with(name, "libc.musl-") || begins_with(name, "ld-musl-");
}

/* By site: is it code of that kind, of such a file? Each file is looked at once: many sites may
 * name one that is long. The caller frees it. */
static bool *find_sites(const struct profile *profile, enum wire_site_kind kind,
			bool (*is_wanted)(const char *file))
{
	enum { UNKNOWN, WANTED, OTHER };
	bool *found = xcalloc(profile->nr_sites, sizeof(*found));
	_cleanup_(freep) uint8_t *files = xcalloc(profile->strings.count, sizeof(*files));

	for (size_t i = 0; i < profile->nr_sites; i++) {
		const struct site *site = &profile->sites[i];
		uint8_t *file = &files[site->file];

		if (*file == UNKNOWN)
			*file = is_wanted(profile_string(profile, site->file)) ? WANTED : OTHER;
		found[i] = site->kind == kind && *file == WANTED;
	}
	return found;
}

bool *calltree_find_machinery(const struct profile *profile)
{
	return find_sites(profile, SITE_PYTHON, is_import_machinery);
}

bool *calltree_find_runners(const struct profile *profile)
{
	return find_sites(profile, SITE_PYTHON, is_runner);
}

bool *calltree_find_interpreters(const struct profile *profile)
{
	return find_sites(profile, SITE_C, is_interpreter);
}

bool *calltree_find_c_libraries(const struct profile *profile)
{
	return find_sites(profile, SITE_C, is_c_library);
}

/* Lines and objects that a function is split by are rows of their own. */
static bool is_same_function(const struct site *a, const struct site *b)
{
	return a == b && a->kind == SITE_PYTHON && !a->at && !a->part_object;
}

/* What the C library does is of who called it: of the interpreter, or of its own function that
 * another library calls. */
static bool folds_c(const struct tree_source *source, uint32_t above, uint32_t site)
{
	if (source->is_interpreter[above])
		return source->is_interpreter[site] || source->is_c_library[site];
	return source->is_c_library[above] && source->is_c_library[site];
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
	       (source->is_runner[above] && source->is_runner[node->site]) ||
	       folds_c(source, above, node->site);
}
