/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes have probes in which files' queues; see submitters.h. As those of allocators they
 * belong to a process and a file, and go on through an exec that maps the same file again.
 */
#include "submitters.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "call_probe.h"
#include "clock.h"
#include "closer.h"
#include "file_change.h"
#include "inspect_queues.h"
#include "log.h"
#include "memory.h"
#include "memprobe.skel.h"
#include "process_task.h"
#include "tell.h"
#include "user_loss.h"

#define MAX_CLOSING 128 /* probes that wait for their end; each holds a descriptor */

struct known_queues {
	uint32_t layout; /* the interpreter's */
	struct queue_plan plans[NR_QUEUE_FILES];
	int fds[NR_QUEUE_FILES]; /* -1: there are none */
};

struct attachment {
	uint32_t tgid, layout;
	struct call_probe entries[NR_QUEUE_FILES], returns[NR_QUEUE_FILES];
};

/* A forked child whose parent has no probes, so that breakpoints are to be set, of which there may
 * be many at a time: attached at the next flush. */
struct waiting {
	uint32_t process, layout;
};

struct submitters {
	const struct capture_base *base;
	struct closer *closer;
	struct known_queues *known;
	size_t nr_known, known_capacity;
	struct attachment *attachments;
	size_t nr_attachments, capacity;
	struct waiting *waiting;
	size_t nr_waiting, waiting_capacity;
	bool has_told, has_told_failure;
};

struct submitters *submitters_new(const struct capture_base *base)
{
	struct submitters *submitters;

	if (!loader_has_submitters(base->loader))
		return NULL;
	submitters = xcalloc(1, sizeof(*submitters));
	submitters->base = base;
	submitters->closer = closer_new();
	return submitters;
}

static void leave(struct submitters *submitters, size_t index)
{
	struct attachment *attachment = &submitters->attachments[index];

	for (size_t i = 0; i < NR_QUEUE_FILES; i++) {
		closer_leave(submitters->closer, &attachment->returns[i]);
		closer_leave(submitters->closer, &attachment->entries[i]);
	}
	*attachment = submitters->attachments[--submitters->nr_attachments];
}

static void close_files(struct known_queues *known)
{
	for (size_t file = 0; file < NR_QUEUE_FILES; file++)
		if (known->fds[file] >= 0)
			close(known->fds[file]);
}

void submitters_free(struct submitters *submitters)
{
	if (!submitters)
		return;
	while (submitters->nr_attachments)
		leave(submitters, submitters->nr_attachments - 1);
	closer_free(submitters->closer);
	for (size_t i = 0; i < submitters->nr_known; i++)
		close_files(&submitters->known[i]);
	free(submitters->waiting);
	free(submitters->known);
	free(submitters->attachments);
	free(submitters);
}

/* ---- Files ---- */

/* Why a file's functions are not there: what was said when it was asked for, 0: it has none. */
static const char *cause_of(int error)
{
	if (error == -EOPNOTSUPP)
		return "it lies in a file system (FUSE) that could hold up memprobe";
	return !error || error == -ENOENT ? "not found" : strerror(-error);
}

/* Once: pools of such an interpreter are not followed, or not all of them. */
static void tell_missing(struct submitters *submitters, const struct interpreter_entry *entry,
			 const char *what, int fd)
{
	if (submitters->has_told)
		return;
	submitters->has_told = true;
	TELL_MISSING(submitters->base->waits,
		     "cannot follow '%s' of '%s': %s, what goes through it stays below its thread",
		     what, entry->path ? entry->path : "an interpreter", cause_of(fd < 0 ? fd : 0));
}

static bool has_call(const struct known_queues *known, uint32_t call)
{
	for (size_t file = 0; file < NR_QUEUE_FILES; file++)
		for (size_t i = 0; i < known->plans[file].nr_sites; i++)
			if (known->plans[file].sites[i].call == call)
				return true;
	return false;
}

static const struct interpreter_entry *entry_of(const struct submitters *submitters,
						uint32_t layout)
{
	return interpreters_entry(submitters->base->interpreters, layout);
}

/* Is what was said of a file true of all processes that run the interpreter? */
static bool is_lasting(int fd)
{
	return fd >= 0 || fd == -ENOENT || fd == -EOPNOTSUPP;
}

static bool is_gone(uint32_t tgid)
{
	char link[64], unused[2];

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)process_task((pid_t)tgid));
	return readlink(link, unused, sizeof(unused)) < 0;
}

/* Returns whether it is for good: an answer of a process that ends may be that it has no files. */
static bool ask_for_files(const struct submitters *submitters, uint32_t tgid,
			  const struct interpreter_entry *entry, struct known_queues *known)
{
	bool is_whole = true;

	for (size_t file = 0; file < NR_QUEUE_FILES; file++) {
		known->fds[file] = inspect_queues(submitters->base->inspector, (pid_t)tgid, entry,
						  (enum queue_file)file, &known->plans[file]);
		if (known->fds[file] < 0)
			known->plans[file].nr_sites = 0;
		is_whole &= is_lasting(known->fds[file]);
	}
	return is_whole && !is_gone(tgid);
}

