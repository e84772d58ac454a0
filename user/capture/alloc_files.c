/* SPDX-License-Identifier: BSD-2-Clause */
/* See alloc_files.h. */
#include "alloc_files.h"

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

size_t alloc_files_know(struct alloc_files *files, struct inspector *inspector,
			const struct malloc_file *found, uint32_t pid)
{
	struct alloc_file *file;
	int fd = -1;

	for (size_t i = 0; i < files->count; i++) {
		const struct malloc_file *known = &files->all[i]->found;

		if (file_identity_is(known->file, found->file))
			return i;
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
