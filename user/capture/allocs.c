/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes have probes in which allocators; see allocs.h.
 *
 * A probe belongs to a process and a file, and goes on through an exec that maps the same file
 * again. So a child gets those of its parent as soon as it is heard of, and what else it has mapped
 * is looked for once it has: its loader maps the C library a while after its exec. A command and
 * attached processes get theirs at once, others beside the loop (alloc_probes.c); from when on they
 * had them is told at the next flush.
 */
#include "allocs.h"

#include <errno.h>
#include <string.h>

#include "alloc_files.h"
#include "alloc_limits.h"
#include "alloc_looks.h"
#include "alloc_probes.h"
#include "allocs_unseen.h"
#include "clock.h"
#include "closer.h"
#include "inspect_malloc.h"
#include "log.h"
#include "memory.h"
#include "process_task.h"
#include "tell.h"
#include "user_loss.h"

#define MAX_CLOSING 128		  /* probes that wait for their end; each holds a descriptor */
#define ATTACHING_NS 100000000ULL /* at a flush, on processes that were not attached at once */

struct attachment {
	uint32_t tgid;
	size_t file;
	uint32_t process; /* the first entry that it may concern */
	struct alloc_probes *probes;
	bool is_mapped;	   /* the file, by what was forked or attached to; else it may be */
	bool is_told;	   /* it is done, and what has become of it is known */
	uint64_t since_ns; /* then, the profile's time */
};

struct allocs {
	const struct capture_base *base;
	struct closer *closer;
	struct alloc_attacher *attacher;
	struct alloc_files files;
	struct attachment *attachments;
	size_t nr_attachments, capacity;
	struct alloc_looks looks;
	size_t nr_late; /* attachments to processes that ran a while without */
	uint64_t latest_ns;
	struct alloc_limits told;
	bool has_told_failure;
};

struct allocs *allocs_new(const struct capture_base *base)
{
	struct allocs *allocs;

	if (!loader_has_allocs(base->loader))
		return NULL;
	allocs = xcalloc(1, sizeof(*allocs));
	allocs->base = base;
	allocs->closer = closer_new();
	allocs->attacher = alloc_attacher_new(base->loader, allocs->closer);
	return allocs;
}

static void leave(struct allocs *allocs, size_t index)
{
	struct attachment *attachment = &allocs->attachments[index];

	alloc_attacher_leave(allocs->attacher, attachment->probes);
	*attachment = allocs->attachments[--allocs->nr_attachments];
}

void allocs_free(struct allocs *allocs)
{
	if (!allocs)
		return;
	while (allocs->nr_attachments)
		leave(allocs, allocs->nr_attachments - 1);
	alloc_attacher_free(allocs->attacher);
	closer_free(allocs->closer);
	alloc_files_clear(&allocs->files);
	free(allocs->attachments);
	free(allocs->looks.all);
	free(allocs);
}

static struct process *entry_of(const struct allocs *allocs, uint32_t process)
{
	return &allocs->base->profile->processes[process];
}

/* ---- One process and file ---- */

static struct attachment *find(const struct allocs *allocs, uint32_t tgid, size_t file)
{
	for (size_t i = 0; i < allocs->nr_attachments; i++) {
		if (allocs->attachments[i].tgid == tgid && allocs->attachments[i].file == file)
			return &allocs->attachments[i];
	}
	return NULL;
}

static const struct malloc_plan *plan_of(const struct allocs *allocs, size_t file)
{
	return &allocs->files.all[file]->found.plan;
}

/* To what serves malloc, which all programs call; or soon will be. */
static bool is_attached(const struct allocs *allocs, uint32_t tgid)
{
	for (size_t i = 0; i < allocs->nr_attachments; i++) {
		if (allocs->attachments[i].tgid == tgid &&
		    plan_of(allocs, allocs->attachments[i].file)->has_malloc)
			return true;
	}
	return false;
}

/* Once: where descriptors are short it is every process. */
static void tell_failure(struct allocs *allocs, const struct attachment *attachment)
{
	int error = attachment->probes->error;
	const char *path = attachment->probes->found->path;

	if (error == -ESRCH || error == -ENOENT)
		return; /* it has ended */
	log_at(LOG_DECISIONS, "allocations of %u in %s: %s", attachment->tgid, path,
	       call_probe_error(error));
	if (allocs->has_told_failure)
		return;
	allocs->has_told_failure = true;
	TELL_MISSING(allocs->base->waits,
		     "cannot follow 'allocations' of process %u in '%s': %s, continuing without",
		     attachment->tgid, path, call_probe_error(error));
}

