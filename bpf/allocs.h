/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which path asked for each block that an allocator has handed out and not got back: probes at the
 * entries and returns of malloc and its like (user/capture/allocs.c), one process at a time.
 *
 * A block is taken out of the table at the *entry* of free and realloc, for another thread may get
 * its address before they return, and put in at the return of what made it. An allocator's
 * functions call each other, and what an inner one has made is made again by the outer, at the same
 * address: the later counts.
 */
#ifndef MEMPROBE_ALLOCS_H
#define MEMPROBE_ALLOCS_H

#include "alloc_calls.h"
#include "calls.h"
#include "reown.h"

const volatile __u64 cfg_allocs_min = 0; /* bytes; smaller blocks are not followed */

bool allocs_are_over = false; /* the books are being closed, the probes still there */

/*
 * A block that goes leaves its place in the table, without an owner, while there are no more places
 * than this: allocators give the same addresses out again and again, and finding a place takes a
 * part of what making and removing one does.
 */
const volatile __u64 cfg_kept_blocks = 0;

__u64 blocks_made, blocks_removed; /* places; removed here and by user space */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* sized by loader */
	__type(key, struct wire_block_key);
	__type(value, struct wire_block);
} blocks SEC(".maps");

/* By id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* sized by loader */
	__type(key, __u32);
	__type(value, struct wire_allocs);
} allocs SEC(".maps");

static struct wire_allocs blank_allocs; /* never written */
static struct wire_block blank_block;	/* never written */

/* ---- What each path has ---- */

static __always_inline struct wire_allocs *find_allocs(__u32 id)
{
	struct wire_allocs *found = bpf_map_lookup_elem(&allocs, &id);

	if (found)
		return found;
	bpf_map_update_elem(&allocs, &id, &blank_allocs, BPF_NOEXIST);
	return bpf_map_lookup_elem(&allocs, &id);
}

/* Before the node changes. */
static __always_inline void keep_alloc_moments(const struct wire_image *image,
					       struct wire_allocs *node)
{
	if (!image->final_moment)
		keep_low(&node->low, node->bytes);
	if (node->peak_moment != image->alloc_moment) {
		node->at_peak = node->bytes;
		node->peak_moment = image->alloc_moment;
	}
	if (node->final_moment != image->final_moment) {
		node->at_final = node->bytes;
		node->blocks_at_final = node->blocks;
		node->final_moment = image->final_moment;
	}
}

/* Another highest sum is one after the node has been told. */
static __always_inline void note_alloc_peak(struct wire_image *image)
{
	__s64 bytes = *(volatile __s64 *)&image->alloc_bytes;

	if (bytes <= image->alloc_peak)
		return;
	image->alloc_peak = bytes;
	image->alloc_moment++;
}

/* The node has a block more, or one again that was taken from it as freed: then `is_back` is 1.
 * Returns whether there was room to say so. */
__noinline int add_to_allocs(__u32 slot, __u32 id, __u64 bytes, __u32 is_back)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_allocs *node = find_allocs(id);

	if (!image || !node)
		return 0;
	keep_alloc_moments(image, node);
	__sync_fetch_and_add(&node->bytes, bytes);
	__sync_fetch_and_add(&node->blocks, 1);
	if (is_back) {
		__sync_fetch_and_add(&node->freed_blocks, -1);
	} else {
		__sync_fetch_and_add(&node->taken_bytes, bytes);
		__sync_fetch_and_add(&node->taken_blocks, 1);
	}
	__sync_fetch_and_add(&image->alloc_bytes, bytes);
	note_alloc_peak(image);
	mark_changed((struct node_id){ id });
	return 1;
}

/* Why a block goes from its node. */
enum block_end {
	BLOCK_REMADE, /* an inner function's, which the outer makes again */
	BLOCK_FREED,
	BLOCK_MOVED, /* realloc's, which comes again as it returns */
};

