/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes have probes in which files' queues; see submitters.h. As those of allocators they
 * belong to a process and a file, and go on through an exec that maps the same file again.
 */
#include "submitters.h"

#include <errno.h>
#include <string.h>

#include "call_probe.h"
#include "clock.h"
#include "closer.h"
#include "inspect_queues.h"
#include "log.h"
#include "memory.h"
#include "memprobe.skel.h"
#include "tell.h"

#define MAX_CLOSING 128 /* probes that wait for their end; each holds a descriptor */

struct known_queues {
	struct file_identity interpreter;
	struct queue_plan plans[NR_QUEUE_FILES];
	int fds[NR_QUEUE_FILES]; /* -1: there are none */
};

struct attachment {
	uint32_t tgid;
	struct file_identity interpreter;
	struct call_probe entries[NR_QUEUE_FILES], returns[NR_QUEUE_FILES];
};

struct submitters {
	const struct capture_base *base;
	struct closer *closer;
	struct known_queues *known;
	size_t nr_known, known_capacity;
	struct attachment *attachments;
	size_t nr_attachments, capacity;
	bool has_told;
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

static void end_process(struct submitters *submitters, uint32_t tgid)
{
	for (size_t i = submitters->nr_attachments; i-- > 0;)
		if (submitters->attachments[i].tgid == tgid)
			leave(submitters, i);
}

void submitters_free(struct submitters *submitters)
{
	if (!submitters)
		return;
	while (submitters->nr_attachments)
		leave(submitters, submitters->nr_attachments - 1);
	closer_free(submitters->closer);
	for (size_t i = 0; i < submitters->nr_known; i++)
		for (size_t file = 0; file < NR_QUEUE_FILES; file++)
			closep(&submitters->known[i].fds[file]);
	free(submitters->known);
	free(submitters->attachments);
	free(submitters);
}

/* ---- Files ---- */

static bool is_same(struct file_identity one, struct file_identity other)
{
	return one.dev == other.dev && one.ino == other.ino;
}

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

static struct known_queues *know(struct submitters *submitters, uint32_t tgid,
				 const struct interpreter_entry *entry)
{
	struct known_queues *known;

	for (size_t i = 0; i < submitters->nr_known; i++)
		if (is_same(submitters->known[i].interpreter, entry->file))
			return &submitters->known[i];
	submitters->known = array_reserve(submitters->known, &submitters->known_capacity,
					  submitters->nr_known + 1, sizeof(*known));
	known = &submitters->known[submitters->nr_known++];
	*known = (struct known_queues){ .interpreter = entry->file };
	for (size_t file = 0; file < NR_QUEUE_FILES; file++) {
		known->fds[file] = inspect_queues(submitters->base->inspector, (pid_t)tgid, entry,
						  (enum queue_file)file, &known->plans[file]);
		if (known->fds[file] < 0)
			known->plans[file].nr_sites = 0;
	}
	if (!has_call(known, QUEUE_APPEND) || !has_call(known, QUEUE_POPLEFT))
		tell_missing(submitters, entry, "queue.Queue", known->fds[QUEUE_IN_INTERPRETER]);
	if (!has_call(known, QUEUE_PUT) || !has_call(known, QUEUE_GET))
		tell_missing(submitters, entry, "SimpleQueue", known->fds[QUEUE_IN_MODULE]);
	if (!has_call(known, QUEUE_TASK))
		tell_missing(submitters, entry, "asyncio.Task", known->fds[TASK_IN_MODULE]);
	return known;
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

	for (size_t i = 0; i < NR_QUEUE_FILES; i++)
		attachment->entries[i] = attachment->returns[i] =
			(struct call_probe){ .multi = -1 };
	for (size_t i = 0; i < 2 * NR_QUEUE_FILES && !error; i++)
		error = attach_file(submitters, known, i / 2, i % 2 == 0, attachment);
	return error;
}

static bool is_attached(const struct submitters *submitters, uint32_t tgid,
			struct file_identity interpreter)
{
	for (size_t i = 0; i < submitters->nr_attachments; i++)
		if (submitters->attachments[i].tgid == tgid &&
		    is_same(submitters->attachments[i].interpreter, interpreter))
			return true;
	return false;
}

static void attach(struct submitters *submitters, uint32_t tgid, uint32_t layout)
{
	const struct interpreter_entry *entry = interpreters_entry(submitters->base->interpreters,
								   layout);
	struct attachment attachment = { .tgid = tgid };
	uint64_t begin_ns = clock_ns();
	int error;

	if (!entry || is_attached(submitters, tgid, entry->file))
		return;
	attachment.interpreter = entry->file;
	error = closer_count(submitters->closer) < MAX_CLOSING
			? attach_all(submitters, know(submitters, tgid, entry), &attachment)
			: -EAGAIN;
	log_at(LOG_DECISIONS, "queues of %u: %s (%.1f ms)", tgid,
	       error ? strerror(-error) : "followed", (double)(clock_ns() - begin_ns) / 1e6);
	submitters->attachments = array_reserve(submitters->attachments, &submitters->capacity,
						submitters->nr_attachments + 1, sizeof(attachment));
	submitters->attachments[submitters->nr_attachments++] = attachment;
	if (error)
		leave(submitters, submitters->nr_attachments - 1);
	if (error && error != -ESRCH && error != -ENOENT)
		log_later("for whom pools of %u work is not told: %s", tgid, strerror(-error));
}

void submitters_begin_command(struct submitters *submitters, uint32_t tgid, uint32_t layout)
{
	if (submitters)
		attach(submitters, tgid, layout);
}

void submitters_plan(struct submitters *submitters, uint32_t process, uint32_t layout)
{
	if (submitters)
		attach(submitters, submitters->base->profile->processes[process].pid, layout);
}

static void on_process_ended(void *context, uint32_t tgid)
{
	end_process(context, tgid);
}

struct drain_listener submitters_hear_drain(struct submitters *submitters)
{
	if (!submitters)
		return (struct drain_listener){ 0 };
	return (struct drain_listener){ .context = submitters, .process_ended = on_process_ended };
}