static void tell_success(struct allocs *allocs, const struct attachment *attachment)
{
	const struct malloc_file *file = attachment->probes->found;

	log_at(LOG_DECISIONS, "allocations of %u: %s, %s (%.1f ms)", attachment->tgid, file->path,
	       file->plan.what, (double)attachment->probes->took_ns / 1e6);
	alloc_limits_tell(&allocs->told, allocs->base->waits, file);
}

/* It may have run a while before its probes were there. */
static void note_since(struct allocs *allocs, struct process *process, uint64_t since_ns)
{
	if (process->end != END_RUNNING && since_ns > process->end_ns)
		since_ns = process->end_ns;
	if (since_ns <= process->start_ns || since_ns < process->allocs_since_ns)
		return;
	if (process->begin != BEGAN_ATTACH) {
		allocs->nr_late += !process->allocs_since_ns;
		if (since_ns - process->start_ns > allocs->latest_ns)
			allocs->latest_ns = since_ns - process->start_ns;
	}
	process->allocs_since_ns = since_ns + 1; /* 0: none */
	process->is_dirty = true;
}

static void note_followed(const struct allocs *allocs, const struct attachment *attachment,
			  struct process *process)
{
	const struct malloc_plan *plan = plan_of(allocs, attachment->file);

	process->is_mimalloc_followed |= plan->has_python;
	if (plan->has_malloc && attachment->is_mapped)
		allocs_unseen_end(process, attachment->since_ns);
}

/* What the process was then, and what it has become by exec since. A command has no entry yet. */
static void note_all(struct allocs *allocs, const struct attachment *attachment, uint64_t since_ns)
{
	const struct profile *profile = allocs->base->profile;

	for (uint32_t i = attachment->process; i < profile->nr_processes; i++) {
		struct process *process = &profile->processes[i];

		if (process->pid != attachment->tgid)
			continue;
		note_since(allocs, process, since_ns);
		if (attachment->is_told && !attachment->probes->error)
			note_followed(allocs, attachment, process);
	}
}

/* What has become of probes that are done. Where it fails half way some of them were hit. */
static void tell(struct allocs *allocs, struct attachment *attachment)
{
	uint64_t since_ns = attachment->probes->since_ns;

	attachment->is_told = true;
	if (since_ns)
		attachment->since_ns = drain_time(allocs->base->drain, since_ns);
	note_all(allocs, attachment, attachment->since_ns);
	if (attachment->probes->error)
		tell_failure(allocs, attachment);
	else
		tell_success(allocs, attachment);
}

/* Those that are done by now. Goes backwards, because a failed one goes. */
static void tell_done(struct allocs *allocs)
{
	for (size_t i = allocs->nr_attachments; i-- > 0;) {
		struct attachment *attachment = &allocs->attachments[i];

		if (attachment->is_told ||
		    !alloc_attacher_is_done(allocs->attacher, attachment->probes))
			continue;
		tell(allocs, attachment);
		if (attachment->probes->error)
			leave(allocs, i);
	}
}

static struct attachment *add(struct allocs *allocs, uint32_t tgid, size_t file, uint32_t process)
{
	const struct alloc_file *known = allocs->files.all[file];
	struct alloc_probes *probes = alloc_probes_new(tgid, &known->found, known->fd);

	probes->allocator = (uint32_t)file + 1;
	allocs->attachments = array_reserve(allocs->attachments, &allocs->capacity,
					    allocs->nr_attachments + 1,
					    sizeof(*allocs->attachments));
	allocs->attachments[allocs->nr_attachments] = (struct attachment){
		.tgid = tgid,
		.file = file,
		.process = process,
		.probes = probes,
	};
	return &allocs->attachments[allocs->nr_attachments++];
}

/* Here and now. Returns whether its probes are there. */
static bool attach(struct allocs *allocs, uint32_t tgid, size_t file, uint32_t process)
{
	if (!find(allocs, tgid, file)) {
		struct attachment *added = add(allocs, tgid, file, process);

		added->is_mapped = true;
		alloc_attacher_attach(allocs->attacher, added->probes);
		tell_done(allocs);
	}
	return find(allocs, tgid, file) != NULL;
}

