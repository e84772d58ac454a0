/* SPDX-License-Identifier: BSD-2-Clause */
/* Absent pages of mapped files; see file_pages.h. */
#include "file_pages.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "mapped_file.h"
#include "memory.h"
#include "process_maps.h"

#define PAGE_BYTES 4096UL
#define NR_FILES 16		     /* open at a time */
#define MAX_OPENED 4096		     /* a process may map the same few in turns */
#define MAX_READ_BYTES (256UL << 20) /* all Pythons with their extensions have less */
#define MAX_FILE_BYTES (8ULL << 30)  /* no library has more */

struct open_file {
	struct file_identity file; /* ino 0: none */
	int fd;			   /* or -errno */
};

struct file_pages {
	pid_t pid;
	struct process_maps maps;
	struct open_file files[NR_FILES];
	size_t next; /* to be replaced */
	size_t nr_opened;
	uint64_t read_bytes;
};

struct file_pages *file_pages_new(pid_t pid)
{
	struct file_pages *pages = xcalloc(1, sizeof(*pages));

	pages->pid = pid;
	/* Without them there is no page. */
	(void)!process_maps_read(pid, &pages->maps);
	return pages;
}

static void close_file(struct open_file *file)
{
	if (file->file.ino)
		closep(&file->fd);
	*file = (struct open_file){ 0 };
}

void file_pages_free(struct file_pages *pages)
{
	if (!pages)
		return;
	for (size_t i = 0; i < NR_FILES; i++)
		close_file(&pages->files[i]);
	process_maps_clear(&pages->maps);
	free(pages);
}

/* By a range another file may be mapped by now. */
static int open_file(const struct file_pages *pages, const struct process_mapping *mapping)
{
	int fd = mapped_file_open(pages->pid, mapping, MAX_FILE_BYTES), err;
	struct file_identity file;

	if (fd < 0)
		return fd;
	err = process_maps_identify(fd, &file);
	if (!err && (file.dev != mapping->file.dev || file.ino != mapping->file.ino))
		err = -ESTALE;
	if (!err && mapped_file_may_block(fd))
		err = -EOPNOTSUPP;
	if (err)
		close(fd);
	return err ? err : fd;
}

static int find_file(struct file_pages *pages, const struct process_mapping *mapping)
{
	struct open_file *file;

	for (size_t i = 0; i < NR_FILES; i++) {
		file = &pages->files[i];
		if (file_identity_is(file->file, mapping->file))
			return file->fd;
	}
	if (pages->nr_opened >= MAX_OPENED)
		return -E2BIG;
	pages->nr_opened++;
	file = &pages->files[pages->next++ % NR_FILES];
	close_file(file);
	*file = (struct open_file){ mapping->file, open_file(pages, mapping) };
	return file->fd;
}

/* Behind the end of the file its last page has zeros, and further pages are none. */
static int read_page(int fd, uint64_t offset, uint8_t *page)
{
	ssize_t got = pread(fd, page, PAGE_BYTES, (off_t)offset);

	if (got < 0)
		return -errno;
	if (!got)
		return -ENXIO;
	memset(page + got, 0, PAGE_BYTES - (size_t)got);
	return 0;
}

int file_pages_read(struct file_pages *pages, uint64_t address, void *to, size_t size)
{
	const struct process_mapping *mapping = process_maps_at(&pages->maps, address);
	uint64_t at = address % PAGE_BYTES;
	uint8_t page[PAGE_BYTES];
	int fd, err;

	if (!mapping || !mapping->file.ino || !mapping->is_private || !mapping->is_readable ||
	    size > PAGE_BYTES - at)
		return -ENXIO;
	fd = find_file(pages, mapping);
	if (fd < 0)
		return fd;
	if (pages->read_bytes >= MAX_READ_BYTES)
		return -E2BIG;
	pages->read_bytes += PAGE_BYTES;
	err = read_page(fd, mapping->pgoff + (address - at - mapping->start), page);
	if (!err)
		memcpy(to, page + at, size);
	return err;
}
