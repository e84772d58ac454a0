/* SPDX-License-Identifier: BSD-2-Clause */
/* The whole census; see census_take.h. */
#include "census_take.h"

#include <errno.h>

#include "census_rest.h"
#include "census_roots.h"
#include "census_target.h"
#include "census_threads.h"
#include "census_tracked.h"
#include "clock.h"
#include "memory.h"
#include "process_stat.h"
#include "process_task.h"

#define PF_EXITING 0x4U /* include/linux/sched.h: from the begin of do_exit() on */
#define MIN_MEMORY (32ULL << 20)
/* Of the memory, so much may keep the target's. */
#define CACHE_PART 6

/* Of one file: what is larger are data. */
#define MAX_VARIABLES (64ULL << 20)

struct taking {
	struct census_target *target; /* borrowed */
	struct census_classes classes;
	struct census_table table;
	struct census_count count;
	struct census_tracked tracked;
	struct census_names names;
	struct census_walk walk;
	struct census *census;
};

static void refuse(struct taking *taking, const char *reason)
{
	taking->census->refused = string_pool_add(&taking->census->strings, reason);
}

static bool begin(struct taking *taking)
{
	struct census_target *target = taking->target;
	struct census_reader *reader = &target->reader;

	if (target->refused[0]) {
		refuse(taking, target->refused);
		return false;
	}
	census_classes_init(&taking->classes, reader, &taking->census->strings);
	if (census_classes_begin(&taking->classes,
				 census_reader_word(reader, target->interpreters[0] +
								    reader->layout.interp_sysdict)))
		return true;
	refuse(taking, "its types were not found");
	return false;
}

static void read_tracked(struct taking *taking, uint64_t max_bytes)
{
	const struct census_target *target = taking->target;
	unsigned int nr_read = 0;

	taking->tracked = (struct census_tracked){
		.classes = &taking->classes,
		.table = &taking->table,
		.max_bytes = max_bytes,
	};
	for (uint32_t i = 0; i < target->nr_generations; i++)
		nr_read += census_tracked_read(&taking->tracked, target->generations[i]);
	if (!nr_read)
		refuse(taking, "its collector's lists were not found");
	taking->census->tracked = taking->table.count;
	taking->census->cut |= taking->tracked.is_cut;
	taking->count.unreadable_objects += taking->tracked.torn; /* one at least in each */
}

/* ---- Roots, in the order in which they are preferred ---- */

static void put_words(struct taking *taking, uint64_t start, uint64_t end, uint32_t node)
{
	struct census_reader *reader = &taking->target->reader;
	uint64_t words[HEAP_PAGE_BYTES / sizeof(uint64_t)];

	if (end - start > MAX_VARIABLES)
		return;
	for (; start < end && !heap_memory_is_late(reader->memory.heap); start += sizeof(words)) {
		size_t size = end - start < sizeof(words) ? end - start : sizeof(words);

		if (!census_memory_read(&reader->memory, start, words, size))
			continue;
		for (size_t i = 0; i < size / sizeof(*words); i++)
			census_walk_put_found(&taking->walk, words[i], node);
	}
}

/* The interpreter's state and its file's variables: interned strings, registries, what is made once
 * for all. */
static void put_interpreters(struct taking *taking)
{
	const struct census_target *target = taking->target;
	uint32_t node = census_tree_root(&taking->walk.tree, CENSUS_INTERNED,
					 string_pool_add(&taking->census->strings, "interpreter"),
					 CENSUS_NO_NODE);

	for (uint32_t i = 0; i < target->nr_interpreters; i++)
		put_words(taking, target->interpreters[i],
			  target->interpreters[i] + target->reader.layout.interp_bytes, node);
	put_words(taking, target->variables_start, target->variables_end, node);
}

/* Pages that are there: one that nobody has written to has no address in it, for the loader writes
 * all that a library has. */
static void put_written(struct taking *taking, uint64_t start, uint64_t end, uint32_t node)
{
	struct heap_memory *heap = taking->target->heap;

	if (end - start > MAX_VARIABLES)
		return;
	while ((start = heap_memory_next(heap, start, end)) < end && !heap_memory_is_late(heap)) {
		put_words(taking, start, start + HEAP_PAGE_BYTES, node);
		start += HEAP_PAGE_BYTES;
	}
}

