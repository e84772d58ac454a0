/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * With --native: the C functions in which a thread's Python frame is, without frame pointers.
 *
 * The registers with which the task came into the kernel give the innermost frame, and the rows of
 * its file (include/memprobe/wire_unwind.h) the next, up to the interpreter's own frame. Where that
 * begins on the stack is known: the C frame that runs the leaf Python frame holds its CFrame (3.10
 * to 3.12) or the entry frame below which it runs (3.13 on). So it does not matter in which
 * function the evaluation is, which compilers inline and split. Up to 3.9 it is the function's.
 *
 * What is found is pushed onto the path before its Python frames, which are walked as ever: path
 * keys, nodes and all that follows need not know. A stack that cannot be unwound to the
 * interpreter's frame has one row instead, [C frames not followed], so that no wrong chain stands.
 * A native thread is unwound to its outermost frame, and its functions stand below its row.
 *
 * Which file an address is of the kernel's own tree of mappings tells, so nothing follows what is
 * loaded and unloaded. Until a file's rows are there (unwind_files.h) its stacks are not followed.
 *
 * Only static functions that are called by what cfg_native guards: without it the verifier goes
 * through none of them.
 */
#ifndef MEMPROBE_X86_UNWIND_H
#define MEMPROBE_X86_UNWIND_H

#include <memprobe/wire_unwind.h>

#include "gaps.h"
#include "learn.h"
#include "nodes.h"
#include "unwind_files.h"
#include "walk.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* sized by loader, as the next two */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct wire_unwind_row);
} unwind_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_unwind_rule);
} unwind_rules SEC(".maps");

#define MAX_C_FRAMES 64
#define MAX_EVAL_FRAMES 1024 /* Python frames that one C frame of the interpreter runs */
/* Of a C frame of the interpreter; without optimisation it has 10 KB. */
#define MAX_EVAL_BYTES (1U << 16)
#define RECENT_FILES 16 /* a power of two */

/* A file that was looked up. Two mappings may show it. The kernel gives the memory of a file and of
 * its inode to others, and an inode's number too; or the file is written anew. */
struct recent_file {
	__u64 file, inode; /* of the kernel */
	__u64 number, changed_ns;
	__u32 changes;
	struct wire_unwind_file known;
};

enum unwind_end {
	UNWIND_GOING,
	UNWIND_DONE, /* at the interpreter's frame */
	UNWIND_CUT,
};

/* Registers of a frame, and where it was looked. In a map, as struct path. */
struct unwind {
	__u64 ip, sp, bp;
	__u64 bound;	  /* an address in the interpreter's C frame; 0: its function tells */
	__u64 eval;	  /* address of that function, 0: the bound tells */
	__u64 begin, end; /* of the mapping that ip was in last */
	__u64 to_file;	  /* what to add to an address for its offset in the file */
	struct wire_unwind_file file;
	__u32 is_caller; /* ip is a return address: the call is before it */
	__u32 end_kind;	 /* enum unwind_end */
	__u32 to_root;	 /* of a thread without Python: up to its outermost frame */
	__u32 pad;
	__u64 frame;	/* Python's, for the bound */
	__u64 words[2]; /* that end at the CFA: of the caller mostly rbp, and the return address */
	struct wire_unwind_knock knock;
	struct maple_lookup lookup;
	struct recent_file recent[RECENT_FILES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1); /* NR_SCRATCHES with --native: set by loader */
	__type(key, __u32);
	__type(value, struct unwind);
} unwinds SEC(".maps");

/* ---- The file of an address ---- */

static __always_inline void find_unwind_file(struct unwind *unwind, struct file *file, __u32 slot,
					     __u64 address)
{
	struct inode *inode = user_inode(file);
	__u64 which = hash_mix((__u64)file) & (RECENT_FILES - 1);
	__u64 number = BPF_CORE_READ(inode, i_ino), changed_ns = change_time((__u64)inode);
	__u32 changes = *(volatile __u32 *)&unwind_changes;
	struct recent_file *recent = &unwind->recent[which];
	struct wire_unwind_file *known;

	if (recent->file == (__u64)file && recent->inode == (__u64)inode &&
	    recent->number == number && recent->changed_ns == changed_ns &&
	    recent->changes == changes) {
		unwind->file = recent->known;
		return;
	}
	identify(inode, &unwind->knock.file);
	known = bpf_map_lookup_elem(&unwind_files, &unwind->knock.file);
	if (!known) {
		knock_for_file(&unwind->knock, slot, inode, address);
		return;
	}
	unwind->file = *known;
	recent->file = (__u64)file;
	recent->inode = (__u64)inode;
	recent->number = number;
	recent->changed_ns = changed_ns;
	recent->changes = changes;
	recent->known = *known;
}

