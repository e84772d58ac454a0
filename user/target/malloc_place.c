/* SPDX-License-Identifier: BSD-2-Clause */
/* See malloc_place.h. */
#include "malloc_place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elf_file.h"
#include "environment.h"
#include "file_change.h"
#include "library_path.h"
#include "mapped_file.h"
#include "memory.h"
#include "process_task.h"
#include "python_place.h"

#define MAX_OPENED 4096 /* as python_place.c */

static const char usual_library[] = "libc.so.6";

/* ---- Found files ---- */

struct found {
	struct malloc_file *files;
	size_t count;
};

static bool is_found(const struct found *found, struct file_identity file)
{
	for (size_t i = 0; i < found->count; i++)
		if (file_identity_is(found->files[i].file, file))
			return true;
	return false;
}

/* Returns whether there is an allocator in the file, or will be once it has been written. */
static bool add(struct found *found, int fd, struct file_identity file, const char *path)
{
	struct malloc_file *added = &found->files[found->count];

	if (found->count == MAX_MALLOC_FILES || file_change_begin(fd, &added->changed_ns) ||
	    malloc_plan_find(fd, &added->plan))
		return false;
	if (file_change_check(fd, added->changed_ns))
		return true; /* it will be looked at again */
	added->file = file;
	snprintf(added->path, sizeof(added->path), "%s",
		 strlen(path) < sizeof(added->path) ? path : "");
	found->count++;
	return true;
}

/* ---- Of a process ---- */

/* Of a file as it is now. */
static uint64_t key_of(const struct file_identity *file, int64_t changed_ns)
{
	return hash_bytes(&changed_ns, sizeof(changed_ns), hash_bytes(file, sizeof(*file), 0));
}

static void try_mapping(struct malloc_places *places, pid_t pid,
			const struct process_mapping *mapping, struct found *found)
{
	_cleanup_(closep) int fd = mapped_file_open(pid, mapping, INTERPRETER_MAX_BYTES);
	int64_t changed_ns;
	uint32_t unused;
	uint64_t key;

	if (fd < 0 || file_change_begin(fd, &changed_ns))
		return;
	key = key_of(&mapping->file, changed_ns);
	if (!hash_table_get(&places->others, key, &unused) &&
	    !add(found, fd, mapping->file, mapping->path))
		hash_table_put(&places->others, key, 0);
}

int malloc_place_find(struct malloc_places *places, pid_t pid, struct malloc_file *ret,
		      size_t *ret_count)
{
	_cleanup_(process_maps_clear) struct process_maps maps = { 0 };
	struct found found = { .files = ret };
	int err = process_maps_read(pid, &maps);

	*ret_count = 0;
	if (err)
		return err == -ENOENT ? -ESRCH : err;
	for (size_t i = 0, opened = 0; i < maps.nr_mappings && opened < MAX_OPENED; i++) {
		const struct process_mapping *mapping = &maps.mappings[i];

		if (!mapping->is_executable || !mapping->file.ino ||
		    is_found(&found, mapping->file) || found.count == MAX_MALLOC_FILES)
			continue;
		opened++;
		try_mapping(places, pid, mapping, &found);
	}
	*ret_count = found.count;
	return 0;
}

/* ---- Of a command ---- */

static void add_open(struct found *found, int fd, const char *path)
{
	struct file_identity file;

	if (fd >= 0 && !process_maps_identify(fd, &file) && !is_found(found, file))
		add(found, fd, file, path);
}

static void add_library(struct found *found, const struct library_user *user, const char *name)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(closep) int fd = library_path_open(user, name, &path);

	if (fd >= 0)
		add_open(found, fd, path);
}

/* musl's loader is its C library; glibc's has a malloc only for itself. */
static void add_loader(struct found *found, const struct library_user *nobody,
		       const struct elf_file *file)
{
	char path[256];

	if (!elf_file_loader(file, path, sizeof(path)))
		add_library(found, nobody, path);
}

/* Returns false when it is no ELF file. */
static bool add_program(struct found *found, const struct library_user *nobody, const char *path)
{
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	_cleanup_(library_needs_clear) struct library_needs needs = { .most = MAX_LIBRARY_NEEDS };
	/* As ld.so: symlinks resolved. What a process runs is told so. */
	_cleanup_(freep) char *real = nobody->inside ? xstrdup(path) : realpath(path, NULL);
	struct library_user user = { .origin = real, .inside = nobody->inside };
	_cleanup_(closep) int fd = -1;

	if (!real || strrchr(real, '/') == NULL)
		return false;
	fd = library_path_open(&user, real, NULL);
	if (fd < 0 || elf_file_open(fd, &file))
		return false;
	add_open(found, fd, real);
	*strrchr(real, '/') = '\0';
	library_needs_read(&needs, file);
	user.run_path = library_needs_run_path(&needs);
	add_loader(found, nobody, file);
	for (size_t i = 0; i < needs.count; i++)
		add_library(found, &user, needs.names[i]);
	return true;
}

/* ld.so takes blanks and colons. */
static void add_preloaded(struct found *found, const struct library_user *nobody,
			  const char *preload)
{
	_cleanup_(freep) char *list = xstrdup(preload);
	char *next = list, *name;

	while ((name = strsep(&next, " :")))
		if (*name)
			add_library(found, nobody, name);
}

static void foresee(pid_t inside, const char *path, const char *preload, struct malloc_file *ret,
		    size_t *ret_count)
{
	const struct library_user nobody = { .origin = "/", .inside = inside };
	struct found found = { .files = ret };

	if (preload)
		add_preloaded(&found, &nobody, preload);
	if (!add_program(&found, &nobody, path))
		add_library(&found, &nobody, usual_library);
	*ret_count = found.count;
}

void malloc_place_foresee(const char *path, const char *preload, struct malloc_file *ret,
			  size_t *ret_count)
{
	foresee(0, path, preload, ret, ret_count);
}

void malloc_place_foresee_process(pid_t pid, struct malloc_file *ret, size_t *ret_count)
{
	_cleanup_(environment_clear) struct environment environment = { 0 };
	_cleanup_(freep) char *link = xasprintf("/proc/%d/exe", (int)process_task(pid));
	char path[PATH_MAX];
	ssize_t length = readlink(link, path, sizeof(path) - 1);

	path[length > 0 ? length : 0] = '\0';
	environment_read(pid, &environment); /* what it leaves out is found once it is mapped */
	foresee(pid, path, environment_find(&environment, "LD_PRELOAD"), ret, ret_count);
}