/* Variables of extension modules and other libraries. */
static void put_files(struct taking *taking)
{
	const struct process_maps *maps = &taking->target->maps;
	uint32_t node = census_tree_root(&taking->walk.tree, CENSUS_C_CODE, CENSUS_NO_NAME,
					 CENSUS_NO_NODE);

	for (size_t i = 0; i < maps->nr_mappings; i++)
		if (maps->mappings[i].file.ino && maps->mappings[i].is_writable &&
		    maps->mappings[i].is_private)
			put_written(taking, maps->mappings[i].start, maps->mappings[i].end, node);
}

static void reach(struct taking *taking)
{
	const struct census_target *target = taking->target;
	const struct census_reader *reader = &target->reader;
	struct census_walk *walk = &taking->walk;
	pid_t pid = target->process.pid;

	for (uint32_t i = 0; i < target->nr_interpreters; i++)
		census_roots_put_modules(walk,
					 census_reader_word(&taking->target->reader,
							    target->interpreters[i] +
								    reader->layout.interp_modules));
	for (uint32_t i = 0; i < target->nr_interpreters; i++)
		census_threads_put_frames(walk, target->interpreters[i], pid);
	census_walk_run(walk);
	/* The rest refers to nearly everything, which is nobody's sharing. */
	walk->is_quiet = walk->count->is_guessing = true;
	for (uint32_t i = 0; i < target->nr_interpreters; i++)
		census_threads_put_states(walk, target->interpreters[i], pid);
	census_walk_run(walk);
	put_interpreters(taking);
	census_walk_run(walk);
	put_files(taking);
	census_walk_run(walk);
	census_rest_count(walk);
}

/* ---- All of it ---- */

static void begin_walk(struct taking *taking, uint64_t max_bytes)
{
	census_names_init(&taking->names, &taking->target->reader, &taking->census->strings);
	taking->count.classes = &taking->classes;
	taking->count.table = &taking->table;
	taking->walk = (struct census_walk){
		.classes = &taking->classes,
		.table = &taking->table,
		.count = &taking->count,
		.names = &taking->names,
		.max_bytes = max_bytes,
	};
}

static void finish(struct taking *taking)
{
	uint32_t *rows = xcalloc(taking->walk.tree.count + 1, sizeof(*rows));

	taking->census->cut |= taking->walk.is_cut;
	taking->count.unreadable_objects += taking->target->reader.nr_lost;
	taking->census->bytes = taking->count.bytes;
	taking->census->buffer_bytes = taking->count.buffer_bytes;
	census_tree_finish(&taking->walk.tree, taking->census, rows);
	census_count_finish(&taking->count, rows, taking->census);
	free(rows);
}

static void take(struct taking *taking, uint64_t max_bytes)
{
	if (!begin(taking))
		return;
	begin_walk(taking, max_bytes);
	census_memory_fetch_all(&taking->target->reader.memory);
	read_tracked(taking, max_bytes);
	if (taking->census->refused != CENSUS_NONE)
		return;
	reach(taking);
	finish(taking);
}

void census_take_open(struct census_target *target, uint64_t table_bytes, struct census *ret)
{
	struct taking *taking = xcalloc(1, sizeof(*taking));

	*ret = (struct census){ .taken_ns = clock_ns(), .refused = CENSUS_NONE };
	string_pool_init(&ret->strings);
	taking->target = target;
	taking->census = ret;
	census_table_init(&taking->table);
	take(taking, table_bytes);
	census_walk_clear(&taking->walk);
	census_names_clear(&taking->names);
	census_classes_clear(&taking->classes);
	census_table_clear(&taking->table);
	free(taking);
}

/* What could not be read then did not change, it was gone. */
static bool has_ended(pid_t pid)
{
	struct process_stat stat;

	return process_stat_read(process_task(pid), &stat) || (stat.flags & PF_EXITING);
}

int census_take(pid_t pid, const struct census_limits *limits, struct census *ret)
{
	uint64_t memory = limits->memory_bytes < MIN_MEMORY ? MIN_MEMORY : limits->memory_bytes;
	struct census_target *target = xcalloc(1, sizeof(*target));
	int err = census_target_open(target, pid, clock_ns() + limits->budget_ns,
				     memory / CACHE_PART);

	if (!err)
		census_take_open(target, memory - memory / CACHE_PART, ret);
	if (!err && has_ended(pid)) {
		census_free(ret);
		err = -ESRCH;
	}
	census_target_clear(target);
	free(target);
	return err;
}
