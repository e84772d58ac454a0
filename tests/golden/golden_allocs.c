/* SPDX-License-Identifier: BSD-2-Clause */
/* Profiles with blocks of an allocator; see golden_profiles.h. */
#include "golden_profiles.h"

#include <stdlib.h>

#include "memory.h"
#include "profile_builder.h"
#include "profile_history.h"

#define SCRIPT "/home/u/server.py"
#define NR_SLOTS 24U

/* compute() opens the heap in which remember() keeps what it allocates. */
static void add_server(struct profile_builder *builder)
{
	uint32_t main, handle, node;

	builder_process(builder, 4711, "python3 server.py", "3.11.2");
	node = builder_special(builder, NO_NODE, SITE_STARTUP, NULL, 8);
	builder_hold(builder, node, KIND_ANON, 6, 6);
	builder_allocate(builder, node, &(struct builder_allocs){ 3.5, 4, 2100, 9000 });
	main = builder_python(builder, NO_NODE, SCRIPT, "<module>", 1);
	builder_hold(builder, main, KIND_ANON, 1, 1);
	handle = builder_python(builder, main, SCRIPT, "handle", 0);
	node = builder_python(builder, handle, SCRIPT, "compute", 1570);
	builder_hold(builder, node, KIND_ANON, 4, 12);
	builder_allocate(builder, node, &(struct builder_allocs){ 0, 8, 0, 600 });
	node = builder_python(builder, handle, SCRIPT, "remember", 27.5);
	builder_hold(builder, node, KIND_ANON, 300, 299.5);
	builder_allocate(builder, node, &(struct builder_allocs){ 300, 299.5, 600, 600 });
	/* What is of files is no allocator's. */
	node = builder_python(builder, main, SCRIPT, "read", 0);
	builder_cost(builder, node, KIND_FILE, 90 * MB, 0);
	builder_hold(builder, node, KIND_FILE, 90, 90);
	for (int i = 0; i < 9; i++) {
		const char name[] = { 'f', (char)('a' + i), '\0' };

		node = builder_python(builder, main, SCRIPT, name, 0.25 * i);
		builder_allocate(builder, node, &(struct builder_allocs){ 0.5, 0.5, 10 + i, 20 });
	}
	builder_hold(builder, builder_special(builder, NO_NODE, SITE_FREE, NULL, 0), KIND_ANON,
		     1280, 100);
}

static void add_attached(struct profile_builder *builder)
{
	uint32_t process = builder_process(builder, 4800, "python3 worker.py", "3.12.1"), node;

	builder->profile->processes[process].allocs_since_ns = 2500000000;
	builder->profile->processes[process].unknown_frees = 12;
	builder_opening(builder, BEGAN_ATTACH, 50);
	node = builder_python(builder, NO_NODE, "/home/u/worker.py", "work", 5);
	builder_allocate(builder, node, &(struct builder_allocs){ 4.5, 4.5, 1, 7 });
}

/* Nothing was followed there. */
static void add_other(struct profile_builder *builder)
{
	builder_process(builder, 4801, "python3 other.py", "3.12.1");
	builder_python(builder, NO_NODE, "/home/u/other.py", "<module>", 5);
}

struct profile *golden_allocs(void)
{
	struct profile_builder builder = builder_new();

	add_server(&builder);
	add_attached(&builder);
	add_other(&builder);
	builder_finish(&builder);
	return builder.profile;
}

/* ---- Leaks ---- */

typedef int64_t (*low_at)(uint32_t slot);

static int64_t leak_at(uint32_t slot)
{
	return (int64_t)slot * 3 * MB;
}

static int64_t slow_leak_at(uint32_t slot)
{
	return (int64_t)slot * MB / 8;
}

/* What was taken in all: of the one before as much was dropped, before the first slot. */
static int64_t leak_taken_at(uint32_t slot)
{
	return leak_at(NR_SLOTS) + leak_at(slot);
}

