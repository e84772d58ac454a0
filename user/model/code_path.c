/* SPDX-License-Identifier: BSD-2-Clause */
/* See code_path.h. */
#include "code_path.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "memory.h"

#define FROZEN "<frozen "
#define SOURCE ".py"
#define PACKAGE_FILE "/__init__"

static const char *find_last(const char *text, const char *part)
{
	const char *last = NULL;

	for (const char *found = strstr(text, part); found; found = strstr(found + 1, part))
		last = found;
	return last;
}

/* The last slash before `pythonX.Y/` or, of a build without the GIL, `pythonX.Yt/` (CPython's
 * Makefile.pre.in, LIBDEST), with digits for X and Y. */
static const char *find_library(const char *path)
{
	const char *last = NULL;

	for (const char *slash = strstr(path, "/python"); slash;
	     slash = strstr(slash + 1, "/python")) {
		const char *end = slash + strlen("/python");

		end += strspn(end, "0123456789");
		if (*end != '.' || !isdigit((unsigned char)end[1]))
			continue;
		end += 1 + strspn(end + 1, "0123456789");
		end += *end == 't';
		if (*end == '/')
			last = slash;
	}
	return last;
}

const char *code_path_installation(const char *path)
{
	static const char *const folders[] = { "/site-packages/", "/dist-packages/" };
	const char *slash;

	if (path[0] != '/')
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		slash = find_last(path, folders[i]);
		if (slash)
			return slash;
	}
	return find_library(path);
}

static bool begins_with(const char *text, const char *begin)
{
	return !strncmp(text, begin, strlen(begin));
}

enum code_origin code_path_origin(const char *path)
{
	const char *slash;

	if (begins_with(path, FROZEN))
		return CODE_STANDARD;
	if (path[0] == '<')
		return CODE_MADE;
	slash = code_path_installation(path);
	if (!slash)
		return CODE_OWN;
	return begins_with(slash, "/python") ? CODE_STANDARD : CODE_INSTALLED;
}

size_t code_path_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

static bool is_below(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	return length && !strncmp(path, folder, length) && path[length] == '/';
}

/* What of a path names its module. */
static const char *rest_of(const char *path, const char *folder)
{
	const char *slash = code_path_installation(path);

	if (begins_with(path, FROZEN))
		return path + strlen(FROZEN);
	if (slash)
		return strchr(slash + 1, '/') + 1;
	return is_below(path, folder) ? path + strlen(folder) + 1 : path;
}

static void cut_end(char *text, const char *end)
{
	size_t length = strlen(text), size = strlen(end);

	if (length > size && !strcmp(text + length - size, end))
		text[length - size] = '\0';
}

char *code_path_module(const char *path, const char *folder)
{
	const char *rest = rest_of(path, folder);
	char *module = xstrdup(rest);

	if (rest == path)
		return module;
	cut_end(module, ">");
	cut_end(module, SOURCE);
	cut_end(module, PACKAGE_FILE);
	for (char *at = module; *at; at++)
		*at = *at == '/' ? '.' : *at;
	return module;
}

char *code_path_package(const char *path, const char *folder)
{
	const char *rest = rest_of(path, folder);
	char *package;

	switch (code_path_origin(path)) {
	case CODE_STANDARD:
		return xstrdup("standard library");
	case CODE_INSTALLED:
		package = xstrndup(rest, strcspn(rest, "/"));
		cut_end(package, SOURCE);
		return package;
	case CODE_OWN:
		return rest != path ? xstrdup(folder) : xstrndup(path, code_path_folder(path));
	default:
		return xstrdup(*folder ? folder : path);
	}
}
