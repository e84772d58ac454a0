/* SPDX-License-Identifier: BSD-2-Clause */
/* The lists of directories, and their order; see command_search.h. */
#include "command_search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

/* Of what secure_path consists in sudo's packages. */
static bool is_system_directory(const char *directory, size_t length)
{
	static const char *const prefixes[] = {
		"/usr", "/bin", "/sbin", "/snap", "/var/lib/snapd", "/run/current-system",
	};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t size = strlen(prefixes[i]);

		if (length >= size && !strncmp(directory, prefixes[i], size) &&
		    (length == size || directory[size] == '/'))
			return true;
	}
	return false;
}

static bool has_directory(const char *list, const char *directory, size_t length)
{
	for (;;) {
		size_t size = strcspn(list, ":");

		if (size == length && !strncmp(list, directory, length))
			return true;
		if (!list[size])
			return false;
		list += size + 1;
	}
}

bool command_path_is_given(const char *path, const char *callers_path)
{
	for (;;) {
		size_t length = strcspn(path, ":");

		if (!is_system_directory(path, length) &&
		    !has_directory(callers_path, path, length))
			return true;
		if (!path[length])
			return false;
		path += length + 1;
	}
}

/* With no more rights than the command will have: what only root can reach is not found. */
static int find(const struct command_search *search, const char *list, char **ret_path)
{
	struct target_rights rights;
	int error;

	if (!search->identity->is_other)
		return command_find(search->name, list, ret_path);
	error = target_user_become(search->user, &rights);
	if (!error)
		error = command_find(search->name, list, ret_path);
	target_user_return(&rights);
	return error;
}

static bool is_same_directory(const char *a, const char *b)
{
	_cleanup_(freep) char *a_name = xstrndup(a, strrchr(a, '/') - a + 1);
	_cleanup_(freep) char *b_name = xstrndup(b, strrchr(b, '/') - b + 1);
	struct stat a_status, b_status;

	return !stat(a_name, &a_status) && !stat(b_name, &b_status) &&
	       a_status.st_dev == b_status.st_dev && a_status.st_ino == b_status.st_ino;
}

/* Not by the files: a venv's python3 is a link to the one that another list leads to. What root
 * runs is looked for in root's list alone, so there may be no other. */
static void note_otherwise(const struct command_search *search, const char *list,
			   struct command *command)
{
	_cleanup_(freep) char *path = NULL;

	if (strchr(search->name, '/') || find(search, list, &path) ||
	    (command->path && is_same_directory(path, command->path)))
		return;
	command->otherwise = TAKE(path);
}

const char *command_own_path(void)
{
	static char standard[256];
	const char *own = getenv("PATH");

	if (own)
		return own;
	confstr(_CS_PATH, standard, sizeof(standard));
	return standard;
}

/* secure_path hides what login scripts set, too. */
static int find_by_login(const struct command_search *search, struct command *command)
{
	_cleanup_(freep) char *list = identity_login_path(search->identity);
	int error = list ? find(search, list, &command->path) : -ENOENT;

	if (!error)
		command->search_path = TAKE(list);
	return error;
}

/* The list that is looked through first, and the one that is when it has nothing. */
struct order {
	const char *first, *second; /* NULL: none */
};

static struct order choose_order(const struct command_search *search, struct command *command)
{
	const char *own = command_own_path(), *callers = command->shell.path;

	if (!callers)
		return (struct order){ own, NULL };
	command->is_as_caller = search->identity->is_as_caller &&
				!command_path_is_given(own, callers);
	return command->is_as_caller ? (struct order){ callers, own }
				     : (struct order){ own, callers };
}

int command_search(const struct command_search *search, struct command *command)
{
	bool is_as_caller = search->identity->is_as_caller;
	struct order order;
	int error;

	if (search->identity->is_by_sudo)
		caller_shell_read(&command->shell, search->identity->caller_uid, search->inspector);
	order = choose_order(search, command);
	error = find(search, order.first, &command->path);
	if (order.second && (!error || (error == -ENOENT && !is_as_caller)))
		note_otherwise(search, order.second, command);
	if (!error && command->is_as_caller)
		command->search_path = xstrdup(order.first);
	if (error != -ENOENT || !is_as_caller || strchr(search->name, '/'))
		return error;
	if (order.second)
		error = find(search, order.second, &command->path);
	if (!error && !command->is_as_caller)
		command->search_path = xstrdup(order.second);
	return error == -ENOENT ? find_by_login(search, command) : error;
}
