/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What each path holds: pages that it touched first, until they go (include/memprobe/wire.h,
 * struct wire_held). For every image the sum over its nodes is its books, at any time; so every
 * change of the books is passed on to some node, if need be to the row [unowned].
 *
 * What a node held at the highest moment is kept lazily. A number says how often there was another
 * highest moment; a node that changes when its own number is an earlier one saves what it holds
 * until then, which is what it held at that moment. So a rising process costs two stores a change
 * and no look at the other nodes. The same for the moment in which the runtime began to finalize.
 */
#ifndef MEMPROBE_HELD_H
#define MEMPROBE_HELD_H

#include "lows.h"
#include "nodes.h"
#include "syscalls.h"

const volatile bool cfg_owners = false; /* who owns each page is followed */

/* By id. Most nodes of a run that counts calls never hold anything. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* sized by loader */
	__type(key, __u32);
	__type(value, struct wire_held);
} held SEC(".maps");

static struct wire_held blank_held; /* never written: the stack is short of room */

static __always_inline struct wire_held *find_held(__u32 id)
{
	struct wire_held *found = bpf_map_lookup_elem(&held, &id);

	if (found)
		return found;
	bpf_map_update_elem(&held, &id, &blank_held, BPF_NOEXIST);
	return bpf_map_lookup_elem(&held, &id);
}

static __always_inline void copy_pages(__s32 *to, const __s32 *from)
{
	__builtin_memcpy(__builtin_assume_aligned(to, sizeof(__u64)),
			 __builtin_assume_aligned(from, sizeof(__u64)), NR_KINDS * sizeof(*to));
}

/* Before the node changes. */
static __always_inline void keep_moments(const struct wire_image *image, struct wire_held *node)
{
	if (node->peak_moment != image->peak_moment) {
		copy_pages(node->at_peak, node->live);
		node->peak_moment = image->peak_moment;
	}
	if (node->final_moment != image->final_moment) {
		copy_pages(node->at_final, node->live);
		node->final_moment = image->final_moment;
	}
}

static __always_inline __s64 resident_pages(const struct wire_held *node)
{
	return (__s64)node->live[KIND_FILE] + node->live[KIND_ANON] + node->live[KIND_SHMEM];
}

static __always_inline void add_live(const struct wire_image *image, struct wire_held *node,
				     __u32 kind, __s64 pages)
{
	keep_moments(image, node);
	if (!image->final_moment)
		keep_low(&node->low, resident_pages(node));
	__sync_fetch_and_add(&node->live[kind_index(kind)], (__s32)pages);
}

/* The node holds so many pages more, or fewer. Returns 0, or -1 where there is no room to say so.
 */
__noinline int hold(__u32 slot, __u32 id, __u32 kind, __s64 pages)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_held *node = find_held(id);

	if (!image)
		return 0;
	if (!node) {
		count_loss(image, LOSS_owner_memory, pages);
		return -1;
	}
	add_live(image, node, kind, pages);
	if (!image->final_moment)
		note_low(&node->low, resident_pages(node));
	mark_changed((struct node_id){ id });
	return 0;
}

/* How many pages the heap has that brk() grows. */
static __always_inline __s64 read_heap(struct mm_struct *mm)
{
	return (BPF_CORE_READ(mm, brk) - BPF_CORE_READ(mm, start_brk)) >> PAGE_SHIFT;
}

/* The node has taken so many pages of address space, or given them back; so many of them are the
 * heap's. */
static __always_inline void add_mapped(struct wire_image *image, struct node_id id, __s64 pages,
				       __s64 of_heap)
{
	struct wire_held *node = find_held(id.value);

	if (!node) {
		count_loss(image, LOSS_owner_memory, 0);
		return;
	}
	__sync_fetch_and_add(&node->mapped, pages);
	if (of_heap)
		__sync_fetch_and_add(&node->heap, of_heap);
	mark_changed(id);
}

/* So many pages were copied because the node's path wrote to them. Returns 0, or -1 where there is
 * no room to say so. */
