/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call probes; see calls.h.
 *
 * One BPF_TRACE_UPROBE_MULTI link holds all sites of a file where the kernel has it (6.6), made by
 * plain bpf(2) because libbpf 1.1 does not know it; elsewhere there is a perf uprobe for each site.
 * Both carry the semaphore's offset, which the kernel raises and lowers in the target.
 */
#include "calls.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "memory.h"
#include "memprobe.skel.h"

struct attachment {
	uint32_t tgid;
	size_t entry_ino; /* of the file: an exec may bring another */
	int multi;	  /* fd of the link, -1 */
	struct bpf_link *links[MAX_PROBE_SITES];
	size_t nr_links;
};

struct calls {
	struct loader *loader;
	struct attachment *attachments;
	size_t nr_attachments, capacity;
};

struct calls *calls_new(struct loader *loader)
{
	struct calls *calls = xcalloc(1, sizeof(*calls));

	calls->loader = loader;
	return calls;
}

static struct attachment *find(const struct calls *calls, uint32_t tgid)
{
	for (size_t i = 0; i < calls->nr_attachments; i++) {
		if (calls->attachments[i].tgid == tgid)
			return &calls->attachments[i];
	}
	return NULL;
}

static void release(struct attachment *attachment)
{
	closep(&attachment->multi);
	for (size_t i = 0; i < attachment->nr_links; i++)
		bpf_link__destroy(attachment->links[i]);
}

void calls_detach(struct calls *calls, uint32_t tgid)
{
	struct attachment *attachment = find(calls, tgid);

	if (!attachment)
		return;
	release(attachment);
	*attachment = calls->attachments[--calls->nr_attachments];
}

void calls_free(struct calls *calls)
{
	if (!calls)
		return;
	for (size_t i = 0; i < calls->nr_attachments; i++)
		release(&calls->attachments[i]);
	free(calls->attachments);
	free(calls);
}

bool calls_is_attached(const struct calls *calls, uint32_t tgid)
{
	return find(calls, tgid) != NULL;
}

/* The part of union bpf_attr's link_create that bookworm's header lacks. */
struct multi_link {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t count, multi_flags, pid, pad;
};

static int attach_multi(struct attachment *attachment, int program, const char *path,
			const struct probe_plan *plan)
{
	uint64_t offsets[MAX_PROBE_SITES], semaphores[MAX_PROBE_SITES];
	struct multi_link link = {
		.prog_fd = program,
		.attach_type = ATTACH_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.count = plan->nr_sites,
		.pid = attachment->tgid,
	};

	for (size_t i = 0; i < plan->nr_sites; i++) {
		offsets[i] = plan->sites[i].offset;
		semaphores[i] = plan->sites[i].semaphore;
	}
	if (semaphores[0])
		link.ref_ctr_offsets = (uintptr_t)semaphores;
	attachment->multi = syscall(__NR_bpf, BPF_LINK_CREATE, &link, sizeof(link));
	return attachment->multi < 0 ? -errno : 0;
}

static int attach_each(struct attachment *attachment, struct bpf_program *program, const char *path,
		       const struct probe_plan *plan)
{
	for (size_t i = 0; i < plan->nr_sites; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, options, .ref_ctr_offset = plan->sites[i].semaphore);
		struct bpf_link *link = bpf_program__attach_uprobe_opts(
			program, attachment->tgid, path, plan->sites[i].offset, &options);

		if (!link)
			return -errno;
		attachment->links[attachment->nr_links++] = link;
	}
	return 0;
}

static struct bpf_program *choose_program(const struct calls *calls, enum probe_frame frame)
{
	const struct memprobe *skeleton = calls->loader->skeleton;
	bool has_loop = calls->loader->features.has_percpu_counters;

	switch (frame) {
	case PROBE_FRAME_ARG1:
		return has_loop ? skeleton->progs.call_arg1 : skeleton->progs.call_arg1_plain;
	case PROBE_FRAME_ARG2:
		return has_loop ? skeleton->progs.call_arg2 : skeleton->progs.call_arg2_plain;
	default:
		return has_loop ? skeleton->progs.call_leaf : skeleton->progs.call_leaf_plain;
	}
}

int calls_attach(struct calls *calls, uint32_t tgid, const char *path,
		 const struct interpreter_entry *entry)
{
	struct attachment attachment = { .tgid = tgid, .entry_ino = entry->file.ino, .multi = -1 };
	const struct attachment *old = find(calls, tgid);
	struct bpf_program *program;
	int error;

	if (!entry->plan.nr_sites)
		return -ENOENT;
	if (old && old->entry_ino == attachment.entry_ino)
		return 0;
	calls_detach(calls, tgid);
	program = choose_program(calls, entry->plan.frame);
	if (bpf_program__fd(program) < 0)
		return -ENOPROTOOPT;
	if (calls->loader->features.has_uprobe_multi)
		error = attach_multi(&attachment, bpf_program__fd(program), path, &entry->plan);
	else
		error = attach_each(&attachment, program, path, &entry->plan);
	if (error) {
		release(&attachment);
		return error;
	}
	log_at(LOG_DECISIONS, "calls of %u: %s", tgid, entry->plan.what);
	calls->attachments = array_reserve(calls->attachments, &calls->capacity,
					   calls->nr_attachments + 1, sizeof(attachment));
	calls->attachments[calls->nr_attachments++] = attachment;
	return 0;
}
