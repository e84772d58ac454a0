/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Joins relative names to the process's directory at exec. Up to 3.8 they are the scripts, as they
 * were given; later the interpreter makes those absolute itself, and what is relative was compiled
 * by that name (runpy.run_path, -m cProfile, compileall): it may be no file, so the inspecting
 * process looks whether one is there, with the rights of who named it.
 */
#include "drain_files.h"

#include <errno.h>
#include <string.h>

#include "hash_table.h"
#include "inspect_texts.h"
#include "memory.h"

#define VERSION_ABSOLUTE_SCRIPT 0x0309

struct drain_files {
	const struct drain_base *base;
	struct hash_table names; /* process and file to the name that it goes by */
};

struct drain_files *drain_files_new(const struct drain_base *base)
{
	struct drain_files *files = xcalloc(1, sizeof(*files));

	files->base = base;
	return files;
}

void drain_files_free(struct drain_files *files)
{
	if (!files)
		return;
	hash_table_free(&files->names);
	free(files);
}

static bool is_relative(const char *file)
{
	return *file && *file != '/' && *file != '<';
}

/* As the process sees it, while it lives; then as we do, if its root is ours. */
static bool is_there(const struct drain_base *base, const struct process *process, const char *path)
{
	_cleanup_(freep) struct inspect_lines_request *request = xcalloc(1, sizeof(*request));
	struct inspect_source *source = &request->source;
	uint64_t bytes;
	int status;

	if (!base->inspector || strlen(path) >= sizeof(source->path))
		return false;
	memcpy(source->path, path, strlen(path) + 1);
	source->root = drain_base_root(process);
	source->before_ns = INSPECT_ANY_AGE;
	source->has_user = 1;
	source->user = drain_base_namer(process);
	source->pid = (int32_t)process->pid;
	status = inspect_source_lines(base->inspector, request, NULL, &bytes);
	if (status != -ESRCH || !target_root_is(&source->root, &base->root))
		return !status;
	source->user = drain_base_user(base, process);
	source->is_here = 1;
	return !inspect_source_lines(base->inspector, request, NULL, &bytes);
}

static uint32_t join(struct drain_files *files, uint32_t process, uint16_t version, uint32_t file)
{
	struct string_pool *strings = &files->base->profile->strings;
	const struct process *entry = &files->base->profile->processes[process];
	const char *relative = string_pool_get(strings, file);
	_cleanup_(freep) char *path = NULL;

	while (!strncmp(relative, "./", 2))
		relative += 2;
	path = xasprintf("%s/%s", string_pool_get(strings, entry->directory), relative);
	if (version >= VERSION_ABSOLUTE_SCRIPT && !is_there(files->base, entry, path))
		return file;
	return string_pool_add(strings, path);
}

uint32_t drain_files_name(struct drain_files *files, uint32_t process, uint16_t version,
			  uint32_t file)
{
	const struct profile *profile = files->base->profile;
	uint64_t key = (uint64_t)process << 32 | file;
	uint32_t name;

	if (!profile->processes[process].directory || !is_relative(profile_string(profile, file)))
		return file;
	if (hash_table_get(&files->names, key, &name))
		return name;
	name = join(files, process, version, file);
	hash_table_put(&files->names, key, name);
	return name;
}
