/* SPDX-License-Identifier: BSD-2-Clause */
/* A profile with histories of what is held; see golden_profiles.h. */
#include "golden_profiles.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "profile_builder.h"
#include "profile_history.h"

#define SCRIPT "/home/u/server.py"
#define NR_SLOTS 24U

typedef int64_t (*low_at)(uint32_t slot);

static int64_t leak_at(uint32_t slot)
{
	return (int64_t)slot * 3 * MB;
}

static int64_t slow_leak_at(uint32_t slot)
{
	return (int64_t)slot * MB / 8;
}

/* Full after half of the run. */
static int64_t cache_at(uint32_t slot)
{
	return (slot < NR_SLOTS / 2 ? (int64_t)slot : (int64_t)NR_SLOTS / 2) * 4 * MB;
}

static int64_t churn_at(uint32_t slot)
{
	return slot % 3 ? 50 * MB : 0;
}

static void keep_history(struct profile *profile, uint32_t node, low_at low)
{
	struct node_history history = { .node = node, .last = NR_SLOTS - 1 };

	for (uint32_t slot = 0; slot < NR_SLOTS; slot++)
		history.low[slot] = low(slot);
	profile_set_history(profile, &history);
}

static void hold(struct profile_builder *builder, uint32_t node, low_at low)
{
	double live = (double)low(NR_SLOTS) / MB;

	builder_hold(builder, node, KIND_ANON, live, live);
	keep_history(builder->profile, node, low);
}

static uint32_t add_path(struct profile_builder *builder, uint32_t parent, const char *name,
			 low_at low)
{
	double live = (double)low(NR_SLOTS) / MB;
	uint32_t node = builder_python(builder, parent, SCRIPT, name, live);

	hold(builder, node, low);
	builder_calls(builder, node, 480);
	return node;
}

/* remember() keeps what malloc gives out again; compute() touched it first. The arena of note() it
 * has mapped itself. */
struct profile *golden_heap_leaks(void)
{
	struct profile *profile = golden_leaks();

	profile->processes[0].has_mapped = true;
	for (size_t i = 0; i < profile->nr_histories; i++) {
		uint32_t node = profile->histories[i].node;
		const char *name = profile_string(profile,
						  profile->sites[profile->nodes[node].site].name);
		const struct cost mapped = { .mapped = 40 * MB };

		if (!strcmp(name, "note"))
			profile_add_cost(profile, node, &mapped);
	}
	return profile;
}

/* The same of a capture that was asked for allocations, where a block may be unseen. */
struct profile *golden_heap_leaks_unseen(void)
{
	struct profile *profile = golden_heap_leaks();

	free(profile->meta.options);
	profile->meta.options = xstrdup("--allocs");
	profile->processes[0].losses[LOSS_mimalloc_unseen].events = 1;
	return profile;
}

static void set_times(struct profile *profile, uint32_t process)
{
	profile->processes[process].start_ns = 0;
	profile->processes[process].end_ns = NR_SLOTS * HISTORY_SLOT_NS;
	profile->meta.duration_ns = NR_SLOTS * HISTORY_SLOT_NS;
}

/* What functions of C keep that one of Python has called. */
struct profile *golden_native_leaks(void)
{
	struct profile_builder builder = builder_new();
	uint32_t process = builder_process(&builder, 4711, "python3 server.py", "3.11.2");
	uint32_t main = builder_python(&builder, NO_NODE, SCRIPT, "<module>", 5);
	uint32_t remember = builder_python(&builder, main, SCRIPT, "remember", 0), node;

	builder_count(&builder, CALLS_BY_USDT, true, "");
	builder_hold(&builder, main, KIND_ANON, 5, 5);
	builder_calls(&builder, remember, 480);
	node = builder_c(&builder, remember, "/usr/bin/python3.11", "list_append", 0x5a0000, 0);
	node = builder_c(&builder, node, "/usr/bin/python3.11", "list_resize", 0x5a0100, 0);
	hold(&builder, builder_c(&builder, node, "/lib/libc.so.6", "realloc", 0x90000, 72),
	     leak_at);
	builder_finish(&builder);
	set_times(builder.profile, process);
	return builder.profile;
}

struct profile *golden_leaks(void)
{
	struct profile_builder builder = builder_new();
	uint32_t process = builder_process(&builder, 4711, "python3 server.py", "3.11.2");
	uint32_t main = builder_python(&builder, NO_NODE, SCRIPT, "<module>", 5);
	uint32_t handle = builder_python(&builder, main, SCRIPT, "handle", 0);

	builder_count(&builder, CALLS_BY_USDT, true, "");
	builder_hold(&builder, main, KIND_ANON, 5, 5);
	add_path(&builder, handle, "remember", leak_at);
	add_path(&builder, handle, "note", slow_leak_at);
	add_path(&builder, handle, "look_up", cache_at);
	add_path(&builder, handle, "compute", churn_at);
	/* Another process that leaks nothing has no block. */
	builder_process(&builder, 4712, "python3 idle.py", "3.11.2");
	main = builder_python(&builder, NO_NODE, "/home/u/idle.py", "<module>", 9);
	builder_hold(&builder, main, KIND_ANON, 9, 9);
	builder_finish(&builder);
	set_times(builder.profile, process);
	return builder.profile;
}