static void tell_all_missing(struct submitters *submitters, const struct interpreter_entry *entry,
			     const struct known_queues *known)
{
	bool has_simple_queue = entry->interpreter.layout.version >= 0x0307;

	if (!has_call(known, QUEUE_APPEND) || !has_call(known, QUEUE_POPLEFT))
		tell_missing(submitters, entry, "queue.Queue", known->fds[QUEUE_IN_INTERPRETER]);
	if (has_simple_queue && (!has_call(known, QUEUE_PUT) || !has_call(known, QUEUE_GET)))
		tell_missing(submitters, entry, "SimpleQueue", known->fds[QUEUE_IN_MODULE]);
	if (!has_call(known, QUEUE_TASK))
		tell_missing(submitters, entry, "asyncio.Task", known->fds[TASK_IN_MODULE]);
}

static struct known_queues *find_known(const struct submitters *submitters, uint32_t layout)
{
	for (size_t i = 0; i < submitters->nr_known; i++)
		if (submitters->known[i].layout == layout)
			return &submitters->known[i];
	return NULL;
}

/* Modules are rewritten and replaced too. */
static bool is_current(const struct known_queues *known)
{
	bool is_same = true;

	for (size_t file = 0; file < NR_QUEUE_FILES; file++)
		if (known->fds[file] >= 0)
			is_same &= !file_change_check(known->fds[file],
						      known->plans[file].changed_ns);
	return is_same;
}

static struct known_queues *add_known(struct submitters *submitters)
{
	submitters->known = array_reserve(submitters->known, &submitters->known_capacity,
					  submitters->nr_known + 1, sizeof(*submitters->known));
	return &submitters->known[submitters->nr_known++];
}

/* NULL: that could not be found out. */
static const struct known_queues *know(struct submitters *submitters, uint32_t tgid,
				       uint32_t layout)
{
	const struct interpreter_entry *entry = entry_of(submitters, layout);
	struct known_queues *before = find_known(submitters, layout);
	struct known_queues known = { .layout = layout };

	if (before && is_current(before))
		return before;
	if (!ask_for_files(submitters, tgid, entry, &known)) {
		close_files(&known);
		return NULL;
	}
	tell_all_missing(submitters, entry, &known);
	if (before)
		close_files(before);
	else
		before = add_known(submitters);
	*before = known;
	return before;
}

/* ---- Processes ---- */

static int attach_file(const struct submitters *submitters, const struct known_queues *known,
		       size_t file, bool is_return, struct attachment *attachment)
{
	struct memprobe *skeleton = submitters->base->loader->skeleton;
	const struct bpf_program *program = is_return ? skeleton->progs.queue_return
						      : skeleton->progs.queue_entry;
	const struct queue_plan *plan = &known->plans[file];
	uint64_t offsets[MAX_QUEUE_SITES], cookies[MAX_QUEUE_SITES];
	struct cookie_sites sites = { .offsets = offsets,
				      .cookies = cookies,
				      .changed_ns = plan->changed_ns,
				      .is_return = is_return };
	_cleanup_(freep) char *path = xasprintf("/proc/self/fd/%d", known->fds[file]);

	for (size_t i = 0; i < plan->nr_sites; i++) {
		if ((plan->sites[i].call == QUEUE_GET) != is_return)
			continue;
		offsets[sites.count] = plan->sites[i].offset;
		cookies[sites.count++] = plan->sites[i].call;
	}
	if (!sites.count)
		return 0;
	return call_probe_attach_cookies(is_return ? &attachment->returns[file]
						   : &attachment->entries[file],
					 bpf_program__fd(program), attachment->tgid, path, &sites);
}

/* What is taken before what is put: an item that is only seen to be put waits for ever. */
static int attach_all(const struct submitters *submitters, const struct known_queues *known,
		      struct attachment *attachment)
{
	int error = 0;

	for (size_t i = 0; i < 2 * NR_QUEUE_FILES && !error; i++)
		error = attach_file(submitters, known, i / 2, i % 2 == 0, attachment);
	return error;
}

static bool is_attached(const struct submitters *submitters, uint32_t tgid, uint32_t layout)
{
	for (size_t i = 0; i < submitters->nr_attachments; i++)
		if (submitters->attachments[i].tgid == tgid &&
		    submitters->attachments[i].layout == layout)
			return true;
	return false;
}

/* What the process had before its exec: the same files, maybe, of another build. */
static void leave_former(struct submitters *submitters, uint32_t tgid)
{
	for (size_t i = submitters->nr_attachments; i-- > 0;)
		if (submitters->attachments[i].tgid == tgid)
			leave(submitters, i);
}

