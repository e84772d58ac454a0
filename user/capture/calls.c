/* SPDX-License-Identifier: BSD-2-Clause */
/* Which processes have call probes; see calls.h. */
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <memprobe/limits.h>

#include "call_probe.h"
#include "closer.h"
#include "log.h"
#include "memory.h"
#include "memprobe.skel.h"

#define MAX_CLOSING 64		   /* probes that wait for their end */
#define ATTACHING_COSTS_NS 2000000 /* with closing; of our own CPU time */

struct attachment {
	uint32_t tgid;
	uint32_t layout; /* an exec may bring another */
	struct call_probe calls, code_death;
	struct probe_plan swept; /* all sites of both */
	int file;		 /* -1: forked children keep none */
};

struct calls {
	struct loader *loader;
	struct interpreters *interpreters;
	struct attachment *attachments;
	size_t nr_attachments, capacity;
	struct closer *closer;
};

struct calls *calls_new(struct loader *loader, struct interpreters *interpreters)
{
	struct calls *calls = xcalloc(1, sizeof(*calls));

	calls->loader = loader;
	calls->closer = closer_new();
	calls->interpreters = interpreters;
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

static void release(const struct calls *calls, struct attachment *attachment)
{
	closep(&attachment->file);
	closer_take(calls->closer, &attachment->calls);
	closer_take(calls->closer, &attachment->code_death);
}

static void leave(const struct calls *calls, struct attachment *attachment)
{
	closep(&attachment->file);
	closer_leave(calls->closer, &attachment->calls);
	closer_leave(calls->closer, &attachment->code_death);
}

static void end(struct calls *calls, uint32_t tgid,
		void (*how)(const struct calls *, struct attachment *))
{
	struct attachment *attachment = find(calls, tgid);

	if (!attachment)
		return;
	how(calls, attachment);
	*attachment = calls->attachments[--calls->nr_attachments];
}

void calls_detach(struct calls *calls, uint32_t tgid)
{
	end(calls, tgid, release);
}

void calls_ended(struct calls *calls, uint32_t tgid)
{
	end(calls, tgid, leave);
}

static bool has_budget(const struct calls *calls)
{
	return calls->loader->skeleton->rodata->cfg_calls_budget;
}

void calls_free(struct calls *calls)
{
	if (!calls)
		return;
	if (has_budget(calls))
		log_at(LOG_STEPS, "calls: %.1f ms of the budget spent",
		       (double)calls->loader->skeleton->bss->budget_spent_ns / 1e6);
	for (size_t i = 0; i < calls->nr_attachments; i++)
		leave(calls, &calls->attachments[i]);
	closer_free(calls->closer);
	free(calls->attachments);
	free(calls);
}

bool calls_has_room(const struct calls *calls)
{
	return closer_count(calls->closer) < MAX_CLOSING;
}

bool calls_is_affordable(const struct calls *calls)
{
	const struct memprobe__bss *bss = calls->loader->skeleton->bss;

	return !has_budget(calls) || bss->budget_spent_ns + ATTACHING_COSTS_NS <=
					     CALLS_FREE_NS + bss->budget_cpu_ns / CALLS_PARTS;
}

bool calls_can_afford(struct calls *calls)
{
	if (!calls_is_affordable(calls))
		return false;
	__atomic_fetch_add(&calls->loader->skeleton->bss->budget_spent_ns, ATTACHING_COSTS_NS,
			   __ATOMIC_RELAXED);
	return true;
}

void calls_forked(struct calls *calls, uint32_t tgid)
{
	const struct attachment *attachment = find(calls, tgid);

	if (attachment && attachment->file >= 0)
		closer_sweep(calls->closer,
			     bpf_program__fd(calls->loader->skeleton->progs.code_gone),
			     attachment->file, &attachment->swept);
}

bool calls_is_attached(const struct calls *calls, uint32_t tgid)
{
	return find(calls, tgid) != NULL;
}

static struct bpf_program *choose_program(const struct calls *calls, enum probe_frame frame)
{
	const struct memprobe *skeleton = calls->loader->skeleton;
	bool has_loop = calls->loader->features.has_loop;

	switch (frame) {
	case PROBE_FRAME_ARG1:
		return has_loop ? skeleton->progs.call_arg1 : skeleton->progs.call_arg1_plain;
	case PROBE_FRAME_ARG2:
		return has_loop ? skeleton->progs.call_arg2 : skeleton->progs.call_arg2_plain;
	default:
		return has_loop ? skeleton->progs.call_leaf : skeleton->progs.call_leaf_plain;
	}
}

/* A perf uprobe takes its breakpoint out of a forked child's memory at the first hit there. */
static void plan_sweep(struct attachment *attachment, const char *path,
		       const struct probe_plan *plan)
{
	attachment->file = open(path, O_RDONLY | O_CLOEXEC);
	attachment->swept = *plan;
	if (plan->code_death && plan->nr_sites < MAX_PROBE_SITES)
		attachment->swept.sites[attachment->swept.nr_sites++] =
			(struct probe_site){ .offset = plan->code_death };
}

/* The end of code objects first: while calls are counted none must go unseen. */
static int attach(const struct calls *calls, struct attachment *attachment, const char *path)
{
	const struct interpreter_entry *entry = interpreters_entry(calls->interpreters,
								   attachment->layout);
	const struct probe_plan *plan = &entry->plan;
	const struct call_place place = { attachment->tgid, path, plan, entry->changed_ns };
	bool has_multi = calls->loader->features.has_uprobe_multi;
	int error = 0;

	if (has_multi && has_budget(calls))
		plan_sweep(attachment, path, plan);
	if (plan->code_death)
		error = call_probe_attach_code_death(&attachment->code_death,
						     calls->loader->skeleton->progs.code_gone,
						     has_multi, &place);
	if (!error)
		error = call_probe_attach(&attachment->calls, choose_program(calls, plan->frame),
					  has_multi, &place);
	if (error)
		release(calls, attachment);
	return error;
}

/* The kernel takes paths only: that of our own descriptor leads to the file itself. */
static int attach_mapped(const struct calls *calls, struct attachment *attachment)
{
	_cleanup_(closep) int fd = interpreters_open(calls->interpreters, attachment->tgid,
						     attachment->layout);
	_cleanup_(freep) char *path = NULL;

	if (fd < 0)
		return fd;
	path = xasprintf("/proc/self/fd/%d", fd);
	return attach(calls, attachment, path);
}

int calls_attach(struct calls *calls, uint32_t tgid, const char *path, uint32_t layout)
{
	const struct probe_plan *plan = &interpreters_entry(calls->interpreters, layout)->plan;
	struct attachment attachment = {
		.tgid = tgid,
		.layout = layout,
		.calls.multi = -1,
		.code_death.multi = -1,
		.file = -1,
	};
	const struct attachment *old = find(calls, tgid);
	int error;

	if (!plan->nr_sites)
		return -ENOTSUP;
	if (old && old->layout == layout)
		return 0;
	calls_ended(calls, tgid);
	if (bpf_program__fd(choose_program(calls, plan->frame)) < 0)
		return -ENOPROTOOPT;
	error = path ? attach(calls, &attachment, path) : attach_mapped(calls, &attachment);
	if (error)
		return error;
	log_at(LOG_DECISIONS, "calls of %u: %s", tgid,
	       interpreters_entry(calls->interpreters, layout)->plan.what);
	calls->attachments = array_reserve(calls->attachments, &calls->capacity,
					   calls->nr_attachments + 1, sizeof(attachment));
	calls->attachments[calls->nr_attachments++] = attachment;
	return 0;
}
