/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts calls: a hit of a probe in the interpreter adds one to the node of the whole call path.
 *
 * What a hit means (a start, a return, the end of a frame) and where its frame is found depend on
 * the version; user space attaches the program that fits (user/capture/calls.c). The frame chain
 * of the hit is walked like at a memory event. Entries and returns need not balance, for no stack
 * is kept.
 *
 * A uprobe's program can be preempted by another task, whose program may run on the same CPU: each
 * takes scratch memory of its own and finds out at the end whether it still had it.
 */
#ifndef MEMPROBE_CALLS_H
#define MEMPROBE_CALLS_H

#include "lifecycle.h"

#define BUDGET_LOOK 256 /* hits between two looks at the budget; a power of two */
#define BUDGET_FREE_NS 50000000ULL
#define BUDGET_PARTS 100 /* one part of the CPU time may go into counting */

const volatile bool cfg_calls_budget = true;  /* --calls=auto */
const volatile __u32 cfg_call_cost_ns = 1200; /* a hit, the trap included (docs/accuracy.md) */

struct scratch_owners {
	__u32 tids[NR_SCRATCHES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch_owners);
} scratch_owners SEC(".maps");

static __always_inline __u32 take_scratch(struct scratch_owners *owners, __u32 tid)
{
	for (__u32 i = SCRATCH_RSS + 1; i < NR_SCRATCHES; i++) {
		if (*(volatile __u32 *)&owners->tids[i])
			continue;
		*(volatile __u32 *)&owners->tids[i] = tid;
		return i;
	}
	return SCRATCH_RSS;
}

/* Returns whether it was ours all the time: another task may have come between look and mark. */
static __always_inline bool give_scratch(struct scratch_owners *owners, __u32 scratch, __u32 tid)
{
	volatile __u32 *owner = &owners->tids[scratch & (NR_SCRATCHES - 1)];

	if (*owner != tid)
		return false;
	*owner = 0;
	return true;
}

/* The current thread's CPU time stands for the process's: a bound from below, on the safe side. */
static __always_inline bool is_budget_spent(struct wire_image *image)
{
	__u64 now = CURRENT(se.sum_exec_runtime);

	if (!image->calls_cpu_ns)
		image->calls_cpu_ns = now;
	return image->calls * cfg_call_cost_ns >
	       BUDGET_FREE_NS + (now - image->calls_cpu_ns) / BUDGET_PARTS;
}

static __always_inline void watch_budget(struct wire_image *image, __u32 slot)
{
	struct wire_knock record = { .slot = slot, .tgid = image->tgid };

	if ((image->calls & (BUDGET_LOOK - 1)) || !is_budget_spent(image))
		return;
	image->flags |= IMAGE_CALLS_OVER;
	record.head.type = RECORD_CALLS_OVER;
	record.head.image_id = image->image_id;
	record.head.time_ns = bpf_ktime_get_ns();
	send(&record, sizeof(record), true);
}

/* The node of a frame, or of the current thread's leaf frame without one. */
static __always_inline struct wire_node *find_call(struct change *change, __u64 frame, __u64 tstate,
						   bool plain_loop)
{
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &change->slot);
	const struct wire_layout *layout;
	struct walk walk = {};
	__u32 index;
	__u64 key;

	if (!python || python->state != PYTHON_KNOWN || python->image_id != change->image->image_id)
		return NULL;
	index = python->layout;
	layout = bpf_map_lookup_elem(&layouts, &index);
	if (!layout || !walk_prepare(&walk, layout, python->image_id, change->scratch))
		return NULL;
	if (frame)
		walk_begin_at(&walk, frame, tstate, python->bias);
	else if (!walk_begin(&walk, change->image, python->bias))
		return NULL;
	walk_frames(&walk, change->slot, change->scratch, plain_loop);
	if (!walk.path->depth)
		return NULL;
	return find_path(change, &walk, &key, plain_loop);
}

/* The command's probe is attached before it runs. Its first hit tells where the file was loaded,
 * before user space can have looked. Set by user space before the gate opens. */
__u64 expected_probe_vaddr;
__u32 expected_layout_plus_1; /* 0: none */

static __always_inline void resolve_by_hit(struct change *change, struct pt_regs *registers)
{
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &change->slot);
	struct wire_knock record = { .slot = change->slot, .tgid = change->image->tgid };

	if (!python || python->state != PYTHON_UNKNOWN || !expected_layout_plus_1)
		return;
	python->bias = BPF_CORE_READ(registers, ip) - expected_probe_vaddr;
	python->layout = expected_layout_plus_1 - 1;
	python->image_id = change->image->image_id;
	*(volatile __u16 *)&python->state = PYTHON_KNOWN;
	record.head.type = RECORD_FOUND;
	record.head.image_id = change->image->image_id;
	record.head.time_ns = bpf_ktime_get_ns();
	record.layout = python->layout;
	send(&record, sizeof(record), true);
}

static __always_inline int count_call(struct pt_regs *registers, __u64 frame, __u64 tstate,
				      bool plain_loop)
{
	struct change change = {};
	__u32 zero = 0, tid = bpf_get_current_pid_tgid();
	struct scratch_owners *owners = bpf_map_lookup_elem(&scratch_owners, &zero);
	struct wire_node *node;

	change.image = find_image(CURRENT(mm), &change.slot);
	if (!change.image || !owners || (change.image->flags & IMAGE_CALLS_OVER))
		return 0;
	resolve_by_hit(&change, registers);
	change.scratch = take_scratch(owners, tid);
	if (change.scratch == SCRATCH_RSS) {
		count_loss(change.image, LOSS_calls_lost, 0);
		return 0;
	}
	node = find_call(&change, frame, tstate, plain_loop);
	if (!give_scratch(owners, change.scratch, tid)) {
		count_loss(change.image, LOSS_calls_lost, 0);
		return 0;
	}
	if (!node) { /* the interpreter is not known yet, or the hit came without a frame */
		__sync_fetch_and_add(&change.image->calls_early, 1);
		return 0;
	}
	__sync_fetch_and_add(&node->calls, 1);
	__sync_fetch_and_add(&change.image->calls, 1);
	if (cfg_calls_budget)
		watch_budget(change.image, change.slot);
	return 0;
}

#endif