/* Finds the file that an address of the current process shows. Returns 0 when its rows are known.
 */
static __noinline int enter_mapping(struct unwind *unwind, __u32 slot, __u64 address)
{
	struct vm_area_struct *vma = (void *)find_mapping(&unwind->lookup, address);
	struct file *file;

	__builtin_memset(&unwind->file, 0, sizeof(unwind->file));
	unwind->begin = BPF_CORE_READ(vma, vm_start);
	unwind->end = BPF_CORE_READ(vma, vm_end);
	file = BPF_CORE_READ(vma, vm_file);
	if (!vma || !file || address < unwind->begin || address >= unwind->end) {
		unwind->end = 0;
		return -1;
	}
	unwind->to_file = (BPF_CORE_READ(vma, vm_pgoff) << PAGE_SHIFT) - unwind->begin;
	find_unwind_file(unwind, file, slot, address);
	return unwind->file.number ? 0 : -1;
}

/* ---- A frame ---- */

#define ROW_STEPS 25 /* of a binary search */
_Static_assert(1 << (ROW_STEPS - 1) >= MAX_NATIVE_ROWS, "find_row");

/* The last row whose offset is not above the one given. Returns its number among all, or -1. */
static __noinline long find_row(__u32 first, __u32 count, __u64 offset)
{
	__u32 low = first, high = first + count;

	if (offset >> 32)
		return -1;
	for (__u32 i = 0; i < ROW_STEPS && low < high; i++) {
		__u32 middle = low + (high - low) / 2;
		const struct wire_unwind_row *row = bpf_map_lookup_elem(&unwind_rows, &middle);

		if (!row)
			return -1;
		if (row->offset <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low > first ? (long)low - 1 : -1;
}

/* Returns 0 where the rule leads to no CFA. */
static __always_inline __u64 find_cfa(const struct unwind *unwind,
				      const struct wire_unwind_rule *rule)
{
	__s64 offset = rule->cfa_offset;
	__u64 word;

	switch (rule->cfa) {
	case UNWIND_CFA_RSP:
		return unwind->sp + offset;
	case UNWIND_CFA_RBP:
		return unwind->bp + offset;
	case UNWIND_CFA_AT_RBP:
		return read_user(&word, sizeof(word), unwind->bp + offset) ? 0 : word;
	case UNWIND_CFA_PLT:
		return unwind->sp + 8 + ((unwind->ip & 15) >= (__u64)offset ? 8 : 0);
	default:
		return 0;
	}
}

#define MAX_RETURNS 8 /* calls whose return is waited for, one within the other */

/*
 * Where a call returns to whose return a uprobe waits for (of --allocs, --submitters, or another
 * tracer's): the kernel has put the address of its trampoline, the begin of a page, in the place of
 * the return address, which it keeps. Where several wait for one call, only the first has kept
 * that.
 */
static __noinline void restore_return(struct unwind *unwind, __u64 place)
{
	__u64 trampoline = READ_CURRENT(mm, uprobes_state.xol_area, vaddr);
	struct return_instance *awaited;

	if (!trampoline || unwind->ip != trampoline)
		return;
	awaited = READ_CURRENT(utask, return_instances);
	for (int i = 0; i < MAX_RETURNS && awaited; i++) {
		if (BPF_CORE_READ(awaited, stack) == place)
			unwind->ip = BPF_CORE_READ(awaited, orig_ret_vaddr);
		awaited = BPF_CORE_READ(awaited, next);
	}
}

/* From a frame whose CFA is known to its caller. */
static __always_inline long step_out(struct unwind *unwind, const struct wire_unwind_rule *rule,
				     __u64 cfa)
{
	__u64 at = rule->rbp == UNWIND_RBP_BY_RBP ? unwind->bp : cfa;

	if (read_user(unwind->words, sizeof(unwind->words), cfa - sizeof(unwind->words)))
		return -1;
	if (rule->rbp == UNWIND_RBP_BY_CFA && rule->rbp_offset == -(int)sizeof(unwind->words))
		unwind->bp = unwind->words[0];
	else if (rule->rbp != UNWIND_RBP_SAME &&
		 read_user(&unwind->bp, sizeof(unwind->bp), at + rule->rbp_offset))
		return -1;
	unwind->ip = unwind->words[1];
	if (!(unwind->ip & (PAGE_BYTES - 1))) /* rare otherwise */
		restore_return(unwind, cfa - sizeof(unwind->ip));
	unwind->sp = cfa;
	unwind->is_caller = 1;
	return 0;
}

static __always_inline void push_function(__u32 scratch, __u64 name)
{
	struct walk walk = {};
	__u32 depth;
	__u64 key;

	if (!find_scratch(&walk, scratch))
		return;
	depth = walk.path->depth;
	if (depth > MAX_FRAMES)
		return;
	key = hash_pair(hash_pair(name, walk.path->image_id), SITE_C) & ~(__u64)SELF_MASK;
	if (is_split())
		walk.parts->wholes[depth] = key;
	push_site(&walk, key, C_FUNCTION | name, 0, 0);
}

struct unwind_context {
	__u32 slot;
	__u32 scratch;
};

/* One frame. Returns how the unwinding goes on. */
static __always_inline enum unwind_end unwind_frame(struct unwind *unwind, __u32 slot,
						    __u32 scratch)
{
	__u64 address = unwind->ip - unwind->is_caller, function, cfa;
	bool is_root;
	const struct wire_unwind_row *row;
	const struct wire_unwind_rule *rule;
	__u32 index, back;
	long found;

	if (!unwind->ip)
		return unwind->to_root ? UNWIND_DONE : UNWIND_CUT;
	if ((address < unwind->begin || address >= unwind->end) &&
	    enter_mapping(unwind, slot, address))
		return UNWIND_CUT;
	found = find_row(unwind->file.first, unwind->file.count, address + unwind->to_file);
	index = found;
	row = found < 0 ? NULL : bpf_map_lookup_elem(&unwind_rows, &index);
	if (!row)
		return UNWIND_CUT;
	back = row->rule >> UNWIND_RULE_BITS;
	index = row->rule & (UNWIND_MAX_RULES - 1);
	rule = bpf_map_lookup_elem(&unwind_rules, &index);
	if (!rule)
		return UNWIND_CUT;
	is_root = unwind->to_root && rule->cfa == UNWIND_CFA_END;
	cfa = find_cfa(unwind, rule);
	if (cfa <= unwind->sp && !is_root)
		return UNWIND_CUT;
	if (unwind->bound && cfa > unwind->bound)
		return cfa - unwind->bound <= MAX_EVAL_BYTES ? UNWIND_DONE : UNWIND_CUT;
	index = found - back;
	row = bpf_map_lookup_elem(&unwind_rows, &index);
	if (!row)
		return UNWIND_CUT;
	function = row->offset;
	if (function - unwind->to_file == unwind->eval)
		return UNWIND_DONE;
	push_function(scratch, unwind_function_name(unwind->file.number, function));
	if (is_root)
		return UNWIND_DONE;
	return step_out(unwind, rule, cfa) ? UNWIND_CUT : UNWIND_GOING;
}

static long unwind_frame_callback(__u32 turn, void *data)
{
	struct unwind_context *context = data;
	struct unwind *unwind = bpf_map_lookup_elem(&unwinds, &context->scratch);

	if (!unwind)
		return 1;
	unwind->end_kind = unwind_frame(unwind, context->slot, context->scratch);
	return unwind->end_kind != UNWIND_GOING;
}

/* ---- Where the interpreter's frame is ---- */

/* The next Python frame: the one on the C stack below which the others run? */
static long seek_entry(__u32 turn, void *data)
{
	struct unwind_context *context = data;
	struct unwind *unwind = bpf_map_lookup_elem(&unwinds, &context->scratch);
	struct path *path = bpf_map_lookup_elem(&paths, &context->scratch);
	const struct wire_layout *layout = slot_layout(context->slot);
	__u8 *head;
	__u32 bytes;

	if (!unwind || !path || !layout || !unwind->frame)
		return 1;
	head = path->block + BLOCK_BYTES;
	bytes = frame_head_bytes(layout);
	BOUND(bytes, FRAME_HEAD_BYTES);
	if (read_user(head, bytes, unwind->frame))
		return 1;
	if (is_shim(layout, head)) {
		unwind->bound = unwind->frame;
		return 1;
	}
	unwind->frame = field_u64(head, layout->frame_back);
	return 0;
}

/* Returns 0 where it is not known. */
static __always_inline bool find_bound(struct unwind *unwind, const struct path *path,
				       struct unwind_context *context)
{
	const struct wire_layout *layout = slot_layout(context->slot);
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &context->slot);

	if (!layout || !python)
		return false;
	if (layout->version < 0x030a) {
		unwind->eval = layout->eval_vaddr ? layout->eval_vaddr + python->bias : 0;
		return unwind->eval;
	}
	if (layout->tstate_cframe != NO_OFFSET) {
		read_user(&unwind->bound, sizeof(unwind->bound),
			  path->tstate + layout->tstate_cframe);
	} else {
		unwind->frame = path->frame;
		bpf_loop(MAX_EVAL_FRAMES, seek_entry, context, 0);
	}
	return unwind->bound > unwind->sp;
}

/* ---- All of it ---- */

/* From where the current thread came into the kernel. Returns 0 where there is no memory for it. */
static __always_inline struct unwind *begin_unwinding(__u32 scratch, bool to_root)
{
	struct unwind *unwind = bpf_map_lookup_elem(&unwinds, &scratch);
	const struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(
		bpf_get_current_task_btf());

	if (!unwind)
		return NULL;
	unwind->ip = registers->IP;
	unwind->sp = registers->sp;
	unwind->bp = registers->FRAME_POINTER;
	unwind->bound = unwind->eval = 0;
	unwind->is_caller = 0;
	unwind->end = 0;
	unwind->end_kind = UNWIND_CUT;
	unwind->to_root = to_root;
	return unwind;
}

/* No part of a chain stands. */
static __always_inline void end_unwinding(const struct unwind *unwind, struct path *path,
					  __u32 scratch)
{
	if (unwind->end_kind != UNWIND_DONE) {
		forget_c_frames(path);
		push_function(scratch, 0);
	}
	path->c_frames = path->depth;
}

/* The current thread's path has begun at its leaf frame: puts the C functions below it. */
static __noinline void push_c_frames(__u32 slot, __u32 scratch)
{
	struct unwind_context context = { .slot = slot, .scratch = scratch };
	struct unwind *unwind = begin_unwinding(scratch, false);
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);

	if (!unwind || !path)
		return;
	if (find_bound(unwind, path, &context))
		bpf_loop(MAX_C_FRAMES, unwind_frame_callback, &context, 0);
	end_unwinding(unwind, path, scratch);
}

/* The node of the C functions in which the current thread is, which runs no Python, below its row.
 * Without room the row. */
static __noinline __u32 find_c_path(struct change *change, __u32 row)
{
	struct unwind_context context = { .slot = change->slot, .scratch = change->scratch };
	struct unwind *unwind = begin_unwinding(change->scratch, true);
	struct node_id id = { .value = row };
	const struct wire_node *above = node_at(id);
	struct walk walk = {};
	struct node_id found;

	if (!unwind || !above || !find_scratch(&walk, change->scratch))
		return row;
	reset_path(walk.path, 0);
	walk.path->image_id = change->image->image_id;
	walk.path->above = above->key;
	walk.path->above_id = id;
	bpf_loop(MAX_C_FRAMES, unwind_frame_callback, &context, 0);
	end_unwinding(unwind, walk.path, change->scratch);
	if (!walk.path->depth) /* a jump to 0 */
		return row;
	walk.path->key += walk.path->above * walk.path->factor;
	walk.path->end = WALK_KNOWN;
	found = find_path(change, &walk, false);
	return found.value ? found.value : row;
}

#endif
