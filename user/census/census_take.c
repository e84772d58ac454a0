/* SPDX-License-Identifier: BSD-2-Clause */
/* The whole census; see census_take.h. */
#include "census_take.h"

#include "census_count.h"
#include "census_target.h"
#include "census_tracked.h"
#include "clock.h"
#include "memory.h"

#define MIN_MEMORY (32ULL << 20)
/* Of the memory, so much may keep the target's. */
#define CACHE_PART 3

struct taking {
	struct census_target target;
	struct census_classes classes;
	struct census_table table;
	struct census_count count;
	struct census_tracked tracked;
	struct census *census;
};

static void refuse(struct taking *taking, const char *reason)
{
	taking->census->refused = string_pool_add(&taking->census->strings, reason);
}

static bool begin(struct taking *taking)
{
	struct census_target *target = &taking->target;
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
	const struct census_target *target = &taking->target;
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
}

static void take(struct taking *taking, uint64_t max_bytes)
{
	if (!begin(taking))
		return;
	taking->count.classes = &taking->classes;
	taking->count.table = &taking->table;
	census_memory_fetch_all(&taking->target.reader.memory);
	read_tracked(taking, max_bytes);
	for (size_t i = 0; i < taking->table.count; i++)
		census_count_add(&taking->count, (uint32_t)i);
	census_count_finish(&taking->count, taking->census);
}

int census_take(pid_t pid, const struct census_limits *limits, struct census *ret)
{
	uint64_t memory = limits->memory_bytes < MIN_MEMORY ? MIN_MEMORY : limits->memory_bytes;
	struct taking *taking = xcalloc(1, sizeof(*taking));
	struct census census = { .taken_ns = clock_ns(), .refused = CENSUS_NONE };
	int err = census_target_open(&taking->target, pid, census.taken_ns + limits->budget_ns,
				     memory / CACHE_PART);

	if (!err) {
		string_pool_init(&census.strings);
		taking->census = &census;
		census_table_init(&taking->table);
		take(taking, memory - memory / CACHE_PART);
		*ret = census;
	}
	census_classes_clear(&taking->classes);
	census_table_clear(&taking->table);
	census_target_clear(&taking->target);
	free(taking);
	return err;
}
