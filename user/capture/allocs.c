/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes have probes in which allocators; see allocs.h.
 *
 * A probe belongs to a process and a file, and goes on through an exec that maps the same file
 * again. So a child gets those of its parent as soon as it is heard of, and what else it has mapped
 * is looked for once it has: its loader maps the C library a while after its exec.
 *
 * Entries are probed before returns, frees and reallocs first of all: a block is put into the table
 * at a return, and from the first of them on no end of one may go unseen. (In the other order 37
 * stale blocks were left where four threads allocated.) They are taken away in the reverse order.
 * Where one program has entry and return of a function (6.13), reallocs come right after frees.
 */
#include "allocs.h"

#include <errno.h>
#include <string.h>

#include "allocs_unseen.h"
#include "call_probe.h"
#include "clock.h"
#include "closer.h"
#include "inspect_malloc.h"
#include "inspect_python.h"
#include "log.h"
#include "memory.h"
#include "memprobe.skel.h"
#include "tell.h"
#include "user_loss.h"

#define MAX_CLOSING 128		  /* probes that wait for their end; each holds a descriptor */
#define MAX_FILES 64		  /* that are known; more have no system's processes */
#define MAX_LOOKS 8		  /* for a process's allocators, at one flush each */
#define ATTACHING_NS 100000000ULL /* at a flush, on processes that were not attached at once */

struct known_file {
	struct malloc_file found;
	int fd; /* as a process maps it, -1: it is at found.path */
};

struct attachment {
	uint32_t tgid;
	size_t file;
	struct call_probe entries; /* of all functions, or of those without a return */
	struct call_probe returns;
	uint64_t since_ns; /* the profile's time */
};

/* A process whose allocators are still to be looked for. */
struct unsettled {
	uint32_t process;
	unsigned int looks;
};

struct allocs {
	const struct capture_base *base;
	struct closer *closer;
	struct known_file *files[MAX_FILES];
	size_t nr_files;
	struct attachment *attachments;
	size_t nr_attachments, capacity;
	struct unsettled *unsettled;
	size_t nr_unsettled, unsettled_capacity;
	size_t nr_late; /* attachments to processes that ran a while without */
	uint64_t latest_ns;
	bool has_told_slow, has_told_failure;
};

struct allocs *allocs_new(const struct capture_base *base)
{
	struct allocs *allocs;

	if (!loader_has_allocs(base->loader))
		return NULL;
	allocs = xcalloc(1, sizeof(*allocs));
	allocs->base = base;
	allocs->closer = closer_new();
	return allocs;
}

static void leave(struct allocs *allocs, size_t index)
{
	struct attachment *attachment = &allocs->attachments[index];

	closer_leave(allocs->closer, &attachment->returns);
	closer_leave(allocs->closer, &attachment->entries);
	*attachment = allocs->attachments[--allocs->nr_attachments];
}

void allocs_free(struct allocs *allocs)
{
	if (!allocs)
		return;
	while (allocs->nr_attachments)
		leave(allocs, allocs->nr_attachments - 1);
	closer_free(allocs->closer);
	for (size_t i = 0; i < allocs->nr_files; i++) {
		closep(&allocs->files[i]->fd);
		free(allocs->files[i]);
	}
	free(allocs->attachments);
	free(allocs->unsettled);
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
	return &allocs->files[file]->found.plan;
}

/* To what serves malloc, which all programs call. */
static bool is_attached(const struct allocs *allocs, uint32_t tgid)
{
	for (size_t i = 0; i < allocs->nr_attachments; i++) {
		if (allocs->attachments[i].tgid == tgid &&
		    plan_of(allocs, allocs->attachments[i].file)->has_malloc)
			return true;
	}
	return false;
}

/* What takes a block out of the table: the first to be probed. */
static unsigned int rank_of(uint32_t call)
{
	if (call == ALLOC_FREE)
		return 0;
	return call == ALLOC_REALLOC || call == ALLOC_REALLOCARRAY ? 1 : 2;
}

