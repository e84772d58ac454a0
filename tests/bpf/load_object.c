// SPDX-License-Identifier: BSD-2-Clause
/*
 * Does the running kernel load a BPF object? Compiled once for each compiler's object, with that
 * one's skeleton and the program's own loader, so that the choice of programs, map sizes and
 * constants is the program's. With an argument in the first way only: a kernel of 2020 takes a
 * minute for each program that counts calls, in a machine without hardware to run it.
 *
 * And does it stay cheap? Most of what a start costs is the verifier, 0.8 us for each instruction
 * that it goes through. How many these are depends on the code alone, so they have a bound; where
 * kernels have other programs (task caches) they have none.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <memprobe/limits.h>

#include "loader.h"
#include "loader_second.h"
#include "log.h"
#include "memory.h"
#include "memprobe.skel.h"

#define ALL_CALL_FRAMES 0x7 /* leaf, first and second argument */
#define LEAF_FRAMES 0x1
#define NATIVE_ROWS 4096
#define SKIPPED 77

/* A tenth above what the costliest compiler's object takes (6.18). */
#define MOST_OFF 22500
#define MOST_OFF_OWNERS 36000
#define MOST_AUTO 53000
#define MOST_EXACT 93000
#define MOST_LINES 50000
#define MOST_INSTANCES 44000
#define MOST_COW 14300
#define MOST_COW_NATIVE 22100
#define MOST_WAKES 5500
#define MOST_ALLOCS 59000
#define MOST_SUBMITTERS 68700
#define MOST_NATIVE 75300
#define MOST_NATIVE_OFF 26000
#define MOST_NATIVE_LINES 107100
#define MOST_NATIVE_THREADS 65300
#define MOST_NATIVE_ALLOCS 124700

/* What the verifier sees differs: constants are known to it. */
static const struct {
	const char *name;
	struct loader_sizes sizes;
	unsigned int most; /* instructions that the verifier may go through, of all programs */
} ways[] = {
	{ "with --calls=auto",
	  { .call_frames = LEAF_FRAMES, .has_calls_budget = true, .has_owners = true },
	  MOST_AUTO },
	{ "with --calls=exact, all ways, attaching",
	  { .call_frames = ALL_CALL_FRAMES, .attaches = true },
	  MOST_EXACT },
	{ "without calls, with owners",
	  { .follow_children = true, .has_owners = true },
	  MOST_OFF_OWNERS },
	{ "without calls", { .follow_children = true }, MOST_OFF },
	{ "with --lines", { .call_frames = LEAF_FRAMES, .has_lines = true }, MOST_LINES },
	{ "with --allocs",
	  { .follow_children = true, .has_owners = true, .has_allocs = true, .max_blocks = 4096 },
	  MOST_ALLOCS },
	{ "with --submitters",
	  { .call_frames = LEAF_FRAMES, .has_owners = true, .has_submitters = true },
	  MOST_SUBMITTERS },
	{ "with --instances",
	  { .call_frames = LEAF_FRAMES, .has_instances = true },
	  MOST_INSTANCES },
	{ "with --native",
	  { .call_frames = LEAF_FRAMES,
	    .has_calls_budget = true,
	    .has_owners = true,
	    .has_native = true,
	    .native_rows = NATIVE_ROWS },
	  MOST_NATIVE },
	{ "with --native, without calls and owners",
	  { .follow_children = true, .has_native = true, .native_rows = NATIVE_ROWS },
	  MOST_NATIVE_OFF },
	{ "with --native and --lines",
	  { .call_frames = ALL_CALL_FRAMES,
	    .attaches = true,
	    .has_owners = true,
	    .has_lines = true,
	    .has_native = true,
	    .native_rows = NATIVE_ROWS },
	  MOST_NATIVE_LINES },
	{ "with --native, --threads and --instances",
	  { .call_frames = LEAF_FRAMES,
	    .has_owners = true,
	    .has_threads = true,
	    .has_instances = true,
	    .has_native = true,
	    .native_rows = NATIVE_ROWS },
	  MOST_NATIVE_THREADS },
	{ "with --native, --allocs and --submitters",
	  { .call_frames = LEAF_FRAMES,
	    .has_owners = true,
	    .has_allocs = true,
	    .max_blocks = 4096,
	    .has_submitters = true,
	    .has_native = true,
	    .native_rows = NATIVE_ROWS },
	  MOST_NATIVE_ALLOCS },
};

