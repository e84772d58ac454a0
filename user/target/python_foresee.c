/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a command will bring with it; see python_place_foresee. A wrong guess costs nothing but a
 * file inspected in vain, so the rules of the shell and of ld.so are followed only as far as
 * Pythons are installed in practice: PATH, `#!`, env, RPATH, RUNPATH and the usual directories.
 */
#include "python_place.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <paths.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_file.h"
#include "library_path.h"
#include "memory.h"
#include "target_open.h"

#define MAX_SCRIPTS 4	 /* the kernel follows five `#!` lines at most */
#define SCRIPT_BYTES 256 /* BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h */
#define MAX_LIBRARIES 8	 /* DT_NEEDED entries named like python */

/* With our own rights: a program that can be run need not be readable, and of what a script or a
 * library names no more is told than whether it is a Python. */
static int open_file(const char *path)
{
	return target_open_here(path, NULL, INTERPRETER_MAX_BYTES);
}

/* The first executable file of that name in a list of directories parted by colons; or NULL. */
static char *find_in_path(const char *name, const char *directories)
{
	_cleanup_(freep) char *list = xstrdup(directories);
	char *next = list, *directory;

	while ((directory = strsep(&next, ":"))) {
		_cleanup_(freep) char *path = xasprintf("%s/%s", *directory ? directory : ".",
							name);
		struct stat status;

		if (!stat(path, &status) && S_ISREG(status.st_mode) && !access(path, X_OK))
			return TAKE(path);
	}
	return NULL;
}

static char *find_command(const char *name, const char *path_variable)
{
	if (strchr(name, '/'))
		return xstrdup(name);
	return find_in_path(name, path_variable ? path_variable : _PATH_DEFPATH);
}

/* Of `env [-OPTION]... [NAME=VALUE]... COMMAND`, the words behind env: the command, or NULL. */
static char *skip_env(char *words)
{
	char *word;

	while ((word = strsep(&words, " \t")))
		if (*word && *word != '-' && !strchr(word, '='))
			return word;
	return NULL;
}

/* The program that a `#!` line asks for; NULL when `line` is none. */
static char *script_program(char *line, const char *path_variable)
{
	char *program, *words, *name;

	if (strncmp(line, "#!", 2) != 0)
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	words = line + 2 + strspn(line + 2, " \t");
	program = strsep(&words, " \t");
	if (!*program)
		return NULL;
	name = strrchr(program, '/');
	if (!words || strcmp(name ? name + 1 : program, "env") != 0)
		return xstrdup(program);
	program = skip_env(words);
	return program ? find_command(program, path_variable) : NULL;
}

static int inspect(struct interpreter_cache *cache, int fd)
{
	struct file_identity file;
	size_t index;
	int err = process_maps_identify(fd, &file);

	return err ? err : interpreter_cache_inspect(cache, fd, file, INTERPRETER_ANY, &index);
}

/* 0 beats -ENOTSUP beats -ENOENT. */
static int better(int a, int b)
{
	if (!a || !b)
		return 0;
	return a == -ENOTSUP || b == -ENOTSUP ? -ENOTSUP : -ENOENT;
}

static int foresee_libraries(int fd, const char *path, struct interpreter_cache *cache)
{
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	_cleanup_(library_needs_clear) struct library_needs needs = { .part = "python",
								      .most = MAX_LIBRARIES };
	struct library_user user = { 0 };
	_cleanup_(freep) char *origin = realpath(path, NULL); /* as ld.so: symlinks resolved */
	int result = -ENOENT;

	if (!origin || elf_file_open(fd, &file))
		return -ENOENT;
	*strrchr(origin, '/') = '\0';
	library_needs_read(&needs, file);
	user = (struct library_user){ .run_path = library_needs_run_path(&needs),
				      .origin = origin };
	for (size_t i = 0; i < needs.count; i++) {
		_cleanup_(closep) int library = library_path_open(&user, needs.names[i], NULL);

		if (library >= 0)
			result = better(result, inspect(cache, library));
	}
	return result;
}

/* One program or script; *ret_next is what its `#!` line leads to, or NULL. */
static int foresee_one(const char *path, const char *path_variable, struct interpreter_cache *cache,
		       char **ret_next)
{
	_cleanup_(closep) int fd = open_file(path);
	char head[SCRIPT_BYTES + 1];
	ssize_t size = fd < 0 ? -1 : pread(fd, head, SCRIPT_BYTES, 0);
	int status;

	*ret_next = NULL;
	if (size <= 0)
		return -ENOENT;
	head[size] = '\0';
	*ret_next = script_program(head, path_variable);
	if (*ret_next)
		return -ENOENT;
	status = inspect(cache, fd);
	if (status && status != -ENOTSUP)
		status = foresee_libraries(fd, path, cache);
	return status;
}

int python_place_foresee(const char *path, const char *path_variable,
			 struct interpreter_cache *cache)
{
	char *next = find_command(path, path_variable);
	int status = -ENOENT;

	for (int i = 0; next && i <= MAX_SCRIPTS; i++) {
		_cleanup_(freep) char *current = next;

		status = foresee_one(current, path_variable, cache, &next);
	}
	free(next);
	return status;
}
