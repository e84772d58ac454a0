/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One after the other, as long as there is time; see insides.h. Who asks waits meanwhile, and so do
 * the records of what goes on: the ring holds those of a second.
 */
#include "insides.h"

#include "clock.h"
#include "heap_cure.h"
#include "inspect_heap.h"
#include "memory.h"
#include "running.h"

#define ALL_NS 1000000000ULL

/* Where the process's runtime says that it finalizes; 0: it has none, or nobody knows. */
static uint64_t find_finalizing(const struct capture_base *base, uint32_t image_id)
{
	const struct interpreter_entry *entry;
	struct wire_python python;

	if (!loader_find_python(base->loader, image_id, &python))
		return 0;
	entry = interpreters_entry(base->interpreters, python.layout);
	if (!entry || !entry->interpreter.layout.finalizing_vaddr)
		return 0;
	return entry->interpreter.layout.finalizing_vaddr + python.bias;
}

/* A reading of what the runtime takes down, or of another image of the same process, is none. */
void insides_read_one(const struct capture_base *base, uint32_t index, uint64_t budget_ns)
{
	struct process *process = &base->profile->processes[index];
	uint32_t image_id = drain_image(base->drain, index);
	const struct heap_question question = {
		.pid = (pid_t)process->pid,
		.budget_ns = budget_ns,
		.finalizing = image_id ? find_finalizing(base, image_id) : 0,
	};
	struct heap_inside inside;

	if (inspect_standing_heap(base->inspector, &question, &inside) ||
	    !heap_inside_is_any(&inside) ||
	    (image_id && !loader_is_live(base->loader, image_id % MAX_IMAGES, image_id)))
		return;
	process->inside = inside;
	process->has_inside = true;
	process->inside_ns = base->profile->meta.duration_ns;
	process->is_dirty = true;
}

void insides_read(const struct capture_base *base)
{
	struct profile *profile = base->profile;
	_cleanup_(freep) struct running *running = xcalloc(profile->nr_processes, sizeof(*running));
	size_t count = running_find(profile, running);
	uint64_t begin_ns = clock_ns(), used_ns = 0;

	for (size_t i = 0; i < count && used_ns < ALL_NS; i++) {
		uint64_t left_ns = ALL_NS - used_ns;

		insides_read_one(base, running[i].process,
				 left_ns < INSIDES_ONE_NS ? left_ns : INSIDES_ONE_NS);
		used_ns = clock_ns() - begin_ns;
	}
}

static void on_end(void *context, struct profile *profile, uint64_t now_ns)
{
	insides_read(context);
}

struct flush_listener insides_hear_flush(const struct capture_base *base)
{
	return (struct flush_listener){ .context = (void *)base, .end = on_end };
}
