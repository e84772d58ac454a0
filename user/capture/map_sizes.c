/* SPDX-License-Identifier: BSD-2-Clause */
/* Sizes of the BPF side's tables; see map_sizes.h. */
#include "map_sizes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include "loader.h"
#include "memory.h"
#include "memprobe.skel.h"
#include <memprobe/wire_preempt.h>
#include <memprobe/wire_unwind.h>

#define REGION_BYTES_SHIFT 21
#define MIN_REGIONS (1U << 15)
#define MAX_REGIONS (1U << 21)

/* As many of a run may lie unused in each scratch memory of each CPU, so on a machine with many
 * CPUs they are short: an eighth of the rows at most. */
static uint32_t choose_id_run(uint32_t rows, uint32_t scratches)
{
	uint32_t run = rows / 8 / scratches;

	if (run > MAX_ID_RUN)
		return MAX_ID_RUN;
	return run ? run : 1;
}

/* Only uprobes' programs can be preempted, and need more than one scratch memory. */
static bool has_uprobes(const struct loader_sizes *sizes)
{
	return sizes->call_frames || sizes->has_allocs || sizes->has_submitters;
}

static uint32_t nr_scratches(const struct loader_sizes *sizes)
{
	int cpus = libbpf_num_possible_cpus();

	return (cpus > 0 ? cpus : 1) * (has_uprobes(sizes) ? NR_SCRATCHES : 1);
}

static uint32_t next_power_of_two(uint32_t value)
{
	uint32_t power = 1;

	while (power < value)
		power *= 2;
	return power;
}

/* With a budget, walks to new paths take it: 3,000 paths, and some 700 for each second that
 * follows. */
static bool counts_all_calls(const struct loader_sizes *sizes)
{
	return sizes->call_frames && !sizes->has_calls_budget;
}

static bool has_parts(const struct loader_sizes *sizes)
{
	return sizes->has_lines || sizes->has_instances;
}

/*
 * How many times as many rows as were asked for. Paths are called that never grow anything: an
 * optimisation with OpenMDAO has 107,000. Where each line or object of a caller is a path of its
 * own, some functions of sympy have 164,000 by object and 236,000 by line. Of what allocates each
 * line is several instructions here: `import asyncio` has more than 32,768 paths where malloc
 * serves all objects.
 * With --native a path has the C functions below it, too: twenty Pythons that use eleven modules of
 * the standard library had 107,000 instead of 20,600, and numpy, pandas and sqlite3 21,500 instead
 * of 2,300.
 */
static uint32_t choose_times(const struct loader_sizes *sizes)
{
	if (counts_all_calls(sizes) && has_parts(sizes))
		return 8;
	if (sizes->has_native)
		return 4;
	return counts_all_calls(sizes) || (sizes->has_allocs && has_parts(sizes)) ? 2 : 1;
}

/* An eighth of the nodes is for growth, and as many sites as were asked for; with a budget half of
 * each. A path that allocates mostly grows too: an eighth of each is for growth alone. */
static void choose_rows(const struct loader_sizes *sizes, struct map_sizes *ret)
{
	bool is_all = counts_all_calls(sizes);
	uint32_t times = choose_times(sizes);

	ret->max_nodes = times * sizes->max_nodes;
	ret->max_sites = times * sizes->max_sites;
	ret->call_nodes = ret->max_nodes / 2;
	ret->call_sites = ret->max_sites / 2;
	if (is_all || sizes->has_allocs)
		ret->call_nodes = ret->max_nodes / 8 * 7;
	if ((is_all && has_parts(sizes)) || sizes->has_allocs)
		ret->call_sites = ret->max_sites / 8 * 7;
}

void map_sizes_choose(const struct loader_sizes *sizes, struct map_sizes *ret)
{
	uint32_t scratches = nr_scratches(sizes), ids;

	choose_rows(sizes, ret);
	ret->id_run = choose_id_run(ret->max_nodes, scratches);
	ids = 1 + ret->max_nodes + RESERVED_ROWS + DEEPER_ROWS + scratches * ret->id_run;
	ret->nr_ids = (ids + NODE_BLOCK - 1) / NODE_BLOCK * NODE_BLOCK;
	if (sizes->ring_mb)
		ret->ring_bytes = next_power_of_two(sizes->ring_mb) << 20;
	else
		ret->ring_bytes =
			(counts_all_calls(sizes) ? DEFAULT_RING_MB : RING_MB_WITHOUT_CALLS) << 20;
	ret->recent_ids = sizes->call_frames ? RECENT_IDS : RECENT_IDS_WITHOUT_CALLS;
}