/* Of this one in all the time. */
static int64_t slow_leak_taken_at(uint32_t slot)
{
	return 2 * slow_leak_at(slot);
}

static int64_t churn_at(uint32_t slot)
{
	return slot % 3 ? 50 * MB : 0;
}

static void keep(struct profile *profile, uint32_t node, enum history_kind kind, low_at low)
{
	struct node_history history = { .node = node, .kind = kind, .last = NR_SLOTS - 1 };

	for (uint32_t slot = 0; slot < NR_SLOTS; slot++)
		history.low[slot] = low(slot);
	profile_set_history(profile, &history);
}

static double mb_at_end(low_at low)
{
	return (double)low(NR_SLOTS) / MB;
}

/* remember() leaks large blocks, note() small ones of which it frees some; list() leaks memory of
 * its own mapping; compute() may be but the first to touch what the others keep. */
static void add_paths(struct profile_builder *builder, uint32_t handle)
{
	struct profile *profile = builder->profile;
	const struct cost mapped = { .mapped = 64 * MB };
	uint32_t node = builder_python(builder, handle, SCRIPT, "remember", 1);

	builder_calls(builder, node, 480);
	builder_allocate(
		builder, node,
		&(struct builder_allocs){ mb_at_end(leak_at), mb_at_end(leak_at), 144, 144 });
	builder_hold(builder, node, KIND_ANON, mb_at_end(leak_at), 1);
	keep(profile, node, HISTORY_ALLOCATED, leak_at);
	keep(profile, node, HISTORY_TAKEN, leak_taken_at);
	keep(profile, node, HISTORY_LIVE, leak_at); /* told once */
	node = builder_python(builder, handle, SCRIPT, "note", 1);
	builder_calls(builder, node, 48000);
	builder_allocate(builder, node,
			 &(struct builder_allocs){ mb_at_end(slow_leak_at), mb_at_end(slow_leak_at),
						   36000, 48000 });
	keep(profile, node, HISTORY_ALLOCATED, slow_leak_at);
	keep(profile, node, HISTORY_TAKEN, slow_leak_taken_at);
	node = builder_python(builder, handle, SCRIPT, "compute", 90);
	builder_allocate(builder, node, &(struct builder_allocs){ 0, 50, 0, 600 });
	builder_hold(builder, node, KIND_ANON, mb_at_end(leak_at), 1);
	keep(profile, node, HISTORY_ALLOCATED, churn_at);
	keep(profile, node, HISTORY_LIVE, leak_at);
	node = builder_python(builder, handle, SCRIPT, "list", 90);
	builder_hold(builder, node, KIND_ANON, mb_at_end(leak_at), 1);
	profile_add_cost(profile, node, &mapped);
	keep(profile, node, HISTORY_LIVE, leak_at);
	/* What lies about free is nobody's leak. */
	node = builder_special(builder, NO_NODE, SITE_FREE, NULL, 0);
	builder_hold(builder, node, KIND_ANON, mb_at_end(leak_at), 1);
	keep(profile, node, HISTORY_LIVE, leak_at);
}

struct profile *golden_alloc_leaks(void)
{
	struct profile_builder builder = builder_new();
	uint32_t process = builder_process(&builder, 4711, "python3 server.py", "3.11.2"), main;

	builder_count(&builder, CALLS_BY_USDT, true, "");
	main = builder_python(&builder, NO_NODE, SCRIPT, "<module>", 5);
	add_paths(&builder, builder_python(&builder, main, SCRIPT, "handle", 0));
	builder_finish(&builder);
	builder.profile->processes[process].start_ns = 0;
	builder.profile->processes[process].end_ns = NR_SLOTS * HISTORY_SLOT_NS;
	builder.profile->processes[process].has_mapped = true;
	free(builder.profile->meta.options);
	builder.profile->meta.options = xstrdup("-o server.raw --allocs=512");
	builder.profile->meta.duration_ns = NR_SLOTS * HISTORY_SLOT_NS;
	return builder.profile;
}
