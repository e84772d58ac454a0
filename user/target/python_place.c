/* SPDX-License-Identifier: BSD-2-Clause */
/* The CPython of a running process; see python_place.h. */
#include "python_place.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mapped_file.h"
#include "memory.h"
#include "process_task.h"

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
	bool is_closed; /* a file that may be it could not be opened for lack of a right */
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

/* Extension modules are NAME.cpython-311-MACHINE-linux-gnu.so. */
static bool is_called_python(const struct process_mapping *mapping)
{
	const char *name = strrchr(mapping->path, '/');

	return name && strstr(name, "python") && !strstr(name, ".cpython-");
}

static enum rank rank_of(const struct search *search, const struct process_mapping *mapping)
{
	/* Both are printed by the kernel's d_path(), " (deleted)" included. */
	if (*search->program && !strcmp(mapping->path, search->program))
		return RANK_PROGRAM;
	return is_called_python(mapping) ? RANK_NAMED : RANK_OTHER;
}

int python_place_open_at(pid_t pid, struct file_identity file, const char *path)
{
	return mapped_file_open_at(pid, file, path, INTERPRETER_MAX_BYTES);
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
	fd = mapped_file_open(search->pid, mapping, INTERPRETER_MAX_BYTES);
	if (fd < 0) {
		search->is_closed |= fd == -EACCES && is_called_python(mapping);
		return;
	}
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
	if (search.result == -ENOENT && search.is_closed && !err)
		return PYTHON_PLACE_CLOSED;
	if (search.result == -ENOENT)
		return err ? err : -ENOENT;
	*ret = search.place;
	return search.result;
}

int python_place_open(pid_t pid, struct file_identity file)
{
	_cleanup_(process_maps_clear) struct process_maps maps = { 0 };
	int err = process_maps_read(pid, &maps), fd = -ENOENT;

	if (err)
		return err == -ENOENT ? -ESRCH : err;
	for (size_t i = 0; i < maps.nr_mappings && fd < 0; i++) {
		if (file_identity_is(maps.mappings[i].file, file))
			fd = mapped_file_open(pid, &maps.mappings[i], INTERPRETER_MAX_BYTES);
	}
	return fd;
}

int python_place_open_any(pid_t pid, struct file_identity file, const char *path)
{
	int fd = python_place_open(pid, file);

	return fd < 0 && path[0] ? python_place_open_at(pid, file, path) : fd;
}

void python_place_clear(struct python_place *place)
{
	free(place->path);
	*place = (struct python_place){ 0 };
}
