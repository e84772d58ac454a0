/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who serves malloc; see heap_allocator.h. A library with an allocator's name that the process maps
 * was preloaded or linked to serve it, and a program that exports malloc serves its libraries too,
 * as any library does that the loader looks symbols up in before the C library. Otherwise it is the
 * C library, which a static program has within itself.
 */
#include "heap_allocator.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elf_file.h"
#include "environment.h"
#include "link_order.h"
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

/* Those of dlmopen() and LD_AUDIT may be other files, or the same ones anew. */
struct c_libraries {
	pid_t pid;
	const struct process_maps *maps;
	const struct process_mapping *own; /* of the program's own, NULL: not known */
	struct file_identity files[HEAP_MAX_MALLOCS];
	size_t nr_files;
};

static void add_malloc(struct heap_allocator *ret, const struct malloc_layout *layout,
		       uint64_t bias, bool is_own)
{
	const size_t at = is_own ? 0 : ret->nr_mallocs;

	if (ret->nr_mallocs == HEAP_MAX_MALLOCS) {
		ret->has_unread = true;
		return;
	}
	ret->mallocs[ret->nr_mallocs++] = ret->mallocs[at];
	ret->mallocs[at] = (struct heap_malloc){ *layout, bias };
}

/* Each copy of the file that is loaded: where main_arena can be written. */
static bool find_copies(const struct elf_file *file, const struct c_libraries *libraries,
			struct file_identity identity, const struct malloc_layout *layout,
			struct heap_allocator *ret)
{
	const struct process_mapping *own = libraries->own;
	const struct process_maps *maps = libraries->maps;
	const struct elf_segment *segment = elf_file_segment(file, layout->main_arena);
	const size_t before = ret->nr_mallocs;
	uint64_t own_bias, bias;
	bool has_own = own && file_identity_is(own->file, identity) &&
		       !elf_file_bias(segment, own->start, own->pgoff, &own_bias);

	for (size_t i = 0; i < maps->nr_mappings; i++) {
		const struct process_mapping *mapping = &maps->mappings[i];

		if (file_identity_is(mapping->file, identity) && mapping->is_writable &&
		    !elf_file_bias(segment, mapping->start, mapping->pgoff, &bias) &&
		    layout->main_arena + bias - mapping->start < mapping->end - mapping->start)
			add_malloc(ret, layout, bias, has_own && bias == own_bias);
	}
	return ret->nr_mallocs > before;
}

static bool take_glibc(struct elf_file *file, const struct c_libraries *libraries,
		       struct file_identity identity, struct heap_allocator *ret)
{
	struct malloc_layout layout;

	if (malloc_find(file, &layout) || !find_copies(file, libraries, identity, &layout, ret))
		return false;
	if (ret->state == HEAP_READ)
		return true;
	ret->state = HEAP_READ;
	if (layout.minor)
		snprintf(ret->name, sizeof(ret->name), "glibc 2.%u", layout.minor);
	else
		snprintf(ret->name, sizeof(ret->name), "glibc");
	return true;
}

/* What a file would have said is not known where it is we who have no room for it. */
static int open_mapped(pid_t pid, struct file_identity identity, struct heap_allocator *allocator,
		       struct elf_file **ret)
{
	int fd = python_place_open(pid, identity), err;

	if (fd == -EMFILE || fd == -ENFILE)
		allocator->shortage = fd;
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

static void take_c_library(struct c_libraries *libraries, struct file_identity identity,
			   struct heap_allocator *ret)
{
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	_cleanup_(closep) int fd = -1;

	for (size_t i = 0; i < libraries->nr_files; i++)
		if (file_identity_is(libraries->files[i], identity))
			return;
	if (libraries->nr_files < HEAP_MAX_MALLOCS) {
		libraries->files[libraries->nr_files++] = identity;
		fd = open_mapped(libraries->pid, identity, ret, &file);
	}
	if (fd >= 0 && take_glibc(file, libraries, identity, ret))
		return;
	if (ret->state == HEAP_READ)
		ret->has_unread = true;
	else
		set_other(ret, "an unknown C library");
}

static bool find_c_libraries(struct c_libraries *libraries, struct heap_allocator *ret)
{
	const struct process_maps *maps = libraries->maps;

	if (libraries->own)
		take_c_library(libraries, libraries->own->file, ret);
	for (size_t i = 0; i < maps->nr_mappings && ret->state != HEAP_UNKNOWN; i++) {
		const struct process_mapping *mapping = &maps->mappings[i];

		if (mapping->is_executable && mapping->file.ino &&
		    is_c_library(name_of(mapping->path)))
			take_c_library(libraries, mapping->file, ret);
	}
	return ret->state != HEAP_ABSENT;
}

/* ---- The program itself, and other libraries ---- */

/* `name`: what it is where no mark tells. */
static bool serves_malloc(struct elf_file *file, const char *name, struct heap_allocator *ret)
{
	struct elf_symbol symbols[] = { { .name = "malloc" }, { .name = "free" } };

	if (elf_file_find_symbols(file, ELF_DYNSYM, symbols, ARRAY_SIZE(symbols)) <
	    ARRAY_SIZE(symbols))
		return false;
	set_other(ret, name);
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
		    !link_order_is_loader(name))
			return mapping;
	}
	return NULL;
}