/* Hashes of which a usual run fills a small part. Where the kernel allows it their entries are
 * allocated one by one; what that costs is that one may fail where memory is short: counted. */
static void allocate_late(struct memprobe *skeleton)
{
	struct bpf_map *const maps[] = {
		skeleton->maps.node_ids,  skeleton->maps.special_ids, skeleton->maps.deeper_ids,
		skeleton->maps.sites,	  skeleton->maps.sightings,   skeleton->maps.instances,
		skeleton->maps.standing,  skeleton->maps.threads,     skeleton->maps.mms,
		skeleton->maps.processes, skeleton->maps.last_looks,
	};

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		bpf_map__set_map_flags(maps[i], bpf_map__map_flags(maps[i]) | BPF_F_NO_PREALLOC);
}

static void size_without_uprobes(struct memprobe *skeleton)
{
	struct bpf_map *const scratches[] = {
		skeleton->maps.paths,	   skeleton->maps.path_parts,
		skeleton->maps.code_cache, skeleton->maps.site_buffers,
		skeleton->maps.id_runs,	   skeleton->maps.interpreter_searches,
	};

	for (size_t i = 0; i < ARRAY_SIZE(scratches); i++)
		bpf_map__set_max_entries(scratches[i], SCRATCH_RSS + 1);
}

static void size_without_calls(const struct loader_sizes *sizes, struct memprobe *skeleton)
{
	bpf_map__set_max_entries(skeleton->maps.sightings, MAX_SIGHTINGS / 2);
	if (!sizes->has_allocs)
		bpf_map__set_max_entries(skeleton->maps.shadows, 1);
	bpf_map__set_max_entries(skeleton->maps.standing, 1);
	bpf_map__set_max_entries(skeleton->maps.call_clocks, 1);
}

static bool is_hot(const struct memprobe *skeleton, const struct bpf_map *map)
{
	return map == skeleton->maps.shadows || map == skeleton->maps.recent_ids ||
	       map == skeleton->maps.nodes || map == skeleton->maps.changed_nodes;
}

/* The verifier replaces each look-up in an array by instructions of its own, one after another, and
 * moves all that is behind: of a start that is a sixth. An array that could lie in another map has
 * no known size, and is looked up by a call (array_map_gen_lookup, kernel/bpf/arraymap.c). Where
 * all calls are counted not those that each call asks: 27 ns of one. */
static void look_up_by_calls(const struct loader_sizes *sizes, struct memprobe *skeleton)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, skeleton->obj)
	{
		if (bpf_map__type(map) == BPF_MAP_TYPE_ARRAY && !bpf_map__is_internal(map) &&
		    !(counts_all_calls(sizes) && is_hot(skeleton, map)))
			bpf_map__set_map_flags(map, bpf_map__map_flags(map) | BPF_F_INNER_MAP);
	}
}

void map_sizes_apply(const struct map_sizes *chosen, const struct loader_sizes *sizes,
		     const struct kernel_features *features, struct memprobe *skeleton)
{
	bpf_map__set_max_entries(skeleton->maps.node_ids, chosen->max_nodes);
	bpf_map__set_max_entries(skeleton->maps.nodes, chosen->nr_ids);
	bpf_map__set_max_entries(skeleton->maps.recent_ids, chosen->recent_ids / 2);
	bpf_map__set_max_entries(skeleton->maps.changed_nodes, chosen->nr_ids / CHANGED_BLOCK);
	/* Ids come back in runs that may be as short as one: what finds no room waits in user
	 * space. */
	bpf_map__set_max_entries(skeleton->maps.free_ids,
				 chosen->nr_ids / chosen->id_run + chosen->nr_ids / 32);
	bpf_map__set_max_entries(skeleton->maps.sites, chosen->max_sites + RESERVED_ROWS);
	bpf_map__set_max_entries(skeleton->maps.ring, chosen->ring_bytes);
	if (!has_uprobes(sizes))
		size_without_uprobes(skeleton);
	if (!sizes->call_frames)
		size_without_calls(sizes, skeleton);
	bpf_map__set_max_entries(skeleton->maps.instances,
				 sizes->has_instances ? 2 * sizes->max_nodes : 1);
	if (!features->has_percpu_counters)
		bpf_map__set_max_entries(skeleton->maps.last_shares, 1);
	if (features->has_preemptible_tracepoints)
		bpf_map__set_max_entries(skeleton->maps.turns, MAX_PREEMPTED);
	/* An allocation makes some 25 look-ups, and there may be 100,000 a second. */
	if (!sizes->has_allocs)
		look_up_by_calls(sizes, skeleton);
	if (features->has_mem_alloc)
		allocate_late(skeleton);
}

