/* SPDX-License-Identifier: BSD-2-Clause */
/* See library_path.h; the rules are those of ld.so(8). */
#include "library_path.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "elf_file.h"
#include "interpreter.h"
#include "memory.h"
#include "target_open.h"

static const char default_directories[] = "/lib/" ELF_MACHINE_NAME
					  "-linux-gnu:/usr/lib/" ELF_MACHINE_NAME "-linux-gnu:"
					  "/usr/local/lib:/lib64:/usr/lib64:/lib:/usr/lib";

/* $ORIGIN and ${ORIGIN} at the beginning of a path, the only use seen. */
static char *expand_origin(const char *path, const char *origin)
{
	static const char *const names[] = { "$ORIGIN", "${ORIGIN}" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t length = strlen(names[i]);

		if (!strncmp(path, names[i], length))
			return xasprintf("%s%s", origin, path + length);
	}
	return xstrdup(path);
}

static int open_at(const struct library_user *user, char *path, char **ret_path)
{
	_cleanup_(freep) char *owned = path;
	int fd = user->inside ? target_open_inside(user->inside, path, NULL, INTERPRETER_MAX_BYTES)
			      : target_open_here(path, NULL, INTERPRETER_MAX_BYTES);

	if (fd >= 0 && ret_path)
		*ret_path = TAKE(owned);
	return fd;
}

static int open_in(const char *directories, const struct library_user *user, const char *name,
		   char **ret_path)
{
	_cleanup_(freep) char *list = xstrdup(directories);
	char *next = list, *directory;

	while ((directory = strsep(&next, ":"))) {
		_cleanup_(freep) char *expanded = expand_origin(directory, user->origin);
		int fd = *directory ? open_at(user, xasprintf("%s/%s", expanded, name), ret_path)
				    : -ENOENT;

		if (fd >= 0)
			return fd;
	}
	return -ENOENT;
}

/* python-build-standalone (uv) writes $ORIGIN/../lib/libpython3.12.so.1.0. */
int library_path_open(const struct library_user *user, const char *name, char **ret_path)
{
	int fd = -ENOENT;

	if (strchr(name, '/'))
		return open_at(user, expand_origin(name, user->origin), ret_path);
	if (user->run_path)
		fd = open_in(user->run_path, user, name, ret_path);
	return fd >= 0 ? fd : open_in(default_directories, user, name, ret_path);
}

/* ---- What is asked for ---- */

static bool is_wanted(const struct library_needs *needs, const char *name)
{
	return needs->count < needs->most && (!needs->part || strstr(name, needs->part));
}

static void visit_dynamic(int64_t tag, const char *text, void *context)
{
	struct library_needs *needs = context;

	if (tag == DT_RPATH && !needs->rpath)
		needs->rpath = xstrdup(text);
	else if (tag == DT_RUNPATH && !needs->runpath)
		needs->runpath = xstrdup(text);
	else if (tag == DT_NEEDED && is_wanted(needs, text))
		needs->names[needs->count++] = xstrdup(text);
}

void library_needs_read(struct library_needs *needs, struct elf_file *file)
{
	elf_file_visit_dynamic(file, visit_dynamic, needs);
}

void library_needs_clear(struct library_needs *needs)
{
	free(needs->rpath);
	free(needs->runpath);
	for (size_t i = 0; i < needs->count; i++)
		free(needs->names[i]);
}

/* RPATH counts only without RUNPATH. */
const char *library_needs_run_path(const struct library_needs *needs)
{
	return needs->runpath ? needs->runpath : needs->rpath;
}
