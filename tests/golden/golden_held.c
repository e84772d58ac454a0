/* SPDX-License-Identifier: BSD-2-Clause */
/* A profile with owners of pages; see golden_profiles.h. */
#include "golden_profiles.h"

#include <signal.h>

#include "profile_builder.h"

#define SCRIPT "/home/u/peak.py"
#define NUMPY "/usr/lib/python3/dist-packages/numpy/core/numeric.py"
#define SMALL_PATHS 12

/* outer() took 512 MB once, what grows most is _var(). */
static void add_parent(struct profile_builder *builder)
{
	uint32_t main, node, cost;

	builder_process(builder, 4711, "python3 peak.py", "3.11.2");
	builder_hold(builder, builder_special(builder, NO_NODE, SITE_STARTUP, NULL, 8), KIND_ANON,
		     6, 8);
	main = builder_python(builder, NO_NODE, SCRIPT, "<module>", 1);
	builder_hold(builder, main, KIND_ANON, 1, 1);
	node = builder_python(builder, main, SCRIPT, "small_steps", 0);
	node = builder_python(builder, node, SCRIPT, "normalize", 0);
	cost = builder_python(builder, node, NUMPY, "_var", 0);
	builder_cost(builder, cost, KIND_ANON, 640 * MB, 640 * MB);
	node = builder_python(builder, main, SCRIPT, "spike", 0);
	node = builder_python(builder, node, SCRIPT, "correlate", 0);
	builder_hold(builder, builder_python(builder, node, NUMPY, "outer", 0), KIND_ANON, 0, 512);
	node = builder_python(builder, main, SCRIPT, "keep", 40);
	builder_hold(builder, node, KIND_ANON, 40, 0);
	for (int i = 0; i < SMALL_PATHS; i++) {
		const char name[] = { 'f', (char)('a' + i), '\0' };

		builder_hold(builder, builder_python(builder, node, SCRIPT, name, i),
			     i % 2 ? KIND_FILE : KIND_SHMEM, i, i * 0.25);
	}
	builder_hold(builder, builder_special(builder, NO_NODE, SITE_NATIVE, "pool", 2), KIND_ANON,
		     2, 2);
	builder_hold(builder, builder_special(builder, NO_NODE, SITE_UNOWNED, NULL, 0), KIND_ANON,
		     0.5, -0.25);
}

static void add_killed_child(struct profile_builder *builder)
{
	uint32_t process = builder_process(builder, 4712, "python3 peak.py", "3.11.2");

	builder->profile->processes[process].end = END_SIGNAL;
	builder->profile->processes[process].exit_signal = SIGKILL;
	builder->profile->processes[process].peak_time_ns = 12410000000;
	builder_opening(builder, BEGAN_FORK, 50);
	builder_hold(builder, builder_special(builder, NO_NODE, SITE_INHERITED, NULL, 0), KIND_ANON,
		     30, 50);
	builder_hold(builder, builder_python(builder, NO_NODE, SCRIPT, "worker", 100), KIND_ANON,
		     100, 64);
}

struct profile *golden_held(void)
{
	struct profile_builder builder = builder_new();

	add_parent(&builder);
	add_killed_child(&builder);
	builder_finish(&builder);
	for (size_t i = 0; i < builder.profile->nr_processes; i++)
		builder.profile->processes[i].has_mapped = true;
	return builder.profile;
}