/* The node's block goes; `end`: enum block_end. */
__noinline int take_from_allocs(__u32 slot, __u32 id, __u64 bytes, __u32 end)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_allocs *node = bpf_map_lookup_elem(&allocs, &id);

	if (!image || !node)
		return 0;
	keep_alloc_moments(image, node);
	__sync_fetch_and_add(&node->bytes, -bytes);
	__sync_fetch_and_add(&node->blocks, -1);
	if (end == BLOCK_FREED && !image->final_moment)
		note_low(&node->low, *(volatile __s64 *)&node->bytes);
	if (end) {
		__sync_fetch_and_add(&node->freed_blocks, 1);
	} else {
		__sync_fetch_and_add(&node->taken_bytes, -bytes);
		__sync_fetch_and_add(&node->taken_blocks, -1);
	}
	__sync_fetch_and_add(&image->alloc_bytes, -bytes);
	mark_changed((struct node_id){ id });
	return 0;
}

/* ---- Blocks ---- */

/* Losses are told in pages: of all blocks together, which may be smaller. */
__noinline int lose_block(__u32 slot, __u32 reason, __u64 bytes)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	__u32 before, now;

	if (!image)
		return 0;
	__sync_fetch_and_add(&image->lost_bytes, bytes);
	now = *(volatile __u64 *)&image->lost_bytes >> PAGE_SHIFT;
	before = __sync_lock_test_and_set(&image->lost_pages, now);
	count_loss(image, reason, now > before ? now - before : 0);
	return 0;
}

/* Nobody can get the address before the probe's function goes on, and so nobody looks for it. */
static __always_inline void remove_place(const struct wire_block_key *key)
{
	if (blocks_made - blocks_removed > cfg_kept_blocks && !bpf_map_delete_elem(&blocks, key))
		__sync_fetch_and_add(&blocks_removed, 1);
}

/* Takes a block out of its place. Returns its owner's id, 0: another was quicker. */
static __always_inline __u32 empty_place(struct wire_block *block)
{
	return __sync_lock_test_and_set(&block->owner.value, 0);
}

/* Takes a block out of the table. Returns its owner's id, 0: it is not there. */
__noinline __u32 take_block(__u32 slot, __u64 address, __u64 *ret_bytes, __u32 end)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_block_key key = { .address = address };
	struct wire_block *block;
	__u32 owner;

	if (!image || !ret_bytes)
		return 0;
	key.image_id = image->image_id;
	block = bpf_map_lookup_elem(&blocks, &key);
	if (!block)
		return 0;
	*ret_bytes = block->bytes;
	owner = empty_place(block);
	if (!owner)
		return 0;
	remove_place(&key);
	take_from_allocs(slot, owner, *ret_bytes, end);
	return owner;
}

/* The place of an address, made when there is room. What is in it is an inner function's block, or
 * one whose end was not seen: it goes. */
static __always_inline struct wire_block *clear_place(__u32 slot, const struct wire_block_key *key,
						      int *ret_error)
{
	struct wire_block *block = bpf_map_lookup_elem(&blocks, key);
	__u64 inner;
	__u32 owner;

	if (!block) {
		*ret_error = bpf_map_update_elem(&blocks, key, &blank_block, BPF_NOEXIST);
		if (!*ret_error)
			__sync_fetch_and_add(&blocks_made, 1);
		return bpf_map_lookup_elem(&blocks, key);
	}
	inner = block->bytes;
	owner = empty_place(block);
	if (owner)
		take_from_allocs(slot, owner, inner, BLOCK_REMADE);
	return block;
}

/* Puts a block of a node into the table; `is_back` as above. Returns whether there was room. */
__noinline int put_block(__u32 slot, __u64 address, __u64 bytes, __u32 id, __u32 is_back)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_block_key key = { .address = address };
	__u32 reason = LOSS_blocks_pathless;
	struct wire_block *block;
	int error = 0;

	if (!image)
		return 0;
	key.image_id = image->image_id;
	block = clear_place(slot, &key, &error);
	if (block && add_to_allocs(slot, id, bytes, is_back)) {
		block->bytes = bytes;
		*(volatile __u32 *)&block->owner.value = id;
		return 1;
	}
	if (block)
		remove_place(&key);
	else
		reason = error == NO_MEMORY ? LOSS_blocks_missed : LOSS_blocks_full;
	lose_block(slot, reason, bytes);
	return 0;
}

