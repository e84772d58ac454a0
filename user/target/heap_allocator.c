/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who serves malloc; see heap_allocator.h. A library with an allocator's name that the process maps
 * was preloaded or linked to serve it, and a program that exports malloc serves its libraries too.
 * Otherwise it is the C library, which a static program has within itself.
 */
#include "heap_allocator.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "elf_file.h"
#include "memory.h"
#include "python_mimalloc.h"
#include "python_place.h"

static const struct {
	const char *prefix; /* of a file's name */
	const char *name;
} others[] = {
	{ "libjemalloc", "jemalloc" },	 { "libtcmalloc", "tcmalloc" },
	{ "libmimalloc", "mimalloc" },	 { "libhoard", "Hoard" },
	{ "librpmalloc", "rpmalloc" },	 { "libsnmalloc", "snmalloc" },
	{ "libscudo", "Scudo" },	 { "libhardened_malloc", "hardened_malloc" },
	{ "libtbbmalloc_proxy", "TBB" }, { "libasan", "AddressSanitizer" },
	{ "ld-musl-", "musl" },		 { "libc.musl-", "musl" },
};

/* A function that only one allocator has, where a program has it within itself. */
static const struct {
	const char *symbol, *name;
} marks[] = {
	{ "mallctl", "jemalloc" },
	{ "je_mallctl", "jemalloc" },
	{ "mi_malloc", "mimalloc" },
	{ "tc_malloc", "tcmalloc" },
	{ "__asan_init", "AddressSanitizer" },
};

static bool begins_with(const char *text, const char *beginning)
{
	return !strncmp(text, beginning, strlen(beginning));
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void set_other(struct heap_allocator *ret, const char *name)
{
	ret->state = HEAP_UNKNOWN;
	ret->is_mimalloc = !strcmp(name, "mimalloc");
	snprintf(ret->name, sizeof(ret->name), "%s", name);
}

static bool find_other(const struct process_maps *maps, struct heap_allocator *ret)
{
	for (size_t i = 0; i < maps->nr_mappings; i++) {
		const char *name = name_of(maps->mappings[i].path);

		for (size_t j = 0; maps->mappings[i].is_executable && j < ARRAY_SIZE(others); j++) {
			if (!begins_with(name, others[j].prefix))
				continue;
			set_other(ret, others[j].name);
			return true;
		}
	}
	return false;
}

/* ---- glibc ---- */

static bool find_bias(const struct elf_file *file, const struct process_maps *maps,
		      struct file_identity identity, struct heap_allocator *ret)
{
	const struct elf_segment *segment = elf_file_segment(file, ret->layout.main_arena);

	for (size_t i = 0; i < maps->nr_mappings; i++) {
		const struct process_mapping *mapping = &maps->mappings[i];

		if (mapping->file.ino == identity.ino && mapping->file.dev == identity.dev &&
		    !elf_file_bias(segment, mapping->start, mapping->pgoff, &ret->bias))
			return true;
	}
	return false;
}

static bool take_glibc(struct elf_file *file, const struct process_maps *maps,
		       struct file_identity identity, struct heap_allocator *ret)
{
	if (malloc_find(file, &ret->layout) || !find_bias(file, maps, identity, ret))
		return false;
	ret->state = HEAP_READ;
	if (ret->layout.minor)
		snprintf(ret->name, sizeof(ret->name), "glibc 2.%u", ret->layout.minor);
	else
		snprintf(ret->name, sizeof(ret->name), "glibc");
	return true;
}

static int open_mapped(pid_t pid, struct file_identity identity, struct elf_file **ret)
{
	int fd = python_place_open(pid, identity), err;

	if (fd < 0)
		return fd;
	err = elf_file_open(fd, ret);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

static bool is_c_library(const char *name)
{
	return begins_with(name, "libc.so.6") || begins_with(name, "libc-2.");
}

/* It has a malloc for itself, which 2.31's exports. */
static bool is_loader(const char *name)
{
	return begins_with(name, "ld-2.") || begins_with(name, "ld-linux") ||
	       begins_with(name, "ld.so");
}

static bool find_c_library(pid_t pid, const struct process_maps *maps, struct heap_allocator *ret)
{
	for (size_t i = 0; i < maps->nr_mappings; i++) {
		const struct process_mapping *mapping = &maps->mappings[i];
		_cleanup_(elf_file_freep) struct elf_file *file = NULL;
		_cleanup_(closep) int fd = -1;

		if (!mapping->is_executable || !mapping->file.ino ||
		    !is_c_library(name_of(mapping->path)))
			continue;
		fd = open_mapped(pid, mapping->file, &file);
		if (fd >= 0 && take_glibc(file, maps, mapping->file, ret))
			return true;
		set_other(ret, "an unknown C library");
		return true;
	}
	return false;
}

/* ---- The program itself ---- */

static bool serves_malloc(struct elf_file *file, struct heap_allocator *ret)
{
	struct elf_symbol malloc_symbol = { .name = "malloc" };

	if (!elf_file_find_symbols(file, ELF_DYNSYM, &malloc_symbol, 1))
		return false;
	set_other(ret, "the program's own");
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		struct elf_symbol mark = { .name = marks[i].symbol };

		if (elf_file_find_symbols(file, ELF_DYNSYM, &mark, 1)) {
			set_other(ret, marks[i].name);
			break;
		}
	}
	return true;
}

/* The kernel puts the program below its libraries, but for one that the loader was run with as an
 * argument: that comes between them. */
static const struct process_mapping *find_program(const struct process_maps *maps)
{
	for (size_t i = 0; i < maps->nr_mappings; i++) {
		const struct process_mapping *mapping = &maps->mappings[i];
		const char *name = name_of(mapping->path);

		if (mapping->is_executable && mapping->file.ino && !is_c_library(name) &&
		    !is_loader(name))
			return mapping;
	}
	return NULL;
}

static void find_allocator(pid_t pid, const struct process_maps *maps, struct heap_allocator *ret)
{
	const struct process_mapping *program = find_program(maps);
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	_cleanup_(closep) int fd = -1;

	if (find_other(maps, ret))
		return;
	if (program)
		fd = open_mapped(pid, program->file, &file);
	if (fd >= 0 && serves_malloc(file, ret))
		return;
	if (find_c_library(pid, maps, ret))
		return;
	if (fd >= 0 && take_glibc(file, maps, program->file, ret))
		return;
	set_other(ret, "an unknown allocator");
}

void heap_allocator_find(pid_t pid, const struct process_maps *maps, struct heap_allocator *ret)
{
	*ret = (struct heap_allocator){ .state = HEAP_ABSENT };
	find_allocator(pid, maps, ret);
	ret->has_own_mimalloc = python_mimalloc_is_likely(pid, maps);
}
