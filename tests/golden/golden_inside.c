/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes whose allocators were read: see golden_profiles.h. */
#include "golden_profiles.h"

#include "profile_builder.h"

#define SCRIPT "/home/u/server.py"

static void add(struct profile_builder *builder, uint32_t pid, const struct heap_inside *inside)
{
	uint32_t process = builder_process(builder, pid, "python3 server.py", "3.11.2");

	builder_python(builder, NO_NODE, SCRIPT, "<module>", 400);
	builder->profile->processes[process].has_inside = true;
	builder->profile->processes[process].inside_ns = 2500000000;
	builder->profile->processes[process].inside = *inside;
}

struct profile *golden_inside(void)
{
	static const struct heap_inside kept = {
		.malloc_state = HEAP_READ,
		.pymalloc_state = HEAP_READ,
		.malloc_name = "glibc 2.36",
		.nr_arenas = 9,
		.malloc_used = 30 * MB,
		.malloc_mapped = 34 * MB,
		.malloc_free = 196 * MB,
		.malloc_free_pages = 181 * MB,
		.malloc_free_threads = 150 * MB,
		.malloc_free_absent = 4 * MB,
		.pymalloc_used = 412 * MB,
		.pymalloc_free = 88 * MB,
		.pymalloc_free_pools = 80 * MB,
		.pymalloc_free_arenas = 12 * MB,
		.pymalloc_nr_arenas = 500,
		.rss = 770 * MB,
	};
	static const struct heap_inside torn = {
		.malloc_state = HEAP_PARTLY,
		.malloc_name = "glibc 2.41",
		.nr_arenas = 1,
		.malloc_used = 350 * MB,
		.malloc_mapped = 100 * MB,
		.malloc_free = MB / 2,
		.torn = 3,
		.rss = 400 * MB,
	};
	static const struct heap_inside others = {
		.malloc_state = HEAP_UNKNOWN,
		.malloc_name = "jemalloc",
		.mimalloc_state = HEAP_PARTLY,
		.mimalloc_used = 10 * MB,
		.mimalloc_free = 2 * MB,
		.mimalloc_free_pages = MB,
		.rss = 400 * MB,
	};
	static const struct heap_inside none = { .rss = 400 * MB };
	struct profile_builder builder = builder_new();

	add(&builder, 4711, &kept);
	add(&builder, 4712, &torn);
	add(&builder, 4713, &others);
	add(&builder, 4714, &none);
	builder_finish(&builder);
	return builder.profile;
}
