/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts calls: a hit of a probe in the interpreter adds one to the node of the whole call path.
 *
 * What a hit means (a start, a return, the end of a frame) and where its frame is found depend on
 * the version; user space attaches the program that fits (user/capture/calls.c). Most hits
 * are counted by quick.h; the rest walk their frame chain here, like a memory event, and make known
 * what was missing.
 *
 * A uprobe's program can be preempted by another task, whose program may run on the same CPU: each
 * takes scratch memory of its own. Before 5.12 that cannot be done at once, so there it finds out
 * at the end whether it still had it.
 */
#ifndef MEMPROBE_CALLS_H
#define MEMPROBE_CALLS_H

#include "leaf.h"

struct scratch_owners {
	__u32 tids[NR_SCRATCHES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch_owners);
} scratch_owners SEC(".maps");

/* Between look and mark another task may come, take it and be preempted in turn: who then marks it
 * would use it beside that task, and find its own mark at the end. cmpxchg is of 5.12, bpf_loop of
 * 5.17. */
static __always_inline __u32 take_scratch(struct scratch_owners *owners, __u32 tid, bool is_oldest)
{
	for (__u32 i = SCRATCH_RSS + 1; i < NR_SCRATCHES; i++) {
		if (!is_oldest) {
			if (!__sync_val_compare_and_swap(&owners->tids[i], 0, tid))
				return i;
			continue;
		}
		if (*(volatile __u32 *)&owners->tids[i])
			continue;
		*(volatile __u32 *)&owners->tids[i] = tid;
		return i;
	}
	return SCRATCH_RSS;
}

/* Returns whether it was ours all the time: with bpf_loop it was. */
static __always_inline bool give_scratch(struct scratch_owners *owners, __u32 scratch, __u32 tid)
{
	volatile __u32 *owner = &owners->tids[scratch & (NR_SCRATCHES - 1)];

	if (*owner != tid)
		return false;
	*owner = 0;
	return true;
}

/* Remembers the path of one walked frame, leaf first. Returns 1 after the last. */
__noinline int keep_walked(__u32 scratch, __u32 index)
{
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);

	if (!path || index >= path->depth || index > MAX_FRAMES)
		return 1;
	/* `node` holds the key of the frame's path. */
	if (path->frames[index] && (index || path->keep_leaf))
		keep(name_frame(path->image_id, path->frames[index],
				path->is_checked ? path->codes[index] : 0),
		     path->node);
	path->node = path_parent(path->node, path->keys[index]);
	return 0;
}

static long keep_walked_callback(__u32 index, void *scratch)
{
	return callback_result(keep_walked(*(__u32 *)scratch, index));
}

/* Puts the walked frames into the shadow; where ends are counted, not the leaf, which has ended. */
static __always_inline void keep_path_walked(const struct wire_layout *layout, struct path *path,
					     __u32 scratch)
{
	path->node = path->key;
	path->keep_leaf = !layout->calls_by_ends;
	path->is_checked = layout->has_unseen_frames;
	bpf_loop(MAX_FRAMES, keep_walked_callback, &scratch, 0);
}

/* Fills in the interpreter of an image. Returns false when it is not known yet. */
static __always_inline bool find_interpreter(const struct wire_image *image, __u32 slot,
					     struct call *call)
{
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);

	__u32 index;

	if (!python || python->state != PYTHON_KNOWN || python->image_id != image->image_id)
		return false;
	index = python->layout;
	call->python = python;
	call->layout = bpf_map_lookup_elem(&layouts, &index);
	return call->layout != NULL;
}

static __always_inline __u64 read_interp(const struct call *call)
{
	__u64 interp = 0;

	if (call->tstate && call->layout->interp_generation != NO_OFFSET)
		read_user(&interp, sizeof(interp), call->tstate + call->layout->tstate_interp);
	return interp;
}

/* Is a frame that ends no call? What is read of it here stays where the walk looks for it first. */
static __always_inline bool is_no_call(struct walk *walk)
{
	const __u8 *head;
	__u64 code;
	long at = locate_frame(walk);

	if (at < 0 || at > BLOCK_BYTES)
		return false;
	head = walk->path->block + at;
	code = frame_code(walk->layout, head);
	return has_not_begun(walk->layout, field_u64(head, walk->layout->frame_instr), code) ||
	       has_made_generator(walk->layout, head, code, is_shadowed(walk->layout, head));
}

/*
 * A call that is walked, in steps that are global functions: the verifier goes through each once,
 * in whatever way those before it have ended.
 *
 * Walks as far as needed. Returns whether there is a path to be counted.
 */