/* ---- Which path ---- */

/* Begins a walk of the current thread. Returns whether it runs Python. */
static __always_inline bool begin_alloc_walk(__u32 slot, __u32 scratch)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	__u32 watched = 0;

	if (!image)
		return false;
	if (!is_split() && is_watched(slot, image->image_id))
		watched = CODE_WATCHED_FOR_ALLOCS;
	return begin_walk(slot, scratch, watched) == WALK_BEGUN;
}

/* The node of what the current thread is doing. Returns its id, and above its 32 bits LOSS_* + 1.
 */
__noinline __u64 find_alloc_path(__u32 slot, __u32 scratch)
{
	__u64 found;

	bool has_frames = begin_alloc_walk(slot, scratch);

	if (cfg_native && has_frames)
		push_c_frames(slot, scratch);
	if (!has_frames || !walk_begun(slot, scratch))
		found = find_frameless_row(slot, scratch, 0);
	else
		found = find_call(slot, scratch);
	/* That of calls is another loss. */
	return (__u32)found ? found : (LOSS_blocks_pathless + 1ULL) << 32;
}

/* The row of what is given back, made where there is scratch memory for it. */
static __always_inline void make_free_row(struct wire_image *image, __u32 slot, __u32 scratch)
{
	struct change change = { .image = image, .slot = slot, .scratch = scratch };

	if (cfg_owners && !image->free_row)
		image->free_row = find_plain_special(&change, SITE_FREE).value;
}

static __always_inline __u32 find_alloc_node(struct wire_image *image, __u32 slot, __u64 bytes)
{
	__u32 zero = 0, tid = bpf_get_current_pid_tgid(), scratch;
	struct scratch_owners *owners = bpf_map_lookup_elem(&scratch_owners, &zero);
	const __u64 missed = (LOSS_blocks_missed + 1ULL) << 32;
	__u64 found = missed;

	if (!owners)
		return 0;
	scratch = take_scratch(owners, tid, false);
	if (scratch != SCRATCH_RSS) {
		found = find_alloc_path(slot, scratch);
		if (bytes >= PAGE_SIZE)
			make_free_row(image, slot, scratch);
		if (!give_scratch(owners, scratch, tid))
			found = missed;
	}
	if (found >> 32)
		lose_block(slot, (found >> 32) - 1, bytes);
	return found;
}

/* ---- The probes ---- */

static __always_inline struct wire_image *alloc_image(__u32 *ret_slot)
{
	struct wire_image *image = NULL;

	if (!*(volatile bool *)&allocs_are_over)
		image = find_image(CURRENT(mm), ret_slot);
	if (image && !(image->alloc_flags & ALLOCS_SEEN))
		image->alloc_flags |= ALLOCS_SEEN;
	return image;
}

static __always_inline void on_free(struct wire_image *image, __u32 slot, __u64 address,
				    const struct alloc_call *call)
{
	bool is_inner;
	__u64 bytes = 0;

	if (!address)
		return;
	look_for_finalizing(slot);
	is_inner = has_several(image) && is_free_for_another(call->allocator, call->stack);
	if (take_block(slot, address, &bytes, BLOCK_FREED))
		free_block(image, slot, address, bytes, 0);
	else if (!is_inner && !image->final_moment && !is_reallocated(address))
		__sync_fetch_and_add(&image->unknown_frees, 1);
}

