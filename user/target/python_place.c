/* SPDX-License-Identifier: BSD-2-Clause */
/* The CPython of a running process; see python_place.h. */
#include "python_place.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "process_task.h"
#include "target_open.h"

/* In the order in which they are looked at. */
enum rank { RANK_PROGRAM, RANK_NAMED, RANK_OTHER, NR_RANKS };

/* Mappings opened in one search: of more a process consists only to make us busy. */
#define MAX_OPENED 4096

struct search {
	pid_t pid; /* process_task()'s */
	unsigned int nr_opened;
	struct interpreter_cache *cache;
	char program[PATH_MAX]; /* of /proc/PID/exe, "" when unknown */
	int result;
	struct python_place place; /* unless result is -ENOENT */
};

/* -EACCES: we may not look into the process. From 6.16 on its maps can be read with CAP_PERFMON
 * alone, what they name cannot. */
static int read_program(struct search *search)
{
	char path[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)search->pid);
	length = readlink(path, search->program, sizeof(search->program) - 1);
	search->program[length > 0 ? length : 0] = '\0';
	return length < 0 && errno == EACCES ? -EACCES : 0;
}

static enum rank rank_of(const struct search *search, const struct process_mapping *mapping)
{
	const char *name = strrchr(mapping->path, '/');

	/* Both are printed by the kernel's d_path(), " (deleted)" included. */
	if (*search->program && !strcmp(mapping->path, search->program))
		return RANK_PROGRAM;
	/* Extension modules are NAME.cpython-311-x86_64-linux-gnu.so. */
	return name && strstr(name, "python") && !strstr(name, ".cpython-") ? RANK_NAMED
									    : RANK_OTHER;
}

static bool is_same_file(struct file_identity a, struct file_identity b)
{
	return a.dev == b.dev && a.ino == b.ino;
}

/* Takes over fd. What was found by name may be another file by now. */
static int keep_same_file(int fd, struct file_identity file)
{
	struct file_identity identity;
	int err;

	if (fd < 0)
		return fd;
	err = process_maps_identify(fd, &identity);
	if (err || !is_same_file(identity, file)) {
		close(fd);
		return err ? err : -ESTALE;
	}
	return fd;
}

int python_place_open_at(pid_t pid, struct file_identity file, const char *path)
{
	return keep_same_file(target_open_inside(pid, path, NULL, INTERPRETER_MAX_BYTES), file);
}

/* map_files works for deleted files too, but needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN; exe
 * works for a deleted program without. With our own rights: what it maps the process has. */
static int open_mapping(const struct search *search, const struct process_mapping *mapping)
{
	_cleanup_(freep) char *by_range = xasprintf("/proc/%d/map_files/%" PRIx64 "-%" PRIx64,
						    (int)search->pid, mapping->start, mapping->end);
	_cleanup_(freep) char *by_exe = xasprintf("/proc/%d/exe", (int)search->pid);
	int fd = target_open_link(by_range, INTERPRETER_MAX_BYTES);

	if (fd >= 0 || mapping->path[0] != '/')
		return fd;
	fd = python_place_open_at(search->pid, mapping->file, mapping->path);
	if (fd < 0 && !strcmp(mapping->path, search->program))
		fd = keep_same_file(target_open_link(by_exe, INTERPRETER_MAX_BYTES), mapping->file);
	return fd;
}

/* Libraries that had no CPython are not opened again: a program maps hundreds of them. The price:
 * a libpython that gets the inode of a deleted library is missed, unless python is in its name. */
static bool is_known_other(const struct search *search, const struct process_mapping *mapping)
{
	size_t index;
	int status;

	if (interpreter_cache_find(search->cache, mapping->file, &index))
		return false;
	status = interpreter_cache_at(search->cache, index)->status;
	return status == -ENOENT || status == -E2BIG;
}

/* The first that can be walked is the place, else the first that cannot. */
static void keep(struct search *search, const struct process_mapping *mapping, size_t index,
		 uint64_t bias)
{
	int status = interpreter_cache_at(search->cache, index)->status;

	if (status && search->result != -ENOENT)
		return;
	python_place_clear(&search->place);
	search->place = (struct python_place){
		.bias = bias,
		.file = mapping->file,
		.index = index,
		.path = xstrdup(mapping->path),
	};
	search->result = status;
}

static void try_mapping(struct search *search, const struct process_mapping *mapping,
			enum rank rank)
{
	enum interpreter_search how = rank == RANK_OTHER ? INTERPRETER_EXPORTED : INTERPRETER_ANY;
	_cleanup_(closep) int fd = -1;
	const struct interpreter_entry *entry;
	uint64_t bias = 0;
	size_t index;
	int status;

	if (rank == RANK_OTHER && is_known_other(search, mapping))
		return;
	if (search->nr_opened++ >= MAX_OPENED)
		return;
	fd = open_mapping(search, mapping);
	if (fd < 0)
		return;
	status = interpreter_cache_inspect(search->cache, fd, mapping->file, how, &index);
	if (status && status != -ENOTSUP)
		return;
	entry = interpreter_cache_at(search->cache, index);
	/* Not the first executable segment: another mapping of the file will show it. */
	if (!status && interpreter_bias(&entry->interpreter, mapping->start, mapping->pgoff, &bias))
		return;
	keep(search, mapping, index, bias);
}

static void search_maps(struct search *search, const struct process_maps *maps)
{
	for (int rank = 0; rank < NR_RANKS; rank++)
		for (size_t i = 0; i < maps->nr_mappings && search->result; i++) {
			const struct process_mapping *mapping = &maps->mappings[i];

			if (mapping->is_executable && mapping->file.ino &&
			    (int)rank_of(search, mapping) == rank)
				try_mapping(search, mapping, rank);
		}
}

int python_place_find(pid_t pid, struct interpreter_cache *cache, struct python_place *ret)
{
	_cleanup_(process_maps_clear) struct process_maps maps = { 0 };
	struct search search = { .pid = process_task(pid), .cache = cache, .result = -ENOENT };
	int err = process_maps_read(pid, &maps);

	if (err)
		return err == -ENOENT ? -ESRCH : err;
	err = read_program(&search);
	search_maps(&search, &maps);
	if (search.result == -ENOENT)
		return err ? err : -ENOENT;
	*ret = search.place;
	return search.result;
}

int python_place_open(pid_t pid, struct file_identity file)
{
	_cleanup_(process_maps_clear) struct process_maps maps = { 0 };
	struct search search = { .pid = process_task(pid) };
	int err = process_maps_read(pid, &maps), fd = -ENOENT;

	if (err)
		return err == -ENOENT ? -ESRCH : err;
	read_program(&search);
	for (size_t i = 0; i < maps.nr_mappings && fd < 0; i++) {
		if (is_same_file(maps.mappings[i].file, file))
			fd = open_mapping(&search, &maps.mappings[i]);
	}
	return fd;
}

void python_place_clear(struct python_place *place)
{
	free(place->path);
	*place = (struct python_place){ 0 };
}