/* glibc's library for checks, which hands all on to the C library without any; those that a program
 * asks for by mcheck() or mtrace() leave its blocks there. */
static bool is_idle_checker(const char *name, pid_t pid)
{
	static const char tunable[] = "glibc.malloc.check=";
	_cleanup_(environment_clear) struct environment environment = { 0 };
	const char *level, *tunables, *found;

	if (!begins_with(name, "libc_malloc_debug."))
		return false;
	if (environment_read(pid, &environment))
		return false;
	level = environment_find(&environment, "MALLOC_CHECK_");
	tunables = environment_find(&environment, "GLIBC_TUNABLES");
	found = tunables ? strstr(tunables, tunable) : NULL;
	return (!level || atoi(level) <= 0) && (!found || atoi(found + strlen(tunable)) <= 0);
}

/* A name that a file may have, as one of ours. */
static void take_file_name(char *ret, const char *name)
{
	snprintf(ret, HEAP_NAME_BYTES, "%s", name);
	for (; *ret; ret++)
		if (*ret < ' ' || *ret > '~')
			*ret = '?';
}

struct library_search {
	pid_t pid;
	struct heap_allocator *ret;
	bool is_found;
	const struct process_mapping *c_library; /* the first */
};

/* Returns whether to go on. */
static bool try_library(const struct process_mapping *mapping, void *context)
{
	struct library_search *search = context;
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	_cleanup_(closep) int fd = -1;
	char name[HEAP_NAME_BYTES];

	take_file_name(name, name_of(mapping->path));
	if (is_c_library(name)) {
		if (!search->c_library)
			search->c_library = mapping;
		return false;
	}
	if (link_order_is_loader(name) || is_idle_checker(name, search->pid))
		return true;
	fd = open_mapped(search->pid, mapping->file, search->ret, &file);
	search->is_found = fd >= 0 && serves_malloc(file, name, search->ret);
	return !search->is_found;
}

/* Before the C library, which is put into ret_c. Where the loader does not tell what is, any that
 * is mapped may be. */
static bool find_library(struct process_memory *memory, const struct process_maps *maps,
			 struct heap_allocator *ret, const struct process_mapping **ret_c)
{
	struct library_search search = { .pid = memory->pid, .ret = ret };
	int err = link_order_visit(memory, maps, try_library, &search);

	for (size_t i = 0; err && i < maps->nr_mappings && !search.is_found; i++)
		if (maps->mappings[i].is_executable && maps->mappings[i].file.ino)
			try_library(&maps->mappings[i], &search);
	*ret_c = search.c_library;
	return search.is_found;
}

static void find_allocator(struct process_memory *memory, const struct process_maps *maps,
			   struct heap_allocator *ret)
{
	const pid_t pid = memory->pid;
	const struct process_mapping *program = find_program(maps);
	struct c_libraries libraries = { .pid = pid, .maps = maps };
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	_cleanup_(closep) int fd = -1;

	if (find_other(maps, ret))
		return;
	if (program)
		fd = open_mapped(pid, program->file, ret, &file);
	if (fd >= 0 && serves_malloc(file, "the program's own", ret))
		return;
	if (find_library(memory, maps, ret, &libraries.own))
		return;
	if (find_c_libraries(&libraries, ret))
		return;
	if (fd >= 0 && take_glibc(file, &libraries, program->file, ret))
		return;
	set_other(ret, "an unknown allocator");
}

int heap_allocator_find(struct process_memory *memory, const struct process_maps *maps,
			struct heap_allocator *ret)
{
	*ret = (struct heap_allocator){ .state = HEAP_ABSENT };
	find_allocator(memory, maps, ret);
	ret->has_own_mimalloc = python_mimalloc_is_likely(memory->pid, maps);
	return ret->shortage;
}
