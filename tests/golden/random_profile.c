/* SPDX-License-Identifier: BSD-2-Clause */
/* Random nodes, some of them of the import machinery; see random_profile.h. */
#include "random_profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "memory.h"
#include "profile_builder.h"

#define MAX_NODES 400

static unsigned int seed;

void random_begin(const char *wanted)
{
	seed = wanted ? strtoul(wanted, NULL, 10) : (unsigned int)time(NULL);
	printf("seed %u\n", seed);
}

uint32_t random_below(uint32_t limit)
{
	return (uint32_t)rand_r(&seed) % limit;
}

const char *const random_files[RANDOM_FILES] = {
	"/a.py",
	"/b.py",
	"<frozen importlib._bootstrap>",
	"/x/importlib/_bootstrap.py",
	"<frozen zipimport>",
};

/* Of one library a name is one function; without a name the address says which. */
static uint32_t add_random_c(struct profile_builder *builder, uint32_t parent)
{
	static const char *const libraries[] = { "/usr/lib/libpython3.11.so.1.0", "/lib/libc.so.6",
						 "/site-packages/numpy/umath.so" };
	static const char *const names[] = { "malloc", "multiply", "" };
	uint32_t name = random_below(ARRAY_SIZE(names));

	return builder_c(builder, parent, libraries[random_below(ARRAY_SIZE(libraries))],
			 names[name], *names[name] ? 16 * name : random_below(3), 0);
}

static uint32_t add_random_node(struct profile_builder *builder, uint32_t parent)
{
	static const char *const names[] = { "f", "g", "C.m", "<module>" };
	uint32_t node;

	if (random_below(8) == 0)
		node = builder_special(builder, parent, 1 + random_below(SITE_DEEPER),
				       random_below(2) ? "cmd" : "worker", 0);
	else if (random_below(8) == 0)
		node = add_random_c(builder, parent);
	else
		node = builder_python(builder, parent, random_files[random_below(RANDOM_FILES)],
				      names[random_below(ARRAY_SIZE(names))], 0);
	for (int kind = 0; kind < NR_KINDS; kind++)
		builder_cost(builder, node, kind, random_below(4 * MB), random_below(4 * MB));
	builder->profile->nodes[node].first_ns = random_below(100);
	builder_calls(builder, node, random_below(4));
	return node;
}

struct profile *random_profile_new(void)
{
	struct profile_builder builder = builder_new();
	uint32_t nodes[3][MAX_NODES], counts[3] = { 0 };

	for (int i = 0; i < 3; i++) {
		builder_process(&builder, 10 + i, "/bin/cmd", random_below(3) ? "3.11.2" : NULL);
		builder_opening(&builder, random_below(3), 10);
		builder_count(&builder, random_below(3), random_below(2), "");
	}
	for (uint32_t i = 0, count = random_below(MAX_NODES); i < count; i++) {
		uint32_t process = random_below(3), parent = NO_NODE;

		if (counts[process] && random_below(10))
			parent = nodes[process][random_below(counts[process])];
		builder.process = process;
		nodes[process][counts[process]++] = add_random_node(&builder, parent);
	}
	builder_finish(&builder);
	return builder.profile;
}
