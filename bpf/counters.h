/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads a process's RSS counters and tells how much one rss_stat event changed them.
 *
 * Since 6.2 (f1a7941243c1) every counter is a percpu_counter: a shared count, and a share for each
 * CPU that is folded into the count when it reaches the batch. The event fires on the CPU that
 * made the change, under the page table lock, so what this CPU's share moved since its last
 * event for this counter is what the event changed. A share that reads 0 may have been folded:
 * then the shared count tells, less what other folds have been booked already (`claimed`).
 * Two CPUs that fold at the same instant cannot be told apart with certainty; rule B below
 * settles all but about 1 in 5,000 such rounds (docs/accuracy.md), and a mistake there moves
 * pages between two threads, never in or out of the sum.
 *
 * The address of a per-CPU variable is its offset plus the CPU's base. The base is taken from a
 * per-CPU map: address of this CPU's element minus the map's pptrs[0]; this_cpu_off would need
 * data symbols in kallsyms, which not every kernel has.
 */
#ifndef MEMPROBE_COUNTERS_H
#define MEMPROBE_COUNTERS_H

#include "compat.h"
#include "state.h"

struct shares {
	__s32 pages[NR_KINDS];
};

/* The kernel allocates each element of a per-CPU array by itself: 4,096 took 3 ms of a start. */
#define SHARES_OF_BLOCK 256

struct shares_block {
	struct shares of[SHARES_OF_BLOCK];
};

/* This CPU's share of every counter of every image, as its last event left it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_IMAGES / SHARES_OF_BLOCK); /* 1 with task caches */
	__type(key, __u32);
	__type(value, struct shares_block);
} last_shares SEC(".maps");

static __always_inline struct shares *share_of(struct shares_block *block, __u32 slot)
{
	if (!block)
		return NULL;
	/* verifier: clang 22 works out the address before it asks whether there is a block. */
	asm volatile("" : "+r"(block));
	return &block->of[slot % SHARES_OF_BLOCK];
}

static __always_inline struct shares *find_shares(__u32 slot)
{
	__u32 index = slot / SHARES_OF_BLOCK;
	struct shares_block *block = bpf_map_lookup_elem(&last_shares, &index);

	return share_of(block, slot);
}

static __always_inline struct shares *find_shares_of(__u32 slot, __u32 cpu)
{
	__u32 index = slot / SHARES_OF_BLOCK;
	struct shares_block *block = bpf_map_lookup_percpu_elem(&last_shares, &index, cpu);

	return share_of(block, slot);
}

static __u64 percpu_offset; /* pptrs[0] of percpu_origin */

/* Run once, by the iterator, before any other program is attached. */
static __always_inline void percpu_init(void)
{
	__u32 zero = 0;
	__u64 *element = bpf_map_lookup_elem(&percpu_origin, &zero);
	__u64 map, offset = 0;

	if (!element || percpu_offset)
		return;
	map = as_number(element, &percpu_origin);
	bpf_probe_read_kernel(&offset, sizeof(offset),
			      (void *)(map + bpf_core_field_offset(struct bpf_array, pptrs)));
	percpu_offset = offset;
}

/* The base of a CPU's per-CPU area, given its element of percpu_origin. */
static __always_inline __u64 percpu_base(__u64 *element)
{
	return as_number(element, element) - percpu_offset;
}

/* Where an mm has one of its counters. */
static __always_inline __u64 counter_address(__u64 mm, __u32 kind)
{
	__u64 first = bpf_core_field_offset(struct mm_struct___percpu, rss_stat[0]);
	__u64 second = bpf_core_field_offset(struct mm_struct___percpu, rss_stat[1]);

	return mm + first + kind * (second - first);
}

static __always_inline __u64 read_kernel_u64(__u64 address)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
}

static __always_inline __s64 counter_count(__u64 mm, __u32 kind)
{
	return read_kernel_u64(counter_address(mm, kind) +
			       bpf_core_field_offset(struct percpu_counter, count));
}

static __always_inline __u64 counter_shares(__u64 mm, __u32 kind)
{
	return read_kernel_u64(counter_address(mm, kind) +
			       bpf_core_field_offset(struct percpu_counter, counters));
}

static __always_inline __s32 read_share(__u64 base, __u64 shares)
{
	__s32 share = 0;

	bpf_probe_read_kernel(&share, sizeof(share), (void *)(base + shares));
	return share;
}

/* A walk over the CPUs' shares of one counter. */
struct share_walk {
	__u64 shares;
	__u32 slot;
	__u32 kind;
	__u32 this_cpu;
	__u32 pending;	     /* folded by others, their events not seen yet */
	__s64 sum;	     /* of shares */
	__s64 pending_pages; /* at a batch for each pending CPU */
	bool reset;	     /* take the shares read as the new last_shares */
};

