/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A dump of as many call paths as are asked for, for tools/bench/run post: big_dump FILE NODES
 *
 * Shaped like a real one: one process, a site for every 20 nodes, paths of some 20 frames; one path
 * in five has grown by up to 60 KiB, every fourth of these has given half of it back.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dump.h"
#include "memory.h"
#include "profile.h"

#define NODES_PER_SITE 20
#define MAX_NODES 16000000
#define NEAR 64 /* a parent is mostly one of so many nodes before */

static uint64_t next_random(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15ULL; /* splitmix64 */

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	return (value ^ value >> 27) * 0x94d049bb133111ebULL;
}

static void add_sites(struct profile *profile, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		_cleanup_(freep) char *file = xasprintf(
			"/usr/lib/python3/dist-packages/pkg%u/m%u.py", i / 100, i / 10);
		_cleanup_(freep) char *name = xasprintf("Class%u.method_%u", i / 5, i);
		const struct site site = {
			.kind = SITE_PYTHON,
			.file = string_pool_add(&profile->strings, file),
			.name = string_pool_add(&profile->strings, name),
			.line = (int32_t)(i % 1000) + 1,
			.version = 0x30b,
		};

		profile_add_site(profile, &site);
	}
}

static void add_nodes(struct profile *profile, uint32_t count, uint32_t nr_sites)
{
	uint64_t state = 1;

	while (profile->nr_nodes < count) {
		uint64_t random = next_random(&state);
		uint32_t nodes = profile->nr_nodes, near = nodes < NEAR ? nodes : NEAR, node;
		uint32_t parent = nodes ? nodes - 1 - (uint32_t)(random % near) : NO_NODE;
		struct cost cost = { 0 };

		if (random >> 32 & 1 && parent != NO_NODE)
			parent /= 2;
		if ((random >> 50) % 5 == 0)
			cost.grown[KIND_ANON] = (int64_t)(random >> 40 & 0xf) << 12;
		if (!(random >> 48 & 3))
			cost.released[KIND_ANON] = cost.grown[KIND_ANON] / 2;
		node = profile_add_node(profile, 0, parent, (uint32_t)(random >> 16) % nr_sites,
					1000 * nodes);
		profile_add_cost(profile, node, &cost);
		profile_add_calls(profile, node, 1 + (random >> 56));
		for (int kind = 0; kind < NR_KINDS; kind++)
			profile->processes[0].books[kind] += cost.grown[kind] - cost.released[kind];
	}
}

int main(int argc, char **argv)
{
	uint32_t count = argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	struct dump_create create = { .force = true, .uid = getuid(), .gid = getgid() };
	struct profile *profile;
	struct dump_writer *writer;
	int err;

	if (count < NODES_PER_SITE || count > MAX_NODES) {
		fprintf(stderr, "usage: big_dump FILE NODES\n");
		return 2;
	}
	create.path = argv[1];
	profile = profile_new();
	profile_add_process(profile);
	profile->processes[0].pid = 1000;
	profile->processes[0].command = string_pool_add(&profile->strings, "python3 big.py");
	profile->processes[0].python = string_pool_add(&profile->strings, "3.11.2");
	profile->processes[0].calls_method = CALLS_BY_USDT;
	profile->processes[0].calls_seen = CALLS_SEEN_ALL;
	add_sites(profile, count / NODES_PER_SITE);
	add_nodes(profile, count, count / NODES_PER_SITE);
	memcpy(profile->processes[0].kernel, profile->processes[0].books,
	       sizeof(profile->processes[0].kernel));
	profile->processes[0].peak = rss_of(profile->processes[0].books);
	err = dump_create(&create, &writer);
	if (!err)
		err = dump_close(writer, profile);
	profile_free(profile);
	if (err)
		fprintf(stderr, "big_dump: cannot write '%s': error %d\n", argv[1], -err);
	return err ? 1 : 0;
}
