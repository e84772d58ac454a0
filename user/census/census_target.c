/* SPDX-License-Identifier: BSD-2-Clause */
/* The process that is counted; see census_target.h. */
#include "census_target.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "census_tracked.h"
#include "elf_file.h"
#include "heap_process.h"
#include "memory.h"
#include "offset_table.h"
#include "python_place.h"

#define VERSION(major, minor) ((major) << 8 | (minor))

static void refuse(struct census_target *target, const char *reason)
{
	snprintf(target->refused, sizeof(target->refused), "%s", reason);
}

/* ---- Interpreters ---- */

static void add_interpreters(struct census_target *target, uint64_t head)
{
	const struct wire_layout *wire = &target->reader.python.wire;

	while (head && target->nr_interpreters < CENSUS_MAX_INTERPRETERS) {
		target->interpreters[target->nr_interpreters++] = head;
		head = census_reader_word(&target->reader, head + wire->interp_next);
	}
}

/* 3.6 names its list of interpreters nowhere: it is the variable that points to a struct whose
 * first thread points back (Include/pystate.h). */
static bool is_interpreter(struct census_target *target, uint64_t address)
{
	struct census_reader *reader = &target->reader;
	const struct wire_layout *wire = &reader->python.wire;
	uint64_t thread = address ? census_reader_word(reader, address + wire->interp_threads) : 0;
	struct census_head head;

	return thread && census_reader_word(reader, thread + wire->tstate_interp) == address &&
	       census_reader_head(
		       reader, census_reader_word(reader, address + reader->layout.interp_sysdict),
		       &head);
}

static void search_interpreters(struct census_target *target)
{
	struct wire_layout *wire = &target->reader.python.wire;

	wire->interp_next = 0;
	wire->interp_threads = 8;
	for (uint64_t at = target->variables_start; at < target->variables_end; at += 8) {
		uint64_t value = census_reader_word(&target->reader, at);

		if (is_interpreter(target, value)) {
			add_interpreters(target, value);
			return;
		}
	}
}

/* ---- The collector's lists ---- */

/* 3.6: _PyGC_generation0 points to the first of a static array (Modules/gcmodule.c). */
static uint64_t find_static_generations(struct census_target *target,
					const struct python_place *place)
{
	struct elf_symbol symbol = { .name = "_PyGC_generation0" };
	struct elf_file *file = NULL;
	int fd = python_place_open(target->process.pid, place->file);

	if (fd >= 0 && !elf_file_open(fd, &file))
		elf_file_find_symbols(file, ELF_DYNSYM, &symbol, 1);
	elf_file_free(file);
	closep(&fd);
	return symbol.vaddr ? census_reader_word(&target->reader, symbol.vaddr + place->bias) : 0;
}

/* A typedef's alignment became 4 within 3.13 (pycore_gc.h, PyGC_Head), so the lists lie 4 bytes
 * lower in 3.13.5 than in 3.13.0, and what follows them where it did. */
static void adjust_generations(struct census_target *target)
{
	struct census_layout *layout = &target->reader.layout;
	uint64_t head = target->interpreters[0] + layout->gc_generations;

	/* While the collector runs one list at a time is no list. */
	if (target->reader.python.wire.version != VERSION(3, 13) ||
	    census_tracked_count_lists(&target->reader, head) >=
		    census_tracked_count_lists(&target->reader, head - 4))
		return;
	layout->gc_generations -= 4;
	layout->gc_permanent += 4;
}

static void find_generations(struct census_target *target, const struct python_place *place,
			     uint64_t runtime)
{
	const struct census_layout *layout = &target->reader.layout;
	uint16_t version = target->reader.python.wire.version;

	if (version >= VERSION(3, 9)) {
		adjust_generations(target);
		for (uint32_t i = 0; i < target->nr_interpreters; i++)
			target->generations[i] = target->interpreters[i] + layout->gc_generations;
		target->nr_generations = target->nr_interpreters;
		return;
	}
	target->generations[0] = version == VERSION(3, 6) ? find_static_generations(target, place)
							  : runtime + layout->gc_generations;
	target->nr_generations = target->generations[0] != 0;
}

/* ---- All of it ---- */

/* The file's writable mapping, and the memory that begins zeroed and follows it. */
static void find_variables(struct census_target *target, const struct python_place *place)
{
	const struct process_maps *maps = &target->maps;

	for (size_t i = 0; i < maps->nr_mappings; i++) {
		const struct process_mapping *mapping = &maps->mappings[i];
		bool is_files = file_identity_is(mapping->file, place->file);

		if (!mapping->is_writable || !mapping->is_private)
			continue;
		if (is_files && !target->variables_start)
			target->variables_start = mapping->start;
		if (is_files || (target->variables_end == mapping->start && !mapping->file.ino &&
				 !mapping->path[0]))
			target->variables_end = mapping->end;
	}
}

static int find_runtime(struct census_target *target, const struct interpreter *interpreter,
			const struct python_place *place)
{
	const struct wire_layout *wire = &interpreter->layout;
	uint64_t head = wire->interpreters_vaddr + place->bias;
	struct offset_table table;
	int err = offset_table_find(interpreter->version_hex, wire->free_threaded, &table);

	if (err)
		return err;
	find_variables(target, place);
	if (wire->interpreters_vaddr)
		add_interpreters(target, census_reader_word(&target->reader, head));
	else
		search_interpreters(target);
	find_generations(target, place, head - table.runtime_interpreters);
	if (!target->nr_interpreters || !target->nr_generations)
		refuse(target, "its interpreter has not begun, or its state was not found");
	return 0;
}

static int open_python(struct census_target *target, uint64_t memory_bytes)
{
	_cleanup_(
		interpreter_cache_freep) struct interpreter_cache *cache = interpreter_cache_new();
	struct python_place place = { 0 };
	const struct interpreter *interpreter;
	int err = python_place_find(target->process.pid, cache, &place);

	if (err && err != -ENOTSUP)
		return err;
	interpreter = &interpreter_cache_at(cache, place.index)->interpreter;
	if (err && interpreter->reason)
		refuse(target, interpreter->reason);
	if (!err)
		err = census_reader_init(&target->reader, &interpreter->layout, target->heap,
					 memory_bytes);
	if (!err)
		err = find_runtime(target, interpreter, &place);
	python_place_clear(&place);
	if (err != -ENOTSUP)
		return err;
	if (!target->refused[0])
		refuse(target, interpreter->layout.free_threaded
				       ? "it was built without the GIL, and has no lists of objects"
				       : "its version is not known");
	return 0;
}

int census_target_open(struct census_target *target, pid_t pid, uint64_t deadline_ns,
		       uint64_t memory_bytes)
{
	int err;

	*target = (struct census_target){ .process = PROCESS_MEMORY_NONE };
	err = process_memory_open(&target->process, pid);
	if (!err)
		err = process_maps_read(pid, &target->maps);
	if (err)
		return err == -ENOENT ? -ESRCH : err;
	target->heap = heap_process_new_own(&target->process, &target->maps, deadline_ns);
	return open_python(target, memory_bytes);
}

void census_target_clear(struct census_target *target)
{
	census_reader_clear(&target->reader);
	heap_memory_free(target->heap);
	process_maps_clear(&target->maps);
	process_memory_close(&target->process);
}
