/* SPDX-License-Identifier: BSD-2-Clause */
/* By the ways in which calls will be counted, and by what was asked for; see loader_probes.h. */
#include "loader_probes.h"

#include "memory.h"
#include "memprobe.skel.h"

/* Attached at many places by one link, where the kernel has such. */
static void choose(const struct loader_probes *wanted, struct bpf_program *program)
{
	bpf_program__set_autoload(program, true);
	if (wanted->features->has_uprobe_multi)
		bpf_program__set_expected_attach_type(program, ATTACH_UPROBE_MULTI);
}

static void choose_call_programs(const struct loader_probes *wanted, struct memprobe *skeleton)
{
	struct bpf_program *with_loop[] = { skeleton->progs.call_leaf, skeleton->progs.call_arg1,
					    skeleton->progs.call_arg2 };
	struct bpf_program *plain[] = { skeleton->progs.call_leaf_plain,
					skeleton->progs.call_arg1_plain,
					skeleton->progs.call_arg2_plain };
	struct bpf_program **chosen = wanted->features->has_loop ? with_loop : plain;

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) { /* in the order of enum probe_frame */
		if (wanted->call_frames & 1U << i)
			choose(wanted, chosen[i]);
	}
}

static void choose_alloc_programs(const struct loader_probes *wanted, struct memprobe *skeleton)
{
	choose(wanted, skeleton->progs.alloc_entry);
	if (!wanted->features->has_uprobe_session) {
		choose(wanted, skeleton->progs.alloc_return);
		return;
	}
	bpf_program__set_autoload(skeleton->progs.alloc_session, true);
	bpf_program__set_expected_attach_type(skeleton->progs.alloc_session, ATTACH_UPROBE_SESSION);
}

void loader_probes_choose(const struct loader_probes *wanted, struct memprobe *skeleton)
{
	choose_call_programs(wanted, skeleton);
	/* The end of code objects: for calls, and where that is one probe also for paths. */
	if (wanted->call_frames || wanted->has_watches)
		choose(wanted, skeleton->progs.code_gone);
	if (wanted->has_allocs)
		choose_alloc_programs(wanted, skeleton);
	if (wanted->has_submitters) {
		choose(wanted, skeleton->progs.queue_entry);
		choose(wanted, skeleton->progs.queue_return);
	}
	choose(wanted, skeleton->progs.finalizing);
}