struct places {
	uint64_t offsets[MAX_MALLOC_SITES], cookies[MAX_MALLOC_SITES];
	struct cookie_sites sites;
};

/* A session has the entries of what returns something, too. */
static bool is_wanted(const struct cookie_sites *sites, const struct malloc_site *site)
{
	if (sites->is_return)
		return site->has_return;
	return !sites->is_session || !site->has_return;
}

static void add_places(const struct malloc_plan *plan, unsigned int rank, struct places *ret)
{
	for (size_t i = 0; i < plan->nr_sites; i++) {
		const struct malloc_site *site = &plan->sites[i];

		if (rank_of(site->call) != rank || !is_wanted(&ret->sites, site))
			continue;
		ret->offsets[ret->sites.count] = site->offset;
		ret->cookies[ret->sites.count++] = site->call |
						   (site->has_context ? ALLOC_HAS_CONTEXT : 0);
	}
}

static const struct bpf_program *choose_program(const struct loader *loader, bool is_return)
{
	if (!is_return)
		return loader->skeleton->progs.alloc_entry;
	return loader->features.has_uprobe_session ? loader->skeleton->progs.alloc_session
						   : loader->skeleton->progs.alloc_return;
}

static int attach_at(const struct allocs *allocs, const struct attachment *attachment,
		     const char *path, bool is_return, struct call_probe *ret)
{
	struct places places = { .sites = { .offsets = places.offsets,
					    .cookies = places.cookies,
					    .is_return = is_return } };
	const struct loader *loader = allocs->base->loader;
	const struct bpf_program *program = choose_program(loader, is_return);

	places.sites.is_session = loader->features.has_uprobe_session;
	for (unsigned int rank = 0; rank <= 2; rank++)
		add_places(plan_of(allocs, attachment->file), rank, &places);
	places.sites.is_session &= is_return;
	return call_probe_attach_cookies(ret, bpf_program__fd(program), attachment->tgid, path,
					 &places.sites);
}

/* The kernel takes paths only: that of our own descriptor leads to the file itself. */
static int attach_both(struct allocs *allocs, struct attachment *attachment)
{
	const struct known_file *file = allocs->files[attachment->file];
	_cleanup_(freep) char *path = file->fd < 0 ? xstrdup(file->found.path)
						   : xasprintf("/proc/self/fd/%d", file->fd);
	int error = attach_at(allocs, attachment, path, false, &attachment->entries);

	if (error)
		return error;
	attachment->since_ns = drain_time(allocs->base->drain, clock_ns());
	error = attach_at(allocs, attachment, path, true, &attachment->returns);
	if (error)
		closer_take(allocs->closer, &attachment->entries);
	else
		attachment->since_ns = drain_time(allocs->base->drain, clock_ns());
	return error;
}

/* Once: where descriptors are short it is every process. */
static void tell_failure(struct allocs *allocs, const struct attachment *attachment, int error)
{
	const char *path = allocs->files[attachment->file]->found.path;

	if (error == -ESRCH || error == -ENOENT)
		return; /* it has ended */
	log_at(LOG_DECISIONS, "allocations of %u in %s: %s", attachment->tgid, path,
	       strerror(-error));
	if (allocs->has_told_failure)
		return;
	allocs->has_told_failure = true;
	TELL_MISSING(allocs->base->waits,
		     "cannot follow 'allocations' of process %u in '%s': %s, continuing without",
		     attachment->tgid, path, strerror(-error));
}

static void tell_slow(struct allocs *allocs, const struct malloc_file *file)
{
	if (!file->plan.is_slow || allocs->has_told_slow)
		return;
	allocs->has_told_slow = true;
	TELL_MISSING(allocs->base->waits,
		     "following allocations in '%s' is slow, 20 us a call (%s)", file->path,
		     file->plan.what);
}