__noinline int add_unshared(__u32 slot, __u32 id, __s32 pages)
{
	struct wire_held *node = find_held(id);

	if (!node) {
		count_slot_loss(slot, LOSS_owner_memory, 0);
		return -1;
	}
	__sync_fetch_and_add(&node->unshared, pages);
	mark_changed((struct node_id){ id });
	return 0;
}

/*
 * What of the address space (mm->total_vm) nobody has been told of yet is the current path's. A
 * mapping is looked for at the next change of resident memory only, so that no system call is
 * hooked: what malloc maps it also touches, for its header, before it returns.
 */
__noinline int note_mapped(__u32 slot, __u32 id, __u64 total_vm, __s64 heap)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	__s64 pages, of_heap;

	if (!image || !id)
		return 0;
	pages = total_vm - image->address_space;
	if (!pages)
		return 0;
	of_heap = heap - image->heap;
	image->address_space = total_vm;
	image->heap = heap;
	add_mapped(image, (struct node_id){ id }, pages, of_heap);
	return 0;
}

/* What nobody is known to have touched. */
__noinline int hold_unowned(__u32 slot, __u32 kind, __s64 pages)
{
	struct change change = { .slot = slot, .kind = kind, .pages = pages };
	struct node_id id;

	change.image = bpf_map_lookup_elem(&images, &slot);
	if (!change.image || !pages)
		return 0;
	id = find_plain_special(&change, SITE_UNOWNED);
	if (!id.value)
		return 0; /* counted */
	return hold(slot, id.value, kind, pages);
}

/* The same as hold(), where the node, or what it holds, may have found no room. */
static __always_inline void hold_somewhere(__u32 slot, struct node_id id, __u32 kind, __s64 pages)
{
	if (!id.value || hold(slot, id.value, kind, pages))
		hold_unowned(slot, kind, pages);
}

/* Takes up to so many pages from a row of pages without marks, if there is one. Returns how many.
 */
static __always_inline __s64 release_from_row(__u32 slot, __u32 site, __u32 kind, __s64 pages)
{
	const struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	__u64 key = image && site ? site_key_special(image->image_id, site) : 0;
	struct node_id *id = key ? bpf_map_lookup_elem(&special_ids, &key) : NULL;
	__u32 value = id ? id->value : 0;
	struct wire_held *row = value ? bpf_map_lookup_elem(&held, &value) : NULL;
	__s64 there = row ? row->live[kind_index(kind)] : 0;

	if (there > pages)
		there = pages;
	if (there <= 0)
		return 0;
	hold(slot, value, kind, -there);
	return there;
}

/* What was there when the image began, or came without a path, and goes: pages without a mark. Of a
 * forked or adopted image they are mostly those of the beginning: a guess, for nothing tells them
 * from those that the kernel has brought, as khugepaged fills up a huge page, or another process,
 * as by process_vm_writev: neither tells where. */
__noinline int release_unmarked(__u32 slot, __u32 kind, __s64 pages)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);

	if (!image)
		return 0;
	__sync_fetch_and_add(&image->missing[kind_index(kind)], pages);
	pages -= release_from_row(slot, image->opening_site, kind, pages);
	pages -= release_from_row(slot, SITE_KERNEL, kind, pages);
	return hold_unowned(slot, kind, -pages);
}

/* Up to how many pages of a kind have gone without the marks of theirs. */
static __always_inline __s64 missing_pages(const struct wire_image *image, __u32 kind, __s64 pages)
{
	__s64 missing = image->missing[kind_index(kind)];

	if (missing <= 0)
		return 0;
	return missing < pages ? missing : pages;
}

/* So many of them are found. */
static __always_inline void find_missing(struct wire_image *image, __u32 kind, __s64 pages)
{
	__sync_fetch_and_add(&image->missing[kind_index(kind)], -pages);
}

/* The row of what an image begins with: forked from another, or adopted. */
__noinline int hold_opening(__u32 slot, __u32 site)
{
	struct change change = { .slot = slot };
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct node_id id;

	if (!cfg_owners || !image)
		return 0;
	change.image = image;
	image->opening_site = site;
	id = find_plain_special(&change, site);
	for (__u32 kind = 0; kind < NR_KINDS; kind++) {
		if (image->opening[kind])
			hold_somewhere(slot, id, kind, image->opening[kind]);
	}
	return 0;
}

#endif
