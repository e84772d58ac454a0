/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the next mapping begins above a place where there is none. brk and shmdt do not say how
 * much they give back: to there at most. The kernel takes a mapping out of its tree before its
 * pages go, and holds the lock of the mappings until they have gone (mm/vma.c,
 * do_vmi_align_munmap; mm/mmap.c before 6.12).
 *
 * The tree is a maple tree (6.1; include/linux/maple_tree.h). A gap is one entry of one leaf, for
 * none ends with a gap (lib/maple_tree.c, mt_validate_nulls): one way down finds its end.
 */
#ifndef MEMPROBE_GAPS_H
#define MEMPROBE_GAPS_H

#include "compat.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* An entry that leads to a node, which is aligned to 256 bytes, has the node's type. */
#define MAPLE_ENTRY_BITS 255
#define MAPLE_TYPE_SHIFT 3
#define MAPLE_TYPES 15
#define MAPLE_LEAF_64 1 /* enum maple_type: its entries are mappings, and it is as range_64 */
#define MAPLE_ARANGE_64 3

#define MAX_MAPLE_STEPS 256 /* 16 in a node, and it is no deeper than 8 with a million mappings */

struct descent {
	__u64 address;
	__u64 last;  /* of the addresses of the entry in which it lies */
	__u64 entry; /* 0: nothing is mapped there */
	__u64 slot;  /* the next to look at in the node */
};

static __always_inline __u64 read_word(__u64 array, __u64 index)
{
	__u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), (void *)(array + index * sizeof(word)));
	return word;
}

/* A pivot is the last address of its slot. The last slot may have none, or 0. */
static long descend(__u32 turn, void *data)
{
	struct descent *descent = data;
	__u64 type = descent->entry >> MAPLE_TYPE_SHIFT & MAPLE_TYPES;
	__u64 node = descent->entry & ~(__u64)MAPLE_ENTRY_BITS, pivots, slots, pivot = 0;

	if (type == MAPLE_ARANGE_64) {
		pivots = node + bpf_core_field_offset(struct maple_arange_64, pivot);
		slots = node + bpf_core_field_offset(struct maple_arange_64, slot);
	} else {
		pivots = node + bpf_core_field_offset(struct maple_range_64, pivot);
		slots = node + bpf_core_field_offset(struct maple_range_64, slot);
	}
	if (pivots + descent->slot * sizeof(pivot) < slots)
		pivot = read_word(pivots, descent->slot);
	if (pivot && pivot < descent->address) {
		descent->slot++;
		return 0;
	}
	if (pivot)
		descent->last = pivot;
	descent->entry = read_word(slots, descent->slot);
	descent->slot = 0;
	return type <= MAPLE_LEAF_64;
}

/* The address where the gap ends in which `address` lies, of the current task's mappings. 0: it
 * lies in none. */
__noinline __u64 gap_end(__u64 address)
{
	struct descent descent = { .address = address, .last = -1ULL };
	__u64 mm = (__u64)READ_CURRENT(mm);

	if (!bpf_core_field_exists(struct mm_struct___maple, mm_mt))
		return 0;
	descent.entry = (__u64)BPF_CORE_READ((struct mm_struct___maple *)mm, mm_mt.ma_root);
	if (!descent.entry)
		return 0;
	if (RARE_LOOP(MAX_MAPLE_STEPS, descend, &descent) >= MAX_MAPLE_STEPS || descent.entry)
		return 0;
	return descent.last + 1;
}

/* A node of the tree in memory; all types have 256 bytes. */
#define MAPLE_NODE_WORDS 32
#define MAX_MAPLE_LEVELS 10

struct maple_lookup {
	__u64 address;
	__u64 entry; /* 0: nothing is mapped there */
	__u64 node[MAPLE_NODE_WORDS];
};

/* The entry in which the address lies. `pivots` and `slots`: where they begin, in words. */
static __always_inline __u64 choose_entry(const struct maple_lookup *lookup, __u32 pivots,
					  __u32 slots, __u32 most)
{
	for (__u32 i = 0; i < most; i++) {
		__u64 pivot = lookup->node[pivots + i];

		if (!pivot || pivot >= lookup->address)
			return lookup->node[slots + i];
	}
	return lookup->node[slots + most];
}

#define MAPLE_WORDS(type, field) (bpf_core_field_offset(struct type, field) / 8)
#define MAPLE_PIVOTS(type) (sizeof(((struct type *)0)->pivot) / 8)

/* One level, read at once: several times as fast as descend() for a tree of three. */
static long look_down(__u32 turn, void *data)
{
	struct maple_lookup *lookup = *(struct maple_lookup **)data;
	__u64 type = lookup->entry >> MAPLE_TYPE_SHIFT & MAPLE_TYPES;
	__u64 node = lookup->entry & ~(__u64)MAPLE_ENTRY_BITS;

	lookup->entry = 0;
	if (bpf_probe_read_kernel(lookup->node, sizeof(lookup->node), (void *)node))
		return 1;
	if (type == MAPLE_ARANGE_64)
		lookup->entry = choose_entry(lookup, MAPLE_WORDS(maple_arange_64, pivot),
					     MAPLE_WORDS(maple_arange_64, slot),
					     MAPLE_PIVOTS(maple_arange_64));
	else
		lookup->entry = choose_entry(lookup, MAPLE_WORDS(maple_range_64, pivot),
					     MAPLE_WORDS(maple_range_64, slot),
					     MAPLE_PIVOTS(maple_range_64));
	return type <= MAPLE_LEAF_64 || !lookup->entry;
}

/* The mapping (struct vm_area_struct) in which an address of the current task lies; 0: none. Of a
 * tree that another thread is changing meanwhile it may be a former one: the caller looks whether
 * it has the address. `lookup` is the caller's, and not on the stack. */
static __always_inline __u64 find_mapping(struct maple_lookup *lookup, __u64 address)
{
	__u64 mm = (__u64)READ_CURRENT(mm);

	lookup->address = address;
	lookup->entry = (__u64)BPF_CORE_READ((struct mm_struct___maple *)mm, mm_mt.ma_root);
	if (!lookup->entry || bpf_loop(MAX_MAPLE_LEVELS, look_down, &lookup, 0) >= MAX_MAPLE_LEVELS)
		return 0;
	return lookup->entry;
}

#endif
