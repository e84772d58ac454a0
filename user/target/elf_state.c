/* SPDX-License-Identifier: BSD-2-Clause */
/* What is read of an ELF file, within its budget; see elf_state.h. */
#include "elf_state.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int elf_pread(const struct elf_file *file, uint64_t offset, void *ret, size_t size)
{
	char *end = ret;

	while (size) {
		ssize_t got = pread(file->fd, end, size, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EIO;
		end += got;
		offset += (size_t)got;
		size -= (size_t)got;
	}
	return 0;
}

int elf_file_charge(struct elf_file *file, uint64_t bytes)
{
	if (bytes > file->budget) {
		file->is_over = true;
		return -E2BIG;
	}
	file->budget -= bytes;
	return 0;
}

bool elf_file_is_over(const struct elf_file *file)
{
	return file->is_over;
}

bool elf_cursor_begin(struct elf_file *file, uint64_t offset, uint64_t bytes, size_t entry_bytes,
		      struct elf_cursor *ret)
{
	if (offset > file->size || bytes > file->size - offset || elf_file_charge(file, bytes))
		return false;
	ret->file = file;
	ret->offset = offset;
	ret->left = bytes / entry_bytes * entry_bytes;
	ret->entry_bytes = entry_bytes;
	ret->next = ret->filled = 0;
	return true;
}

bool elf_cursor_next(struct elf_cursor *cursor, void *ret_entry)
{
	if (cursor->next == cursor->filled) {
		size_t bytes = cursor->left < ELF_CHUNK_BYTES ? cursor->left : ELF_CHUNK_BYTES;

		if (!bytes || elf_pread(cursor->file, cursor->offset, cursor->chunk, bytes))
			return false;
		cursor->offset += bytes;
		cursor->left -= bytes;
		cursor->next = 0;
		cursor->filled = bytes;
	}
	memcpy(ret_entry, cursor->chunk + cursor->next, cursor->entry_bytes);
	cursor->next += cursor->entry_bytes;
	return true;
}