/* What the process had before its exec: the same file, of another build. */
static void leave_former(struct allocs *allocs, uint32_t tgid, size_t file)
{
	for (size_t i = allocs->nr_attachments; i-- > 0;) {
		const struct attachment *known = &allocs->attachments[i];

		if (known->tgid == tgid && known->file != file &&
		    alloc_files_are_one(&allocs->files, known->file, file))
			leave(allocs, i);
	}
}

/* Beside the loop. */
static void attach_soon(struct allocs *allocs, size_t file, uint32_t index, bool is_mapped)
{
	struct process *process = entry_of(allocs, index);
	struct attachment *known = find(allocs, process->pid, file);

	if (!known) {
		known = add(allocs, process->pid, file, index);
		alloc_attacher_queue(allocs->attacher, known->probes);
	}
	known->is_mapped |= is_mapped;
	if (!known->is_told)
		return;
	note_since(allocs, process, known->since_ns);
	note_followed(allocs, known, process);
}

void allocs_begin_command(struct allocs *allocs, uint32_t tgid, const char *path)
{
	struct malloc_file found[MAX_MALLOC_FILES];
	struct inspector *inspector = allocs ? allocs->base->inspector : NULL;
	size_t count;

	if (!allocs || inspect_malloc_foresee(inspector, path, getenv("LD_PRELOAD"), found, &count))
		return;
	for (size_t i = 0; i < count; i++) {
		size_t file = alloc_files_know(&allocs->files, inspector, &found[i], 0);

		if (file < MAX_ALLOC_FILES && attach(allocs, tgid, file, 0))
			find(allocs, tgid, file)->since_ns = 0; /* before its exec */
	}
}

/* ---- Processes that are found ---- */

static bool has_room(const struct allocs *allocs)
{
	return closer_count(allocs->closer) < MAX_CLOSING;
}

/* Those of what the process was before its exec, which may have come after it. */
static void note_former(struct allocs *allocs, struct process *process)
{
	for (size_t i = 0; i < allocs->nr_attachments; i++) {
		if (allocs->attachments[i].tgid == process->pid)
			note_since(allocs, process, allocs->attachments[i].since_ns);
	}
}

/* The parent's, or all there are: the child of one that was too short for being attached. */
static void attach_inherited(struct allocs *allocs, uint32_t index)
{
	const struct process *process = entry_of(allocs, index);
	bool has_parent = is_attached(allocs, process->ppid);

	for (size_t file = 0; file < allocs->files.count; file++)
		if ((!has_parent || find(allocs, process->ppid, file)) &&
		    alloc_files_renew(&allocs->files, file, allocs->base->inspector, process->pid))
			attach_soon(allocs, file, index, has_parent);
}

/* The files that a process maps, or that its loader is going to. An attached process gets probes
 * here and now. Returns whether there is one. */