/* *ret_since_ns: from when on its probes are hit, or some of them, where it fails half way. */
static bool attach(struct allocs *allocs, uint32_t tgid, size_t file, uint64_t *ret_since_ns)
{
	struct attachment attachment = { .tgid = tgid, .file = file };
	uint64_t begin_ns = clock_ns();
	const struct attachment *known = find(allocs, tgid, file);
	int error;

	*ret_since_ns = known ? known->since_ns : 0;
	if (known)
		return true;
	error = attach_both(allocs, &attachment);
	*ret_since_ns = attachment.since_ns;
	if (error) {
		tell_failure(allocs, &attachment, error);
		return false;
	}
	log_at(LOG_DECISIONS, "allocations of %u: %s, %s (%.1f ms)", tgid,
	       allocs->files[file]->found.path, allocs->files[file]->found.plan.what,
	       (double)(clock_ns() - begin_ns) / 1e6);
	tell_slow(allocs, &allocs->files[file]->found);
	allocs->attachments = array_reserve(allocs->attachments, &allocs->capacity,
					    allocs->nr_attachments + 1, sizeof(attachment));
	allocs->attachments[allocs->nr_attachments++] = attachment;
	return true;
}

/* ---- Files ---- */

/* Returns MAX_FILES where it cannot be had. pid 0: the file is at its path in our own root. */
static size_t know_file(struct allocs *allocs, const struct malloc_file *found, uint32_t pid)
{
	struct known_file *file;
	int fd = -1;

	for (size_t i = 0; i < allocs->nr_files; i++) {
		const struct malloc_file *known = &allocs->files[i]->found;

		if (known->file.dev == found->file.dev && known->file.ino == found->file.ino)
			return i;
	}
	if (allocs->nr_files == MAX_FILES)
		return MAX_FILES;
	if (pid)
		fd = inspect_file_at(allocs->base->inspector, (pid_t)pid, found->file, found->path);
	if (pid && fd < 0)
		return MAX_FILES;
	file = xmalloc(sizeof(*file));
	*file = (struct known_file){ *found, fd };
	allocs->files[allocs->nr_files++] = file;
	return allocs->nr_files - 1;
}

void allocs_begin_command(struct allocs *allocs, uint32_t tgid, const char *path)
{
	struct malloc_file found[MAX_MALLOC_FILES];
	uint64_t since_ns;
	size_t count;

	if (!allocs || inspect_malloc_foresee(allocs->base->inspector, path, getenv("LD_PRELOAD"),
					      found, &count))
		return;
	for (size_t i = 0; i < count; i++) {
		size_t file = know_file(allocs, &found[i], 0);

		if (file < MAX_FILES && attach(allocs, tgid, file, &since_ns))
			find(allocs, tgid, file)->since_ns = 0; /* before its exec */
	}
}

/* ---- Processes that are found ---- */

static bool has_room(const struct allocs *allocs)
{
	return closer_count(allocs->closer) < MAX_CLOSING;
}

/* A process that has run a while before its probes were there. */
static void note_since(struct allocs *allocs, struct process *process, uint64_t since_ns)
{
	uint64_t late_ns = since_ns - process->start_ns;

	if (since_ns <= process->start_ns || since_ns < process->allocs_since_ns)
		return;
	if (process->begin != BEGAN_ATTACH) {
		allocs->nr_late += !process->allocs_since_ns;
		if (late_ns > allocs->latest_ns)
			allocs->latest_ns = late_ns;
	}
	process->allocs_since_ns = since_ns + 1; /* 0: none */
	process->is_dirty = true;
}

