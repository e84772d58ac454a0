// SPDX-License-Identifier: BSD-2-Clause
/*
 * Does the running kernel load a BPF object? Compiled once for each compiler's object, with that
 * one's skeleton and the program's own loader, so that the choice of programs, map sizes and
 * constants is the program's.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <memprobe/limits.h>

#include "loader.h"
#include "log.h"
#include "memory.h"

#define ALL_CALL_FRAMES 0x7 /* leaf, first and second argument */
#define SKIPPED 77

/* What the verifier sees differs: constants are known to it. */
static const struct {
	const char *name;
	struct loader_sizes sizes;
} ways[] = {
	{ "without calls", { .follow_children = true } },
	{ "with --calls=exact", { .call_frames = ALL_CALL_FRAMES } },
	{ "with --calls=auto", { .call_frames = ALL_CALL_FRAMES, .has_calls_budget = true } },
	{ "with --lines", { .call_frames = ALL_CALL_FRAMES, .has_lines = true } },
	{ "with --instances", { .call_frames = ALL_CALL_FRAMES, .has_instances = true } },
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

int main(void)
{
	int failed = 0;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (geteuid() != 0) {
		printf("skipped: only root may load BPF programs\n");
		return SKIPPED;
	}
	log_set_level(LOG_STEPS); /* libbpf shows what the verifier says when it refuses */
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		failed |= load(ways[i].name, ways[i].sizes);
	return failed != 0;
}