static bool look(struct allocs *allocs, uint32_t index, bool is_loading)
{
	const struct process *process = entry_of(allocs, index);
	struct malloc_file found[MAX_MALLOC_FILES];
	struct inspector *inspector = allocs->base->inspector;
	bool is_known = false;
	size_t count;

	if (process_has_lost_main((pid_t)process->pid))
		return false; /* probes would be in nobody's memory */
	if (is_loading ? inspect_malloc_loading(inspector, (pid_t)process->pid, found, &count)
		       : inspect_malloc(inspector, (pid_t)process->pid, found, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		size_t file = alloc_files_know(&allocs->files, inspector, &found[i], process->pid);

		if (file == MAX_ALLOC_FILES)
			continue;
		leave_former(allocs, process->pid, file);
		if (process->begin != BEGAN_ATTACH)
			attach_soon(allocs, file, index, true);
		else if (!attach(allocs, process->pid, file, index))
			continue;
		is_known |= plan_of(allocs, file)->has_malloc;
	}
	return is_known;
}

static void on_begun(void *context, uint32_t index)
{
	struct allocs *allocs = context;
	struct process *process = entry_of(allocs, index);

	note_former(allocs, process);
	if (process->begin != BEGAN_ATTACH && !is_attached(allocs, process->pid) &&
	    has_room(allocs))
		attach_inherited(allocs, index);
}

static void on_asked(void *context, uint32_t index)
{
	struct allocs *allocs = context;
	const struct process *process = entry_of(allocs, index);
	bool has_one = false;

	if (process->begin == BEGAN_ATTACH)
		has_one = look(allocs, index, false);
	if (process->begin == BEGAN_EXEC && has_room(allocs))
		look(allocs, index, true);
	alloc_looks_add(&allocs->looks, index, has_one);
}

/* Its loader may be through with all that it was begun with. What was foreseen may be what an
 * earlier program of the process had; a forked child has what its parent has. */
static void on_python(void *context, uint32_t index, uint32_t layout)
{
	struct allocs *allocs = context;
	const struct process *process = entry_of(allocs, index);
	bool has_parents = process->begin == BEGAN_FORK && is_attached(allocs, process->pid);

	if (!has_parents && has_room(allocs))
		look(allocs, index, false);
	allocs_unseen_ask(allocs->base, index, layout);
}

/* `pythons` has looked for it: it hears of all this first (capture_parts.c). */
static void on_unknown_python(void *context, uint32_t slot, uint32_t image_id, uint32_t tgid)
{
	struct allocs *allocs = context;
	uint32_t process = drain_process(allocs->base->drain, image_id);
	struct wire_python found;
	bool is_found = loader_find_python(allocs->base->loader, image_id, &found);

	if (process != NO_PROCESS)
		on_python(allocs, process, is_found ? found.layout : NO_LAYOUT);
}

/* Probes that are not all there at the end were there for none of it, or for an unknown part. */
static void note_unfinished(struct allocs *allocs, const struct attachment *attachment)
{
	if (!attachment->is_told)
		note_all(allocs, attachment, drain_time(allocs->base->drain, clock_ns()));
}

static void on_process_ended(void *context, uint32_t tgid)
{
	struct allocs *allocs = context;

	tell_done(allocs);
	for (size_t i = allocs->nr_attachments; i-- > 0;) {
		if (allocs->attachments[i].tgid != tgid)
			continue;
		note_unfinished(allocs, &allocs->attachments[i]);
		leave(allocs, i);
	}
}

/* From then on blocks are seen, and their ends, for as long as the kernel leaves it so. */
static void on_main_ended(void *context, uint32_t process)
{
	const struct allocs *allocs = context;

	if (is_attached(allocs, entry_of(allocs, process)->pid))
		user_loss_add(allocs->base->profile, process, LOSS_main_ended, 1);
}

struct drain_listener allocs_hear_drain(struct allocs *allocs)
{
	if (!allocs)
		return (struct drain_listener){ 0 };
	return (struct drain_listener){
		.context = allocs,
		.image_begun = on_begun,
		.image_asked = on_asked,
		.python_found = on_python,
		.unknown_python = on_unknown_python,
		.process_ended = on_process_ended,
		.main_ended = on_main_ended,
		.probes_lost = on_process_ended,
	};
}

/* Returns whether the process may have to be looked at again. */
static bool look_again(struct allocs *allocs, struct alloc_look *at)
{
	if (entry_of(allocs, at->process)->end != END_RUNNING)
		return false;
	if (alloc_look_is_due(at))
		at->has_one |= look(allocs, at->process, false);
	return true;
}

static void on_flush(void *context, struct profile *profile, uint64_t now_ns)
{
	struct allocs *allocs = context;
	uint64_t end_ns = clock_ns() + ATTACHING_NS;
	size_t kept = 0;

	alloc_attacher_reap(allocs->attacher);
	tell_done(allocs);
	for (size_t i = 0; i < allocs->looks.count; i++) {
		struct alloc_look at = allocs->looks.all[i];

		if (clock_ns() > end_ns || !has_room(allocs) || look_again(allocs, &at))
			allocs->looks.all[kept++] = at;
	}
	allocs->looks.count = kept;
}

static void on_end(void *context, struct profile *profile, uint64_t now_ns)
{
	struct allocs *allocs = context;

	tell_done(allocs);
	for (size_t i = 0; i < allocs->nr_attachments; i++)
		note_unfinished(allocs, &allocs->attachments[i]);
	for (uint32_t i = 0; i < profile->nr_processes; i++)
		allocs_unseen_count(profile, i);
	if (allocs->nr_late)
		log_later("allocations of %zu %s are followed from up to %.1f ms after the "
			  "beginning on",
			  allocs->nr_late, allocs->nr_late == 1 ? "process" : "processes",
			  (double)allocs->latest_ns / 1e6);
}

struct flush_listener allocs_hear_flush(struct allocs *allocs)
{
	if (!allocs)
		return (struct flush_listener){ 0 };
	return (struct flush_listener){ allocs, on_flush, on_end };
}
