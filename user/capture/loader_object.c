/* SPDX-License-Identifier: BSD-2-Clause */
/* Without lines of source; see loader_object.h. */
#include "loader_object.h"

#include <bpf/libbpf.h>
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "memory.h"
#include "memprobe.skel.h"

/* The begin of .BTF.ext, Documentation/bpf/btf.rst; offsets count from behind it. */
struct btf_ext_begin {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t header_bytes;
	uint32_t functions_offset, functions_bytes;
	uint32_t lines_offset, lines_bytes;
};

/* The file is our own, compiled in. */
static Elf64_Shdr *find_section(char *object, const char *name)
{
	const Elf64_Ehdr *file = (const void *)object;
	Elf64_Shdr *sections = (void *)(object + file->e_shoff);
	const char *names = object + sections[file->e_shstrndx].sh_offset;

	for (size_t i = 0; i < file->e_shnum; i++) {
		if (!strcmp(names + sections[i].sh_name, name))
			return &sections[i];
	}
	return NULL;
}

static void drop_lines(char *object)
{
	const Elf64_Shdr *section = find_section(object, ".BTF.ext");
	struct btf_ext_begin *begin;

	if (!section)
		return;
	begin = (void *)(object + section->sh_offset);
	begin->lines_bytes = 0;
}

struct memprobe *loader_object_open(const struct bpf_object_open_opts *options)
{
	struct memprobe *skeleton = xcalloc(1, sizeof(*skeleton));
	_cleanup_(freep) char *object = NULL;
	int error = memprobe__create_skeleton(skeleton);

	if (!error && log_level() < LOG_STEPS) {
		/* libbpf keeps nothing of it once the object is open. */
		object = xmemdup(skeleton->skeleton->data, skeleton->skeleton->data_sz);
		drop_lines(object);
		skeleton->skeleton->data = object;
	}
	if (!error)
		error = bpf_object__open_skeleton(skeleton->skeleton, options);
	if (!error)
		return skeleton;
	memprobe__destroy(skeleton);
	errno = -error;
	return NULL;
}

static bool can_be_open(size_t count)
{
	_cleanup_(freep) int *files = xcalloc(count, sizeof(*files));
	size_t opened = 0;

	while (opened < count && (files[opened] = dup(STDERR_FILENO)) >= 0)
		opened++;
	for (size_t i = 0; i < opened; i++)
		close(files[i]);
	return opened == count;
}

/* One a map and one a program: libbpf keeps none of them when it fails. */
static size_t count_files(const struct memprobe *skeleton)
{
	struct bpf_program *program;
	struct bpf_map *map;
	size_t count = 0;

	bpf_object__for_each_map(map, skeleton->obj) count++;
	bpf_object__for_each_program(program, skeleton->obj)
		count += bpf_program__autoload(program);
	return count;
}

/* What libbpf could not try for want of a descriptor is to it what this kernel lacks: without
 * global data, say, the programs are invalid. */
int loader_object_cause(const struct memprobe *skeleton, int error)
{
	return error && !can_be_open(count_files(skeleton)) ? -EMFILE : error;
}