static __always_inline int walk_from(__u32 slot, __u32 scratch, __u64 frame, __u64 tstate,
				     bool plain_loop)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct call call = { .frame = frame, .tstate = tstate };
	struct walk walk = {};

	if (!image || !find_interpreter(image, slot, &call) ||
	    !walk_prepare(&walk, call.layout, image->image_id, scratch))
		return 0;
	walk.path->frame = frame;
	walk.slot = slot;
	walk.scratch = scratch;
	if (is_no_call(&walk))
		return 0;
	if (plain_loop || !call.layout->code_watched)
		walk.path->generation = read_generation(call.layout, call.python->bias,
							read_interp(&call));
	/* Without bpf_loop each loop takes the verifier a second (5.10): one walk, to the root. */
	walk.path->by_shadow = !plain_loop && cfg_shortcuts;
	if (walk.path->by_shadow && call.layout->code_watched)
		walk.path->watched = CODE_WATCHED;
	walk.path->begins = 1;
	walk_frames(&walk, slot, scratch, plain_loop);
	if (!walk.path->depth)
		return is_broken(walk.path);
	return walk.path->depth != 1 || walk.path->end != WALK_ROOT ||
	       !is_unused(call.layout, 0, walk.path->frames[0]);
}

__noinline int walk_call(__u32 slot, __u32 scratch, __u64 frame, __u64 tstate)
{
	return walk_from(slot, scratch, frame, tstate, false);
}

__noinline int walk_call_plainly(__u32 slot, __u32 scratch, __u64 frame, __u64 tstate)
{
	return walk_from(slot, scratch, frame, tstate, true);
}

/* Lays down what is new. Returns the node's id, and above its 32 bits LOSS_* + 1. */
static __always_inline __u64 find_walked(__u32 slot, __u32 scratch, bool plain_loop)
{
	struct change change = { .slot = slot, .scratch = scratch };
	const struct wire_node *found;
	struct walk walk = {};
	struct node_id node;

	change.image = bpf_map_lookup_elem(&images, &slot);
	if (!change.image || !find_scratch(&walk, scratch))
		return 0;
	node = find_path(&change, &walk, plain_loop);
	note_objects(&change, walk.path, plain_loop);
	found = node_at(node);
	if (found && walk.path->end == WALK_ROOT && found->parent == walk.path->above_id.value)
		note_return();
	if (!node.value)
		change.loss = LOSS_calls_lost + 1;
	return node.value | (__u64)change.loss << 32;
}

__noinline __u64 find_call(__u32 slot, __u32 scratch)
{
	return find_walked(slot, scratch, false);
}

__noinline __u64 find_call_plainly(__u32 slot, __u32 scratch)
{
	return find_walked(slot, scratch, true);
}

/* Lets the shadow know. */
__noinline int keep_call(__u32 slot, __u32 scratch)
{
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	struct call call = {
		.layout = slot_layout(slot),
		.python = bpf_map_lookup_elem(&pythons, &slot),
	};
	__u32 version;

	if (!path || !call.layout || !call.python || !cfg_shortcuts || is_broken(path))
		return 0;
	version = read_code_version(&call, path->codes[0]);
	if (version)
		keep(name_code(path->image_id, path->codes[0], version), path->keys[0]);
	keep_path_walked(call.layout, path, scratch);
	return 0;
}

/* With scratch memory of its own, as long as there is some. Returns what find_walked does. */
static __always_inline __u64 find_closely(__u32 slot, __u64 frame, __u64 tstate, bool plain_loop)
{
	const __u64 lost = (LOSS_calls_lost + 1ULL) << 32;
	__u32 zero = 0, tid = bpf_get_current_pid_tgid(), scratch;
	struct scratch_owners *owners = bpf_map_lookup_elem(&scratch_owners, &zero);
	__u64 found = 0;

	if (!owners)
		return 0;
	scratch = take_scratch(owners, tid, plain_loop);
	if (scratch == SCRATCH_RSS)
		return lost;
	if (plain_loop) {
		if (walk_call_plainly(slot, scratch, frame, tstate))
			found = find_call_plainly(slot, scratch);
	} else if (walk_call(slot, scratch, frame, tstate)) {
		found = find_call(slot, scratch);
		keep_call(slot, scratch);
	}
	return give_scratch(owners, scratch, tid) ? found : lost;
}

/* The command's probe is attached before it runs. Its first hit tells where the file was loaded,
 * before user space can have looked. Set by user space before the gate opens. */
__u64 expected_probe_vaddr;
__u32 expected_layout_plus_1; /* 0: none */

__noinline int resolve_by_hit(__u32 slot, __u64 ip)
{
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);

	if (!expected_layout_plus_1 || !python || python->state != PYTHON_UNKNOWN || !image)
		return 0;
	python->bias = ip - expected_probe_vaddr;
	python->layout = expected_layout_plus_1 - 1;
	python->image_id = image->image_id;
	*(volatile __u16 *)&python->state = PYTHON_KNOWN;
	image->flags |= IMAGE_FIND_JUDGED;
	send_knock(slot, RECORD_FOUND, python->layout);
	return 1;
}

/* Put there by user space, which then sets their bits in standing_bits. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_STANDING); /* 1 when no calls are counted: set by loader */
	__type(key, struct wire_standing);
	__type(value, __u8);
} standing SEC(".maps");

__u64 standing_bits[STANDING_BITS / 64];

