/* SPDX-License-Identifier: BSD-2-Clause */
/* Profiles built in code; see profile_builder.h. */
#include "profile_builder.h"

#include <string.h>

#include "memory.h"

#define NS_PER_MS 1000000
#define PYTHON_VERSION 0x30b

struct profile_builder builder_new(void)
{
	return (struct profile_builder){ .profile = profile_new() };
}

uint32_t builder_process(struct profile_builder *builder, uint32_t pid, const char *command,
			 const char *python)
{
	struct profile *profile = builder->profile;
	struct process *process;

	builder->process = profile_add_process(profile);
	process = &profile->processes[builder->process];
	process->pid = pid;
	process->ppid = 1;
	process->command = string_pool_add(&profile->strings, command);
	process->python = string_pool_add(&profile->strings, python ? python : "");
	process->end = END_EXIT;
	process->start_ns = profile->nr_nodes * NS_PER_MS;
	return builder->process;
}

void builder_opening(struct profile_builder *builder, enum begin_reason begin, double anon_mb)
{
	struct process *process = &builder->profile->processes[builder->process];

	process->begin = begin;
	process->opening[KIND_ANON] = (int64_t)(anon_mb * MB);
}

static uint32_t add_node(struct profile_builder *builder, uint32_t parent, const struct site *site,
			 double anon_mb)
{
	struct profile *profile = builder->profile;
	uint32_t node = profile_add_node(profile, builder->process, parent,
					 profile_add_site(profile, site),
					 profile->nr_nodes * NS_PER_MS);
	int64_t bytes = (int64_t)(anon_mb * MB);

	builder_cost(builder, node, KIND_ANON, bytes > 0 ? bytes : 0, bytes < 0 ? -bytes : 0);
	return node;
}

uint32_t builder_python(struct profile_builder *builder, uint32_t parent, const char *file,
			const char *name, double anon_mb)
{
	struct string_pool *strings = &builder->profile->strings;
	struct site site = {
		.kind = SITE_PYTHON,
		.file = string_pool_add(strings, file),
		.name = string_pool_add(strings, name),
		.line = strcmp(name, "<module>") != 0 ? (int32_t)strlen(name) : 1,
		.version = PYTHON_VERSION,
	};

	return add_node(builder, parent, &site, anon_mb);
}

uint32_t builder_module_line(struct profile_builder *builder, uint32_t parent, const char *file,
			     int32_t at, double anon_mb)
{
	struct string_pool *strings = &builder->profile->strings;
	struct site site = {
		.kind = SITE_PYTHON,
		.file = string_pool_add(strings, file),
		.name = string_pool_add(strings, "<module>"),
		.line = 1,
		.at = at,
		.version = PYTHON_VERSION,
	};

	return add_node(builder, parent, &site, anon_mb);
}

uint32_t builder_c(struct profile_builder *builder, uint32_t parent, const char *library,
		   const char *name, uint64_t offset, double anon_mb)
{
	struct string_pool *strings = &builder->profile->strings;
	struct site site = {
		.kind = SITE_C,
		.file = string_pool_add(strings, library),
		.name = string_pool_add(strings, name),
		.offset = offset,
	};

	return add_node(builder, parent, &site, anon_mb);
}

uint32_t builder_special(struct profile_builder *builder, uint32_t parent, enum wire_site_kind kind,
			 const char *name, double anon_mb)
{
	struct site site = { .kind = kind };

	site.name = string_pool_add(&builder->profile->strings, name ? name : "");
	return add_node(builder, parent, &site, anon_mb);
}

void builder_cost(struct profile_builder *builder, uint32_t node, enum wire_kind kind,
		  int64_t grown, int64_t released)
{
	struct cost cost = { 0 };

	cost.grown[kind] = grown;
	cost.released[kind] = released;
	profile_add_cost(builder->profile, node, &cost);
}

void builder_hold(struct profile_builder *builder, uint32_t node, enum wire_kind kind,
		  double live_mb, double peak_mb)
{
	struct process *process = &builder->profile->processes[builder->process];
	struct cost cost = { 0 };

	cost.live[kind] = (int64_t)(live_mb * MB);
	cost.peak[kind] = (int64_t)(peak_mb * MB);
	profile_add_cost(builder->profile, node, &cost);
	process->has_owners = true;
	process->live[kind] += cost.live[kind];
	process->peak_held[kind] += cost.peak[kind];
}

void builder_allocate(struct profile_builder *builder, uint32_t node,
		      const struct builder_allocs *allocs)
{
	struct process *process = &builder->profile->processes[builder->process];
	const struct cost cost = {
		.alloc_end = (int64_t)(allocs->end_mb * MB),
		.alloc_peak = (int64_t)(allocs->peak_mb * MB),
		.alloc_blocks = allocs->blocks,
		.alloc_taken = (int64_t)(2 * allocs->peak_mb * MB),
		.alloc_taken_blocks = allocs->taken_blocks,
		.alloc_freed_blocks = allocs->taken_blocks - allocs->blocks,
	};

	profile_add_cost(builder->profile, node, &cost);
	process->has_allocs = true;
	process->alloc_end += cost.alloc_end;
	process->alloc_peak += cost.alloc_peak;
}

void builder_count(struct profile_builder *builder, enum calls_method method, bool is_complete,
		   const char *reason)
{
	struct process *process = &builder->profile->processes[builder->process];

	process->calls_method = method;
	process->calls_seen = is_complete ? CALLS_SEEN_ALL : CALLS_SEEN_SOME;
	process->calls_reason = string_pool_add(&builder->profile->strings, reason);
}

void builder_calls(struct profile_builder *builder, uint32_t node, uint64_t calls)
{
	profile_add_calls(builder->profile, node, calls);
}

static void finish_process(struct profile *profile, uint32_t index)
{
	struct process *process = &profile->processes[index];

	memcpy(process->books, process->opening, sizeof(process->books));
	process->peak = rss_of(process->opening);
	for (size_t i = 0; i < profile->nr_nodes; i++) {
		const struct node *node = &profile->nodes[i];
		const struct cost self = profile_cost(profile, i);

		if (node->process != index)
			continue;
		for (int kind = 0; kind < NR_KINDS; kind++)
			process->books[kind] += cost_growth_of(&self, kind);
		process->peak += cost_grown(&self);
		process->end_ns = node->first_ns + NS_PER_MS;
	}
	if (process->has_owners)
		process->peak = rss_of(process->peak_held);
	memcpy(process->kernel, process->books, sizeof(process->kernel));
}

void builder_finish(struct profile_builder *builder)
{
	struct profile *profile = builder->profile;

	for (size_t i = 0; i < profile->nr_processes; i++)
		finish_process(profile, i);
	profile->meta.started_s = 1795536000;
	profile->meta.duration_ns = (profile->nr_nodes + 1) * (uint64_t)NS_PER_MS;
	profile->meta.kernel = xstrdup("6.18.44");
	profile->meta.memprobe = xstrdup("0.1.0");
	profile->meta.is_complete = true;
}
