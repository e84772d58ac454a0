/* SPDX-License-Identifier: BSD-2-Clause */
/* See python_mimalloc.h. */
#include "python_mimalloc.h"

#include <string.h>

#include "environment.h"

#define DIGITS "0123456789"

/* What follows the minor version in python3.13t or libpython3.14.so.1.0; NULL: it is no Python. */
static const char *find_suffix(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	static const char library[] = "lib", python[] = "python3.";
	size_t length;

	if (!strncmp(name, library, strlen(library)))
		name += strlen(library);
	if (strncmp(name, python, strlen(python)) != 0)
		return NULL;
	name += strlen(python);
	length = strspn(name, DIGITS);
	return length ? name + length : NULL;
}

static bool is_free_threaded(const char *path)
{
	const char *suffix = find_suffix(path);

	return suffix && suffix[0] == 't' && (!suffix[1] || suffix[1] == '.' || suffix[1] == 'd');
}

bool python_mimalloc_is_built_in(const struct process_maps *maps)
{
	for (size_t i = 0; i < maps->nr_mappings; i++)
		if (maps->mappings[i].is_executable && is_free_threaded(maps->mappings[i].path))
			return true;
	return false;
}

int python_mimalloc_is_asked_for(pid_t pid, bool *ret)
{
	struct environment environment;
	int error = environment_read(pid, &environment);
	const char *value = environment_find(&environment, "PYTHONMALLOC");

	*ret = value && (!strcmp(value, "mimalloc") || !strcmp(value, "mimalloc_debug"));
	environment_clear(&environment);
	return error;
}

bool python_mimalloc_is_likely(pid_t pid, const struct process_maps *maps)
{
	bool is_python = false, is_asked_for = false;

	for (size_t i = 0; i < maps->nr_mappings && !is_python; i++)
		is_python = maps->mappings[i].is_executable && find_suffix(maps->mappings[i].path);
	if (python_mimalloc_is_built_in(maps))
		return true;
	return is_python && !python_mimalloc_is_asked_for(pid, &is_asked_for) && is_asked_for;
}