/* Regions of 2 MiB for all of the machine's memory twice: they may be thinly filled. Each takes 2
 * KiB once it is there, and 16 bytes before. */
static uint32_t max_regions(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	uint64_t regions = pages > 0 && page > 0 ? (uint64_t)pages * page >> REGION_BYTES_SHIFT : 0;

	if (2 * regions < MIN_REGIONS)
		return MIN_REGIONS;
	return 2 * regions > MAX_REGIONS ? MAX_REGIONS : 2 * regions;
}

void map_sizes_owners(const struct map_sizes *chosen, bool has_owners, struct memprobe *skeleton)
{
	struct bpf_map *const maps[] = { skeleton->maps.held,	    skeleton->maps.regions,
					 skeleton->maps.touches,    skeleton->maps.blank_region,
					 skeleton->maps.progresses, skeleton->maps.chunks };

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		bpf_map__set_autocreate(maps[i], has_owners);
	/* A path that has grown something and still holds of it: a table costs 16 bytes a row
	 * before any is there. */
	bpf_map__set_max_entries(skeleton->maps.held, chosen->max_nodes / 2);
	bpf_map__set_max_entries(skeleton->maps.regions, max_regions());
}

void map_sizes_allocs(const struct map_sizes *chosen, uint32_t max_blocks,
		      struct memprobe *skeleton)
{
	struct bpf_map *const maps[] = { skeleton->maps.allocs, skeleton->maps.blocks,
					 skeleton->maps.allocating, skeleton->maps.reownings };

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		bpf_map__set_autocreate(maps[i], max_blocks);
	bpf_map__set_max_entries(skeleton->maps.allocs, chosen->max_nodes);
	bpf_map__set_max_entries(skeleton->maps.blocks, max_blocks ? max_blocks : 1);
}

void map_sizes_native(uint32_t rows, const struct loader_sizes *sizes, struct memprobe *skeleton)
{
	struct bpf_map *const maps[] = { skeleton->maps.unwind_rows, skeleton->maps.unwind_rules,
					 skeleton->maps.unwind_files, skeleton->maps.unwinds };

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		bpf_map__set_autocreate(maps[i], rows);
	bpf_map__set_max_entries(skeleton->maps.unwind_rows, rows ? rows : 1);
	bpf_map__set_max_entries(skeleton->maps.unwind_rules, UNWIND_MAX_RULES);
	bpf_map__set_max_entries(skeleton->maps.unwind_files, MAX_UNWIND_FILES);
	bpf_map__set_max_entries(skeleton->maps.unwinds,
				 has_uprobes(sizes) ? NR_SCRATCHES : SCRATCH_RSS + 1);
	/* Written through a mapping; what a search looks at 20 times is looked up in line. */
	bpf_map__set_map_flags(skeleton->maps.unwind_rows, BPF_F_MMAPABLE);
}

/* Items that wait, and frames that work on one. */
#define MAX_ITEMS 16384
#define MAX_WORKERS 4096

void map_sizes_submitters(bool has_submitters, struct memprobe *skeleton)
{
	if (!has_submitters)
		return;
	bpf_map__set_max_entries(skeleton->maps.items, MAX_ITEMS);
	bpf_map__set_max_entries(skeleton->maps.workers, MAX_WORKERS);
}
