/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One after the other, as long as there is time; see insides.h. Who asks waits meanwhile, and so do
 * the records of what goes on: the ring holds those of a second.
 */
#include "insides.h"

#include "clock.h"
#include "heap_cure.h"
#include "inspect_heap.h"
#include "log.h"
#include "memory.h"
#include "running.h"

#define ALL_NS 1000000000ULL
#define ONE_NS 500000000ULL
/* Of processes that may end: what is smaller has nothing to gain. */
#define SAMPLED_BYTES (32LL << 20)
#define SAMPLE_NS 250000000ULL
/* One part of the time, where it has another size than when it was read, and where it has not. */
#define CHANGED_PARTS 50
#define SAME_PARTS 400

/* Where the process's runtime says that it finalizes; 0: it has none, or nobody knows. */
static uint64_t find_finalizing(const struct capture_base *base, uint32_t image_id)
{
	const struct interpreter_entry *entry;
	struct wire_python python;

	if (loader_get_python(base->loader, image_id % MAX_IMAGES, &python) ||
	    python.image_id != image_id || python.state != PYTHON_KNOWN)
		return 0;
	entry = interpreters_entry(base->interpreters, python.layout);
	if (!entry || !entry->interpreter.layout.finalizing_vaddr)
		return 0;
	return entry->interpreter.layout.finalizing_vaddr + python.bias;
}

/* A reading of what the runtime takes down, or of another image of the same process, is none. */
static void read_one(const struct capture_base *base, uint32_t index, uint64_t budget_ns)
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

		read_one(base, running[i].process, left_ns < ONE_NS ? left_ns : ONE_NS);
		used_ns = clock_ns() - begin_ns;
	}
}

/* ---- Before they end ---- */

/* The one to be read next. */
struct choice {
	uint32_t process; /* NO_PROCESS: none is worth it */
	bool has_changed;
	uint64_t read_ns; /* its last reading, 0: none */
};

/* By an eighth since it was read. */
static bool has_changed(const struct process *process, int64_t rss)
{
	int64_t before = process->has_inside ? (int64_t)process->inside.rss : 0;
	int64_t change = rss > before ? rss - before : before - rss;

	return change > before / 8;
}

/* What has changed, then what was read the longest ago; of several the largest. */
static struct choice choose(const struct profile *profile)
{
	_cleanup_(freep) struct running *running = xcalloc(profile->nr_processes, sizeof(*running));
	size_t count = running_find(profile, running);
	struct choice chosen = { .process = NO_PROCESS };

	for (size_t i = 0; i < count && running[i].rss >= SAMPLED_BYTES; i++) {
		const struct process *process = &profile->processes[running[i].process];
		const struct choice choice = {
			.process = running[i].process,
			.has_changed = has_changed(process, running[i].rss),
			.read_ns = process->has_inside ? process->inside_ns : 0,
		};

		if (process->final_moment)
			continue;
		if (chosen.process == NO_PROCESS || choice.has_changed > chosen.has_changed ||
		    (choice.has_changed == chosen.has_changed && choice.read_ns < chosen.read_ns))
			chosen = choice;
	}
	return chosen;
}

/*
 * Nothing stops a process that begins to end, and user space hears of it too late. So it is read
 * while it runs, as often as a part of the time allows, and the last reading before its runtime
 * finalizes is what is told, with its age.
 */
static void on_flush(void *context, struct profile *profile, uint64_t now_ns)
{
	struct insides *insides = context;
	const struct choice choice = choose(profile);
	uint64_t parts = choice.has_changed ? CHANGED_PARTS : SAME_PARTS;
	uint64_t begin_ns = clock_ns();

	if (choice.process == NO_PROCESS || now_ns < insides->last_ns + parts * insides->cost_ns)
		return;
	read_one(insides->base, choice.process, SAMPLE_NS);
	insides->last_ns = now_ns;
	insides->cost_ns = clock_ns() - begin_ns;
	log_at(LOG_STEPS, "inside of %u: read in %.1f ms", profile->processes[choice.process].pid,
	       (double)insides->cost_ns / 1e6);
}

static void on_end(void *context, struct profile *profile, uint64_t now_ns)
{
	const struct insides *insides = context;

	insides_read(insides->base);
}

struct flush_listener insides_hear_flush(struct insides *insides)
{
	return (struct flush_listener){ insides, on_flush, on_end };
}