/* Returns whether the call's return is of interest. */
static __always_inline bool on_alloc_entry(struct pt_regs *registers, __u64 cookie)
{
	struct alloc_call call = { .stack = registers->sp, .allocator = cookie >> ALLOC_CALL_BITS };
	__u32 slot, kind = cookie & ((1 << ALLOC_CALL_BITS) - 1);
	struct wire_image *image;

	image = alloc_image(&slot);
	if (!image)
		return false;
	note_allocator(image, call.allocator);
	read_call(registers, kind, &call);
	if (call.call == ALLOC_FREE) {
		on_free(image, slot, call.place, &call);
		return false;
	}
	if (has_several(image) && is_for_another(call.allocator, call.stack))
		return false;
	if (is_realloc(call.call) && call.place)
		call.old.owner.value = take_block(slot, call.place, &call.old.bytes, BLOCK_MOVED);
	/* What a small block was before is put back where realloc fails; and it may be made of
	 * another allocator's, which is large enough. */
	if (call.bytes < cfg_allocs_min && !call.old.owner.value && !has_several(image))
		return false;
	if (!(kind & ALLOC_UNFOLLOWED) && !would_lose_return(call.stack) && wait_for_return(&call))
		return true;
	count_loss(image, LOSS_blocks_missed, 0);
	return false;
}

/* A realloc that failed has left the block where it was. */
static __always_inline void put_back(__u32 slot, const struct alloc_call *call)
{
	if (call->old.owner.value && call->bytes)
		put_block(slot, call->place, call->old.bytes, call->old.owner.value, 1);
}

/* What realloc has left behind of the block that it was given. Another thread may have some of it
 * already, so that what is still the former owner's is meant. */
static __always_inline void free_rest(struct wire_image *image, __u32 slot,
				      const struct alloc_call *call, __u64 address)
{
	__u64 begin = call->place, kept = address == begin ? call->bytes : 0;

	if (call->old.owner.value && kept < call->old.bytes && call->old.bytes >= PAGE_SIZE)
		free_block(image, slot, begin + kept, call->old.bytes - kept,
			   call->old.owner.value);
}

/* xallocx returns how large the block is now. Returns where it is, 0: it is as it was. */
static __always_inline __u64 finish_resize(struct alloc_call *call, __u64 bytes)
{
	if (bytes < call->least)
		return 0;
	if (bytes < call->bytes)
		call->bytes = bytes;
	return call->place;
}

static __always_inline int on_alloc_return(struct pt_regs *registers)
{
	struct wire_image *image;
	struct allocating *all;
	struct alloc_call *call;
	__u64 address = registers->RETURN_VALUE;
	__u32 slot, id;

	image = alloc_image(&slot);
	all = bpf_task_storage_get(&allocating, bpf_get_current_task_btf(), NULL, 0);
	call = image && all ? pop_call(all, registers->sp - RETURN_ADDRESS_BYTES) : NULL;
	if (!call)
		return 0;
	call->stack = 0;
	if (call->call == ALLOC_POSIX) {
		__u64 error = address;

		address = 0;
		if (!(__u32)error && read_user(&address, sizeof(address), call->place))
			lose_block(slot, LOSS_blocks_missed, call->bytes);
	}
	if (call->call == ALLOC_RESIZE)
		address = finish_resize(call, address);
	if (!address) {
		put_back(slot, call);
		return 0;
	}
	free_rest(image, slot, call, address);
	if (call->bytes < cfg_allocs_min)
		return 0;
	/* More than an address space: the function lies. */
	if (call->bytes >> ADDRESS_BITS)
		return lose_block(slot, LOSS_blocks_missed, 0);
	id = find_alloc_node(image, slot, call->bytes);
	if (id && put_block(slot, address, call->bytes, id, 0))
		own_block(slot, address, call->bytes, id);
	return 0;
}

/*
 * Entry and return by one program (6.13): with 1 from an entry the return is not waited for, which
 * spares a small block a half of what it costs. Not so where another process has a session at the
 * same place: to that one's the kernel answers 0 here (kernel/trace/bpf_trace.c: uprobe_prog_run),
 * and waits. At a return the thread is back at its caller.
 */
static __always_inline int on_alloc_session(struct pt_regs *registers)
{
	if (registers->IP != bpf_get_func_ip(registers))
		return on_alloc_return(registers);
	return !on_alloc_entry(registers, bpf_get_attach_cookie(registers));
}

#endif
