/* SPDX-License-Identifier: BSD-2-Clause */
/* See alloc_files.h. */
#include "alloc_files.h"

#include <string.h>

#include "file_change.h"
#include "inspect_python.h"
#include "memory.h"

void alloc_files_clear(struct alloc_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		closep(&files->all[i]->fd);
		free(files->all[i]);
	}
	*files = (struct alloc_files){ 0 };
}

static bool is_same_plan(const struct malloc_plan *one, const struct malloc_plan *other)
{
	return one->nr_sites == other->nr_sites &&
	       !memcmp(one->sites, other->sites, one->nr_sites * sizeof(*one->sites));
}

/* The same build: at most its mode or its links have changed since. */
static bool find_same(const struct alloc_files *files, const struct malloc_file *found,
		      size_t *ret_file)
{
	for (size_t i = 0; i < files->count; i++) {
		const struct malloc_file *known = &files->all[i]->found;

		if (!file_identity_is(known->file, found->file) ||
		    !is_same_plan(&known->plan, &found->plan))
			continue;
		*ret_file = i;
		return true;
	}
	return false;
}

size_t alloc_files_know(struct alloc_files *files, struct inspector *inspector,
			const struct malloc_file *found, uint32_t pid)
{
	struct alloc_file *file;
	size_t known;
	int fd = -1;

	if (find_same(files, found, &known)) {
		files->all[known]->found.changed_ns = found->changed_ns;
		return known;
	}
	if (files->count == MAX_ALLOC_FILES)
		return MAX_ALLOC_FILES;
	if (pid)
		fd = inspect_file_at(inspector, (pid_t)pid, found->file, found->path);
	if (pid && fd < 0)
		return MAX_ALLOC_FILES;
	file = xmalloc(sizeof(*file));
	*file = (struct alloc_file){ *found, fd };
	files->all[files->count++] = file;
	return files->count - 1;
}

bool alloc_files_are_one(const struct alloc_files *files, size_t one, size_t other)
{
	return file_identity_is(files->all[one]->found.file, files->all[other]->found.file);
}

static bool is_current(const struct alloc_file *file)
{
	if (file->fd < 0)
		return !file_change_check_path(file->found.path, file->found.changed_ns);
	return !file_change_check(file->fd, file->found.changed_ns);
}

static bool is_former(const struct alloc_files *files, size_t file)
{
	for (size_t i = 0; i < files->count; i++)
		if (i != file && alloc_files_are_one(files, i, file) && is_current(files->all[i]))
			return true;
	return false;
}

/* One whose mode or links were changed is: as one that was removed, which goes on in who maps it.
 */
bool alloc_files_renew(struct alloc_files *files, size_t file, struct inspector *inspector,
		       uint32_t pid)
{
	struct malloc_file found[MAX_MALLOC_FILES];
	size_t count;

	if (is_current(files->all[file]))
		return true;
	if (is_former(files, file) || inspect_malloc(inspector, (pid_t)pid, found, &count))
		return false;
	for (size_t i = 0; i < count; i++)
		alloc_files_know(files, inspector, &found[i], pid);
	return is_current(files->all[file]);
}
