/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader's list, as debuggers find it: _r_debug of <link.h>; see link_order.h. */
#include "link_order.h"

#include <errno.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "elf_file.h"
#include "memory.h"
#include "python_place.h"

#define MAX_FILES 65536 /* of a list that ends */

bool link_order_is_loader(const char *name)
{
	static const char *const beginnings[] = { "ld-2.", "ld-linux", "ld.so" };

	for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++)
		if (!strncmp(name, beginnings[i], strlen(beginnings[i])))
			return true;
	return false;
}

static const struct process_mapping *find_loader(const struct process_maps *maps)
{
	for (size_t i = 0; i < maps->nr_mappings; i++) {
		const char *slash = strrchr(maps->mappings[i].path, '/');

		if (slash && maps->mappings[i].file.ino && maps->mappings[i].is_executable &&
		    link_order_is_loader(slash + 1))
			return &maps->mappings[i];
	}
	return NULL;
}

/* The address of _r_debug in the process. */
static int find_list(pid_t pid, const struct process_mapping *loader, uint64_t *ret)
{
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	_cleanup_(closep) int fd = python_place_open(pid, loader->file);
	struct elf_symbol list = { .name = "_r_debug" };
	uint64_t bias;
	int err = fd < 0 ? fd : elf_file_open(fd, &file);

	if (err)
		return err;
	elf_file_find_symbols(file, ELF_DYNSYM, &list, 1);
	if (!list.vaddr || !elf_file_text(file))
		return -ENOENT;
	err = elf_file_bias(elf_file_text(file), loader->start, loader->pgoff, &bias);
	*ret = list.vaddr + bias;
	return err;
}

static const struct process_mapping *mapping_of(const struct process_maps *maps, uint64_t address)
{
	for (size_t i = 0; i < maps->nr_mappings; i++)
		if (address >= maps->mappings[i].start && address < maps->mappings[i].end)
			return &maps->mappings[i];
	return NULL;
}

int link_order_visit(struct process_memory *memory, const struct process_maps *maps,
		     bool (*visit)(const struct process_mapping *mapping, void *context),
		     void *context)
{
	const struct process_mapping *loader = find_loader(maps), *mapping;
	struct r_debug list;
	struct link_map entry;
	uint64_t address;
	int err = loader ? find_list(memory->pid, loader, &address) : -ENOENT;

	if (!err)
		err = process_memory_read(memory, address, &list, sizeof(list));
	if (err)
		return err;
	address = (uintptr_t)list.r_map;
	for (int i = 0; i < MAX_FILES && address; i++) {
		err = process_memory_read(memory, address, &entry, sizeof(entry));
		if (err)
			return err;
		mapping = mapping_of(maps, (uintptr_t)entry.l_ld);
		if (mapping && mapping->file.ino && !visit(mapping, context))
			return 0;
		address = (uintptr_t)entry.l_next;
	}
	return address ? -ELOOP : 0;
}
