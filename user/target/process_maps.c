/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/PID/maps; see process_maps.h. The format is the kernel's fs/proc/task_mmu.c. */
#include "process_maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"
#include "process_task.h"

/* The kernel's default limit is 65,530 mappings, and a line has some 100 bytes. Of more than that
 * the first are read: a program, and what was loaded with it, are there before a process can map
 * many. */
#define MAX_TEXT_BYTES (32UL << 20)
#define READ_BYTES 65536UL

/* Reads a number that must end in `end`, and steps behind that. */
static bool take_number(char **cursor, int base, char end, uint64_t *ret)
{
	char *stop;

	/* strtoull would accept blanks and a sign. */
	if (!strchr("0123456789abcdef", **cursor) || !**cursor)
		return false;
	errno = 0;
	*ret = strtoull(*cursor, &stop, base);
	if (errno || *stop != end)
		return false;
	*cursor = end ? stop + 1 : stop;
	return true;
}

static bool take_flags(char **cursor, struct process_mapping *mapping)
{
	const char *flags = *cursor;

	if (strnlen(flags, 5) < 5 || flags[4] != ' ')
		return false;
	mapping->is_readable = flags[0] == 'r';
	mapping->is_writable = flags[1] == 'w';
	mapping->is_executable = flags[2] == 'x';
	mapping->is_private = flags[3] == 'p';
	*cursor += 5;
	return true;
}

static bool take_inode(char **cursor, uint64_t *ret)
{
	size_t length = strspn(*cursor, "0123456789");

	/* A mapping without a path may end in blanks or with the number. */
	return take_number(cursor, 10, length && !(*cursor)[length] ? '\0' : ' ', ret);
}

/* start-end rwxp pgoff major:minor inode path */
static bool parse_line(char *line, struct process_mapping *ret)
{
	uint64_t major, minor;

	if (!take_number(&line, 16, '-', &ret->start) || !take_number(&line, 16, ' ', &ret->end) ||
	    ret->end <= ret->start || !take_flags(&line, ret) ||
	    !take_number(&line, 16, ' ', &ret->pgoff) || !take_number(&line, 16, ':', &major) ||
	    !take_number(&line, 16, ' ', &minor) || !take_inode(&line, &ret->file.ino))
		return false;
	ret->file.dev = major << 20 | minor;
	ret->path = line + strspn(line, " ");
	return true;
}

void process_maps_parse(char *text, struct process_maps *ret)
{
	char *next = text, *line;

	*ret = (struct process_maps){ .text = text };
	while ((line = strsep(&next, "\n"))) {
		struct process_mapping mapping;

		if (!parse_line(line, &mapping))
			continue;
		ret->mappings = array_reserve(ret->mappings, &ret->capacity, ret->nr_mappings + 1,
					      sizeof(*ret->mappings));
		ret->mappings[ret->nr_mappings++] = mapping;
	}
}

/* A kernel that changes the mappings between two reads may repeat or skip some; each line is whole.
 */
static int read_text(int fd, char **ret)
{
	_cleanup_(freep) char *text = NULL;
	size_t capacity = 0, size = 0;

	while (size <= MAX_TEXT_BYTES) {
		ssize_t got;

		text = array_reserve(text, &capacity, size + READ_BYTES + 1, 1);
		got = read(fd, text + size, READ_BYTES);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		size += (size_t)got;
	}
	text[size] = '\0';
	*ret = TAKE(text);
	return 0;
}

static int read_file(const char *path, struct process_maps *ret)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	int err;

	if (fd < 0)
		return -errno;
	err = read_text(fd, &text);
	if (err)
		return err;
	process_maps_parse(text, ret);
	return 0;
}

int process_maps_read(pid_t pid, struct process_maps *ret)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)process_task(pid));
	return read_file(path, ret);
}

void process_maps_clear(struct process_maps *maps)
{
	free(maps->mappings);
	free(maps->text);
	*maps = (struct process_maps){ 0 };
}

/* The kernel lists them by their addresses. */
const struct process_mapping *process_maps_at(const struct process_maps *maps, uint64_t address)
{
	size_t low = 0, high = maps->nr_mappings;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (maps->mappings[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < maps->nr_mappings && maps->mappings[low].start <= address
		       ? &maps->mappings[low]
		       : NULL;
}

static int find_own(const void *address, struct file_identity *ret)
{
	_cleanup_(process_maps_clear) struct process_maps maps = { 0 };
	int err = read_file("/proc/self/maps", &maps);

	if (err)
		return err;
	for (size_t i = 0; i < maps.nr_mappings; i++)
		if (maps.mappings[i].start == (uint64_t)(uintptr_t)address) {
			*ret = maps.mappings[i].file;
			return 0;
		}
	return -ENOENT;
}

int process_maps_identify(int fd, struct file_identity *ret)
{
	void *page = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
	int err;

	if (page == MAP_FAILED)
		return -errno;
	err = find_own(page, ret);
	munmap(page, 1);
	return err;
}