static long walk_share(__u32 cpu, void *data)
{
	struct share_walk *walk = data;
	__u32 zero = 0, kind = kind_index(walk->kind);
	__u64 *element = bpf_map_lookup_percpu_elem(&percpu_origin, &zero, cpu);
	struct shares *last = find_shares_of(walk->slot, cpu);
	__s32 share;

	if (!element || !last)
		return 0;
	share = read_share(percpu_base(element), walk->shares);
	walk->sum += share;
	if (walk->reset) {
		last->pages[kind] = share;
	} else if (cpu != walk->this_cpu && share == 0 && last->pages[kind] != 0) {
		walk->pending++;
		walk->pending_pages += last->pages[kind] > 0 ? cfg_fold_batch : -cfg_fold_batch;
	}
	return 0;
}

/* How much of `moved` (count less claimed, not 0) this CPU's own fold put into the count; `shares`
 * is the counter's per-CPU offset. A global function: verified once. */
__noinline __s64 own_fold(__u64 shares, __u32 slot, __u32 kind, __s64 moved, __s64 last)
{
	struct share_walk walk = {
		.shares = shares,
		.slot = slot,
		.kind = kind,
		.this_cpu = bpf_get_smp_processor_id(),
	};

	if (moved - last == 1 || moved - last == -1)
		return moved;
	RARE_LOOP(cfg_cpus, walk_share, &walk);
	if (!walk.pending)
		return moved;
	if (last == cfg_fold_batch - 1)
		return cfg_fold_batch;
	if (last == 1 - cfg_fold_batch)
		return -cfg_fold_batch;
	if (last == 1 || last == -1)
		return 0;
	return moved - walk.pending_pages;
}

#define CLAIMS 4 /* tries, while others claim */

/* This CPU's share of a counter was folded, or is 0 by chance: takes its part of the count. Returns
 * the pages that the event added. */
__noinline __s64 claim_fold(__u32 slot, __u32 kind)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct shares *shares = find_shares(slot);
	__s64 last, fold = 0;

	if (!image || !shares)
		return 0;
	kind = kind_index(kind);
	last = shares->pages[kind];
	for (int i = 0; i < CLAIMS; i++) {
		__s64 claimed = *(volatile __s64 *)&image->claimed[kind];
		__s64 moved = counter_count(image->mm, kind) - claimed;

		asm volatile("" : "+r"(i)); /* or clang writes the loop out */
		fold = moved ? own_fold(image->shares[kind], slot, kind, moved, last) : 0;
		/* Only what nobody else has claimed since; cmpxchg is older than per-CPU counters.
		 */
		if (!fold || __sync_val_compare_and_swap(&image->claimed[kind], claimed,
							 claimed + fold) == claimed)
			break;
		fold = 0;
		/* It comes with the next fold, which may be another path's. */
		if (i == CLAIMS - 1)
			count_loss(image, LOSS_fold_unclear, 0);
	}
	/* After claiming, or another CPU would miss the pending fold. */
	*(volatile __s32 *)&shares->pages[kind] = 0;
	return fold - last;
}

/* Pages this event added to the counter. Call once per event, on the CPU of the event. Where the
 * shares are was read when the books were opened: an mm has them in one place all its life. */
static __always_inline __s64 share_delta(const struct wire_image *image, __u32 slot, __u32 kind)
{
	__u64 *element = own_element();
	struct shares *shares = find_shares(slot);
	__s32 share, last;

	if (!element || !shares || kind >= NR_KINDS)
		return 0;
	kind = kind_index(kind);
	share = read_share(percpu_base(element), image->shares[kind]);
	if (!share)
		return claim_fold(slot, kind);
	last = shares->pages[kind];
	shares->pages[kind] = share;
	return (__s64)share - last;
}

/* Reads one counter whole; with `reset`, what is read becomes the ground that deltas start from. */
__noinline __s64 percpu_counter_read(__u32 slot, __u32 kind, __u32 reset)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct share_walk walk = {
		.slot = slot,
		.kind = kind,
		.this_cpu = MAX_CPUS,
		.reset = reset,
	};
	__s64 count;

	if (!image)
		return 0;
	walk.shares = counter_shares(image->mm, kind);
	count = counter_count(image->mm, kind);
	if (reset) {
		image->claimed[kind_index(kind)] = count;
		image->shares[kind_index(kind)] = walk.shares;
	}
	RARE_LOOP(cfg_cpus, walk_share, &walk);
	return count + walk.sum;
}

/* 6.1 and earlier: the shared count. What tasks hold in their caches is not in it. */
static __always_inline __s64 cached_count(struct mm_struct *mm, __u32 kind)
{
	struct mm_struct___cached *counters = (void *)mm;

	switch (kind) {
	case KIND_FILE:
		return BPF_CORE_READ(counters, rss_stat.count[KIND_FILE].counter);
	case KIND_ANON:
		return BPF_CORE_READ(counters, rss_stat.count[KIND_ANON].counter);
	case KIND_SWAP:
		return BPF_CORE_READ(counters, rss_stat.count[KIND_SWAP].counter);
	default:
		return BPF_CORE_READ(counters, rss_stat.count[KIND_SHMEM].counter);
	}
}

#endif