static struct attachment make_attachment(uint32_t tgid, uint32_t layout)
{
	struct attachment attachment = { .tgid = tgid, .layout = layout };

	for (size_t i = 0; i < NR_QUEUE_FILES; i++)
		attachment.entries[i] = attachment.returns[i] = (struct call_probe){ .multi = -1 };
	return attachment;
}

/* Once: where descriptors are short it is every process. */
static void tell_failure(struct submitters *submitters, uint32_t tgid, int error)
{
	log_at(LOG_DECISIONS, "queues of %u: %s", tgid, call_probe_error(error));
	if (error == -ESRCH || error == -ENOENT || submitters->has_told_failure)
		return; /* it has ended */
	submitters->has_told_failure = true;
	log_later("for whom pools of %u, and maybe of others, work is not told: %s", tgid,
		  call_probe_error(error));
}

static void attach(struct submitters *submitters, uint32_t tgid, uint32_t layout)
{
	uint64_t begin_ns = clock_ns();
	const struct known_queues *known;
	struct attachment attachment;
	int error;

	if (!entry_of(submitters, layout) || is_attached(submitters, tgid, layout))
		return;
	leave_former(submitters, tgid);
	known = know(submitters, tgid, layout);
	if (!known)
		return;
	attachment = make_attachment(tgid, layout);
	error = attach_all(submitters, known, &attachment);
	submitters->attachments = array_reserve(submitters->attachments, &submitters->capacity,
						submitters->nr_attachments + 1, sizeof(attachment));
	submitters->attachments[submitters->nr_attachments++] = attachment;
	if (error) {
		leave(submitters, submitters->nr_attachments - 1);
		tell_failure(submitters, tgid, error);
		return;
	}
	log_at(LOG_DECISIONS, "queues of %u: followed (%.1f ms)", tgid,
	       (double)(clock_ns() - begin_ns) / 1e6);
}

void submitters_begin_command(struct submitters *submitters, uint32_t tgid, uint32_t layout)
{
	if (submitters)
		attach(submitters, tgid, layout);
}

/* A forked child has its parent's breakpoints in its memory from the beginning on, where they do
 * nothing until it is attached, which then takes 0.1 ms and not 8. */
static bool has_breakpoints(const struct submitters *submitters, const struct process *process,
			    uint32_t layout)
{
	return is_attached(submitters, process->ppid, layout);
}

static void wait_for_flush(struct submitters *submitters, uint32_t process, uint32_t layout)
{
	submitters->waiting = array_reserve(submitters->waiting, &submitters->waiting_capacity,
					    submitters->nr_waiting + 1,
					    sizeof(*submitters->waiting));
	submitters->waiting[submitters->nr_waiting++] = (struct waiting){ process, layout };
}

void submitters_plan(struct submitters *submitters, uint32_t process, uint32_t layout)
{
	const struct process *entry;

	if (!submitters || layout == NO_LAYOUT)
		return;
	entry = &submitters->base->profile->processes[process];
	if (entry->begin == BEGAN_FORK)
		user_loss_add(submitters->base->profile, process, LOSS_submitters_late, 1);
	if (entry->begin != BEGAN_FORK || has_breakpoints(submitters, entry, layout))
		attach(submitters, entry->pid, layout);
	else
		wait_for_flush(submitters, process, layout);
}

/* As many as there is time and room for; nobody reads the ring meanwhile. */
static void on_flush(void *context, struct profile *profile, uint64_t now_ns)
{
	struct submitters *submitters = context;
	uint64_t end_ns = clock_ns() + FLUSH_ATTACHING_NS;
	size_t next = 0;

	for (; next < submitters->nr_waiting && clock_ns() < end_ns &&
	       closer_count(submitters->closer) < MAX_CLOSING;
	     next++) {
		const struct waiting *waiting = &submitters->waiting[next];
		const struct process *process = &profile->processes[waiting->process];

		if (process->end == END_RUNNING)
			attach(submitters, process->pid, waiting->layout);
	}
	submitters->nr_waiting -= next;
	if (submitters->nr_waiting) /* else there may be no array yet */
		memmove(submitters->waiting, submitters->waiting + next,
			submitters->nr_waiting * sizeof(*submitters->waiting));
}

static void on_process_ended(void *context, uint32_t tgid)
{
	struct submitters *submitters = context;

	for (size_t i = submitters->nr_attachments; i-- > 0;)
		if (submitters->attachments[i].tgid == tgid)
			leave(submitters, i);
}

struct drain_listener submitters_hear_drain(struct submitters *submitters)
{
	if (!submitters)
		return (struct drain_listener){ 0 };
	return (struct drain_listener){ .context = submitters,
					.process_ended = on_process_ended,
					.probes_lost = on_process_ended };
}

struct flush_listener submitters_hear_flush(struct submitters *submitters)
{
	if (!submitters)
		return (struct flush_listener){ 0 };
	return (struct flush_listener){ .context = submitters, .flush = on_flush };
}
