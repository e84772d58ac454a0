/* SPDX-License-Identifier: BSD-2-Clause */
/* heap_tool PID SECONDS: what is inside the allocators of a process, `name value` a line. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "heap_inside.h"

#define NS_PER_S 1e9

static void print(const struct heap_inside *inside)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "malloc_state", inside->malloc_state },
		{ "pymalloc_state", inside->pymalloc_state },
		{ "mimalloc_state", inside->mimalloc_state },
		{ "nr_arenas", inside->nr_arenas },
		{ "malloc_used", inside->malloc_used },
		{ "malloc_free", inside->malloc_free },
		{ "malloc_mapped", inside->malloc_mapped },
		{ "malloc_free_absent", inside->malloc_free_absent },
		{ "malloc_free_pages", inside->malloc_free_pages },
		{ "pymalloc_used", inside->pymalloc_used },
		{ "pymalloc_free", inside->pymalloc_free },
		{ "pymalloc_free_pools", inside->pymalloc_free_pools },
		{ "pymalloc_nr_arenas", inside->pymalloc_nr_arenas },
		{ "mimalloc_used", inside->mimalloc_used },
		{ "mimalloc_free", inside->mimalloc_free },
		{ "torn", inside->torn },
		{ "rss", inside->rss },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		printf("%s %" PRIu64 "\n", rows[i].name, rows[i].value);
	printf("malloc_name %s\n", inside->malloc_name);
}

int main(int argc, char **argv)
{
	struct heap_inside inside = { 0 };
	uint64_t begin = clock_ns();
	int err;

	if (argc != 3)
		return 2;
	err = heap_inside_read((pid_t)strtol(argv[1], NULL, 10),
			       (uint64_t)(strtod(argv[2], NULL) * NS_PER_S), &inside);
	if (err) {
		fprintf(stderr, "heap_tool: error %d\n", err);
		return 1;
	}
	print(&inside);
	printf("ns %" PRIu64 "\n", clock_ns() - begin);
	return 0;
}