struct counts {
	unsigned int verified; /* 0 before 5.16, which does not tell */
	unsigned int lines;    /* of source, that the kernel knows of */
};

static struct counts count_programs(const struct bpf_object *object)
{
	struct bpf_program *program;
	struct counts sum = { 0 };

	bpf_object__for_each_program(program, object)
	{
		struct bpf_prog_info info = { 0 };
		__u32 size = sizeof(info);

		if (bpf_program__fd(program) < 0 ||
		    bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
			continue;
		sum.verified += info.verified_insns;
		sum.lines += info.nr_line_info;
	}
	return sum;
}

static int check_cost(const char *name, const struct loader *loader,
		      const struct memprobe *skeleton, unsigned int most)
{
	unsigned int verified = count_programs(skeleton->obj).verified;

	printf("%s: the verifier went through %u instructions\n", name, verified);
	/* What becomes of tasks is in programs of its own, with their walks, and in each twice. */
	if (loader->features.has_preemptible_tracepoints)
		most += most / 2;
	if (!loader->features.has_percpu_counters || verified <= most)
		return 0;
	fprintf(stderr, "%s: more than %u\n", name, most);
	return 1;
}

/* What is loaded later: copies when a process has forked, wake-ups when native threads take pages
 * beside several that run Python. */
static int load_second(const char *name, const struct loader *loader,
		       const struct second_programs *programs, unsigned int most)
{
	struct loader_second second = { 0 };
	int error;

	if (!loader->has_owners)
		return 0;
	error = loader_second_load(loader, programs, &second);
	if (error)
		printf("%s: cannot load: %s\n", name, strerror(-error));
	else
		error = check_cost(name, loader, second.skeleton, most);
	loader_second_close(&second);
	return error;
}

static int load(const char *name, struct loader_sizes sizes, unsigned int most)
{
	struct loader loader;
	int error;

	sizes.max_nodes = DEFAULT_MAX_NODES;
	sizes.max_sites = DEFAULT_MAX_SITES;
	sizes.ring_mb = DEFAULT_RING_MB;
	error = loader_open(&sizes, &loader);
	if (error)
		printf("%s: cannot %s '%s': %s\n", name, loader.failed_step, loader.failed_object,
		       strerror(-error));
	else
		error = check_cost(name, &loader, loader.skeleton, most) |
			load_second("copies of shared pages", &loader, &second_cow,
				    sizes.has_native ? MOST_COW_NATIVE : MOST_COW) |
			load_second("wake-ups", &loader, &second_wakes, MOST_WAKES);
	loader_close(&loader);
	return error;
}

/* Lines of source are for messages of the verifier, which nobody sees by default. */
static int check_lines(enum log_level level)
{
	const struct loader_sizes sizes = { .max_nodes = DEFAULT_MAX_NODES,
					    .max_sites = DEFAULT_MAX_SITES };
	struct loader loader;
	unsigned int lines = 0;
	int error;

	log_set_level(level);
	error = loader_open(&sizes, &loader);
	if (!error)
		lines = count_programs(loader.skeleton->obj).lines;
	loader_close(&loader);
	if (!error && (lines > 0) == (level >= LOG_STEPS))
		return 0;
	fprintf(stderr, "at log level %d: error %d, %u lines of source\n", level, error, lines);
	return 1;
}

int main(int argc, char **argv)
{
	size_t wanted = argc > 1 ? 1 : ARRAY_SIZE(ways);
	int failed = 0;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (geteuid() != 0) {
		printf("skipped: only root may load BPF programs\n");
		return SKIPPED;
	}
	log_set_level(LOG_STEPS); /* libbpf shows what the verifier says when it refuses */
	for (size_t i = 0; i < wanted; i++)
		failed |= load(ways[i].name, ways[i].sizes, ways[i].most);
	if (wanted > 1)
		failed |= check_lines(LOG_STEPS) | check_lines(LOG_NORMAL);
	return failed != 0;
}