/* Most frames need no look at the table. */
static __always_inline bool is_perhaps_standing(__u64 frame)
{
	__u32 bit = standing_bit(frame), word = bit / 64;

	asm volatile("%0 &= 63" : "+r"(word)); /* verifier */
	return standing_bits[word] >> bit % 64 & 1;
}

/* Its key on a stack of its own: count_call's and count_quickly's together may take 512 bytes up to
 * 6.12, where a uprobe's program has no private stack. */
__noinline int remove_standing(__u64 frame, __u32 image_id)
{
	struct wire_standing key = { .frame = frame, .image_id = image_id };

	return bpf_map_delete_elem(&standing, &key) == 0;
}

/* Did this frame begin before its calls were counted? Its first end is no call then. */
static __always_inline bool take_standing(const struct call *call)
{
	return is_perhaps_standing(call->frame) &&
	       remove_standing(call->frame, call->python->image_id);
}

static __always_inline int count_by_walk(__u32 slot, __u64 frame, __u64 tstate, bool plain_loop)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	__u64 began_ns = cfg_calls_budget ? bpf_ktime_get_ns() : 0, found;
	struct node_id node;

	if (!image)
		return 0;
	forget(name_frame(image->image_id, frame, 0)); /* it may get none, or there is no scratch */
	found = find_closely(slot, frame, tstate, plain_loop);
	node.value = found;
	if (node.value)
		add_calls(node, 1);
	if (found >> 32)
		count_loss(image, (found >> 32) - 1, 0);
	if (cfg_calls_budget)
		spend_on_walk(image, began_ns);
	return 0;
}

/* With a stack of its own. */
__noinline int count_closely(__u32 slot, __u64 frame, __u64 tstate)
{
	return count_by_walk(slot, frame, tstate, false);
}

/* Is this the end of a frame that began before calls were counted? It was a call then. */
static __always_inline bool ends_uncounted(const struct call *call)
{
	if (!call->layout->calls_by_ends)
		return false;
	forget(name_frame(call->python->image_id, call->frame, 0));
	return take_standing(call);
}

/* A hit that is to be counted. */
struct hit {
	__u64 frame;
	__u64 tstate; /* 0: not known */
	__u32 slot;
	__u32 pad;
};

/* With a budget few hits are counted. */
static __always_inline struct mm_struct *hit_mm(void)
{
	return cfg_calls_budget ? READ_CURRENT(mm) : CURRENT(mm);
}

/* Finds out what a hit is about, with a stack of its own: what count_quickly has is near the limit.
 * Returns whether it is to be counted. */
static __noinline int find_hit(struct pt_regs *registers, struct hit *hit)
{
	struct call call = { .frame = hit->frame, .tstate = hit->tstate };
	struct wire_image *image;
	__u32 slot;

	image = find_image(hit_mm(), &slot);
	if (!image)
		return 0;
	if (image->flags & IMAGE_CALLS_OVER) {
		__sync_fetch_and_add(&budget_spent_ns, TRAP_NS);
		return 0;
	}
	if ((!find_interpreter(image, slot, &call) &&
	     !(resolve_by_hit(slot, registers->IP) && find_interpreter(image, slot, &call))) ||
	    (!hit->frame && !find_leaf(&call, image, registers))) {
		__sync_fetch_and_add(&image->calls_early, 1);
		return 0;
	}
	if (!image->has_calls)
		image->has_calls = 1;
	hit->frame = call.frame;
	hit->tstate = call.tstate;
	hit->slot = slot;
	return !ends_uncounted(&call);
}

static __always_inline int count_call(struct pt_regs *registers, __u64 frame, __u64 tstate,
				      bool plain_loop)
{
	struct hit hit = { .frame = frame, .tstate = tstate };
	struct wire_image *image;

	if (!find_hit(registers, &hit))
		return 0;
	if (plain_loop)
		count_by_walk(hit.slot, hit.frame, hit.tstate, true);
	else if (!count_quickly(hit.frame, hit.slot))
		count_closely(hit.slot, hit.frame, hit.tstate);
	image = cfg_calls_budget ? bpf_map_lookup_elem(&images, &hit.slot) : NULL;
	if (image)
		watch_budget(image, hit.slot);
	return 0;
}

/* Goes on with a walk that has begun. Returns whether there are frames. */
__noinline int walk_begun(__u32 slot, __u32 scratch)
{
	struct walk walk = {};

	if (!find_walk(&walk, slot, scratch))
		return 0;
	if (walk.path->end == WALK_GOING)
		walk_frames(&walk, slot, scratch, false);
	return has_python_frames(walk.path) || walk.path->end != WALK_ROOT;
}

/* A code object goes: what comes to its address is another. */
static __always_inline int forget_code(struct pt_regs *registers)
{
	struct wire_image *image;
	__u32 slot;

	image = find_image(READ_CURRENT(mm), &slot);
	if (!image)
		return 0;
	__sync_fetch_and_add(&image->code_deaths, 1);
	forget(name_code(image->image_id, registers->ARG1, CODE_WATCHED));
	forget(name_code(image->image_id, registers->ARG1, CODE_WATCHED_FOR_ALLOCS));
	return 0;
}

#endif
