// SPDX-License-Identifier: BSD-2-Clause
/*
 * Does the running kernel load a BPF object? Compiled once for each compiler's object, with that
 * one's skeleton and the program's own loader, so that the choice of programs, map sizes and
 * constants is the program's. With an argument in the first way only: a kernel of 2020 takes a
 * minute for each program that counts calls, in a machine without hardware to run it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <memprobe/limits.h>

#include "loader.h"
#include "log.h"
#include "memory.h"

#define ALL_CALL_FRAMES 0x7 /* leaf, first and second argument */
#define LEAF_FRAMES 0x1
#define SKIPPED 77

/* What the verifier sees differs: constants are known to it. */
static const struct {
	const char *name;
	struct loader_sizes sizes;
} ways[] = {
	{ "with --calls=auto", { .call_frames = LEAF_FRAMES, .has_calls_budget = true } },
	{ "with --calls=exact, all ways", { .call_frames = ALL_CALL_FRAMES } },
	{ "without calls", { .follow_children = true } },
	{ "with --lines", { .call_frames = LEAF_FRAMES, .has_lines = true } },
	{ "with --instances", { .call_frames = LEAF_FRAMES, .has_instances = true } },
};

static int load(const char *name, struct loader_sizes sizes)
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
	loader_close(&loader);
	return error;
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
		failed |= load(ways[i].name, ways[i].sizes);
	return failed != 0;
}