static bool attach_late(struct allocs *allocs, struct process *process, size_t file)
{
	uint64_t since_ns;
	bool is_attached = attach(allocs, process->pid, file, &since_ns);

	note_since(allocs, process, since_ns);
	process->is_mimalloc_followed |= is_attached && plan_of(allocs, file)->has_python;
	return is_attached;
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
static void attach_inherited(struct allocs *allocs, struct process *process)
{
	bool has_parent = is_attached(allocs, process->ppid);

	for (size_t file = 0; file < allocs->nr_files; file++) {
		if (!has_parent || find(allocs, process->ppid, file))
			attach_late(allocs, process, file);
	}
}

/* The files that a process maps, or that its loader is going to. Returns whether there is one. */
static bool look(struct allocs *allocs, struct process *process, bool is_loading)
{
	struct malloc_file found[MAX_MALLOC_FILES];
	struct inspector *inspector = allocs->base->inspector;
	bool is_known = false;
	size_t count;

	if (is_loading ? inspect_malloc_loading(inspector, (pid_t)process->pid, found, &count)
		       : inspect_malloc(inspector, (pid_t)process->pid, found, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		size_t file = know_file(allocs, &found[i], process->pid);

		if (file < MAX_FILES && attach_late(allocs, process, file))
			is_known |= plan_of(allocs, file)->has_malloc;
	}
	return is_known;
}

static void look_later(struct allocs *allocs, uint32_t process)
{
	allocs->unsettled = array_reserve(allocs->unsettled, &allocs->unsettled_capacity,
					  allocs->nr_unsettled + 1, sizeof(*allocs->unsettled));
	allocs->unsettled[allocs->nr_unsettled++] = (struct unsettled){ .process = process };
}

static void on_begun(void *context, uint32_t index)
{
	struct allocs *allocs = context;
	struct process *process = entry_of(allocs, index);

	note_former(allocs, process);
	if (process->begin == BEGAN_ATTACH && look(allocs, process, false))
		return;
	if (process->begin != BEGAN_ATTACH && !is_attached(allocs, process->pid) &&
	    has_room(allocs))
		attach_inherited(allocs, process);
	if (process->begin == BEGAN_EXEC && has_room(allocs))
		look(allocs, process, true);
	look_later(allocs, index);
}

/* Its loader may be through with all that it was begun with. What was foreseen may be what an
 * earlier program of the process had; a forked child has what its parent has. */
static void on_python(void *context, uint32_t index, uint32_t layout)
{
	struct allocs *allocs = context;
	struct process *process = entry_of(allocs, index);

	if ((process->begin != BEGAN_FORK || !is_attached(allocs, process->pid)) &&
	    has_room(allocs))
		look(allocs, process, false);
	process->has_own_mimalloc = allocs_unseen_has_mimalloc(allocs->base, index, layout);
}

static void on_unknown_python(void *context, uint32_t slot, uint32_t image_id, uint32_t tgid)
{
	struct allocs *allocs = context;
	uint32_t process = drain_process(allocs->base->drain, image_id);

	if (process != NO_PROCESS)
		on_python(allocs, process, 0);
}

static void on_process_ended(void *context, uint32_t tgid)
{
	struct allocs *allocs = context;

	for (size_t i = allocs->nr_attachments; i-- > 0;)
		if (allocs->attachments[i].tgid == tgid)
			leave(allocs, i);
}

struct drain_listener allocs_hear_drain(struct allocs *allocs)
{
	if (!allocs)
		return (struct drain_listener){ 0 };
	return (struct drain_listener){
		.context = allocs,
		.image_begun = on_begun,
		.python_found = on_python,
		.unknown_python = on_unknown_python,
		.process_ended = on_process_ended,
	};
}

/* Returns whether it need not be looked at again. */
static bool settle(struct allocs *allocs, struct unsettled *unsettled)
{
	struct process *process = entry_of(allocs, unsettled->process);

	if (process->end != END_RUNNING || ++unsettled->looks > MAX_LOOKS)
		return true;
	return look(allocs, process, false);
}

static void on_flush(void *context, struct profile *profile, uint64_t now_ns)
{
	struct allocs *allocs = context;
	uint64_t end_ns = clock_ns() + ATTACHING_NS;
	size_t kept = 0;

	for (size_t i = 0; i < allocs->nr_unsettled; i++) {
		struct unsettled unsettled = allocs->unsettled[i];

		if (clock_ns() > end_ns || !has_room(allocs) || !settle(allocs, &unsettled))
			allocs->unsettled[kept++] = unsettled;
	}
	allocs->nr_unsettled = kept;
}

static void on_end(void *context, struct profile *profile, uint64_t now_ns)
{
	const struct allocs *allocs = context;

	for (uint32_t i = 0; i < profile->nr_processes; i++)
		allocs_unseen_count(profile, i, is_attached(allocs, profile->processes[i].pid));
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
