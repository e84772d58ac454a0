/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose each page is: for every 2 MiB of an image's addresses in which a page was touched, the
 * owners of its 512 pages, three bytes each, so that an entry fits the kernel's objects of 2 KiB:
 * 0.1 % of the memory that is followed. A region whose pages all came at once, a huge page, has one
 * word.
 */
#ifndef MEMPROBE_REGIONS_H
#define MEMPROBE_REGIONS_H

#include "held.h"

#define REGION_SHIFT 9 /* of a number of pages */
#define REGION_PAGES (1U << REGION_SHIFT)

/* Of a page: the id of the node, and above it the kind. 0: nobody's. Swapped pages have no owner,
 * so this kind tells of a page that is not there yet whose it will be: that of a block's path. */
#define KIND_EXPECTED KIND_SWAP

#define OWNER_ID_BITS 22
#define OWNER_IDS (1U << OWNER_ID_BITS)

struct region {
	__u32 uniform;	       /* the owner of all pages; 0: each has its own */
	__u32 owned[NR_KINDS]; /* pages that have one of their own */
	__u16 low[REGION_PAGES];
	__u8 high[REGION_PAGES];
};
_Static_assert(sizeof(struct region) == 1556, "region");

/* By image_id << 32 | number of the region. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* sized by loader */
	__type(key, __u64);
	__type(value, struct region);
} regions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct region);
} blank_region SEC(".maps");

/*
 * Where an image may have regions: a bit for each GiB of its addresses, modulo 1 TiB, and one for
 * each TiB, modulo 128 TiB, so that a look through a range that was reserved and hardly touched
 * costs what was touched.
 */
#define CHUNK_SHIFT 18 /* of a number of pages */
#define CHUNK_PAGES (1ULL << CHUNK_SHIFT)
#define CHUNK_WORDS 16
#define TEBI_SHIFT 28
#define TEBI_PAGES (1ULL << TEBI_SHIFT)

struct chunks {
	__u64 bits[CHUNK_WORDS];
	__u64 tebis[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_IMAGES);
	__type(key, __u32);
	__type(value, struct chunks);
} chunks SEC(".maps");

/* The word of a page's bit. NULL: there is none. */
static __always_inline __u64 *chunk_word(__u32 slot, __u64 page)
{
	struct chunks *found = bpf_map_lookup_elem(&chunks, &slot);
	__u32 index = page >> (CHUNK_SHIFT + 6);

	asm volatile("%0 &= 15" : "+r"(index)); /* verifier: as in kind_index */
	return found ? &found->bits[index & (CHUNK_WORDS - 1)] : NULL;
}

static __always_inline __u64 chunk_bit(__u64 page)
{
	return 1ULL << (page >> CHUNK_SHIFT & 63);
}

static __always_inline __u64 *tebi_word(__u32 slot, __u64 page)
{
	struct chunks *found = bpf_map_lookup_elem(&chunks, &slot);

	return found ? &found->tebis[page >> (TEBI_SHIFT + 6) & 1] : NULL;
}

static __always_inline __u64 tebi_bit(__u64 page)
{
	return 1ULL << (page >> TEBI_SHIFT & 63);
}

static __always_inline void set_bit_in(__u64 *word, __u64 bit)
{
	if (word && !(*word & bit))
		__sync_fetch_and_or(word, bit);
}

static __always_inline void note_chunk(__u32 slot, __u64 page)
{
	set_bit_in(chunk_word(slot, page), chunk_bit(page));
	set_bit_in(tebi_word(slot, page), tebi_bit(page));
}

static __always_inline bool has_chunk(__u32 slot, __u64 page)
{
	__u64 *word = chunk_word(slot, page);

	return word && *word & chunk_bit(page);
}

static __always_inline bool has_tebi(__u32 slot, __u64 page)
{
	__u64 *word = tebi_word(slot, page);

	return word && *word & tebi_bit(page);
}

/* An image begins without any region. */
static __always_inline void forget_chunks(__u32 slot)
{
	struct chunks *found = bpf_map_lookup_elem(&chunks, &slot);

	if (found)
		__builtin_memset(found, 0, sizeof(*found));
}

/* A page by its number: address >> PAGE_SHIFT. */
static __always_inline __u64 region_key(__u32 image_id, __u64 page)
{
	return (__u64)image_id << 32 | (__u32)(page >> REGION_SHIFT);
}

static __always_inline struct region *find_region(__u32 image_id, __u64 page)
{
	__u64 key = region_key(image_id, page);

	return bpf_map_lookup_elem(&regions, &key);
}

/* NULL: the kernel has no memory for it. */
static __always_inline struct region *make_region(__u32 slot, __u32 image_id, __u64 page)
{
	__u64 key = region_key(image_id, page);
	struct region *region = bpf_map_lookup_elem(&regions, &key), *blank;
	__u32 zero = 0;

	if (region)
		return region;
	blank = bpf_map_lookup_elem(&blank_region, &zero);
	if (!blank)
		return NULL;
	bpf_map_update_elem(&regions, &key, blank, BPF_NOEXIST);
	note_chunk(slot, page);
	return bpf_map_lookup_elem(&regions, &key);
}

static __always_inline __u32 count_marks(const struct region *region)
{
	return region->owned[KIND_FILE] + region->owned[KIND_ANON] + region->owned[KIND_SHMEM];
}

static __always_inline bool is_unmarked(const struct region *region)
{
	return !region->uniform && !count_marks(region) && !region->owned[KIND_EXPECTED];
}

static __always_inline void add_marks(struct region *region, __u32 kind, __s32 pages)
{
	__sync_fetch_and_add(&region->owned[kind_index(kind)], pages);
}

static __always_inline __u32 make_owner(__u32 id, __u32 kind)
{
	return id < OWNER_IDS && id ? kind_index(kind) << OWNER_ID_BITS | id : 0;
}

static __always_inline __u32 owner_id(__u32 owner)
{
	return owner & (OWNER_IDS - 1);
}

static __always_inline __u32 owner_kind(__u32 owner)
{
	return kind_index(owner >> OWNER_ID_BITS);
}

/* verifier: the mask must stand in the code (kind_index). */
static __always_inline __u32 page_index(__u64 page)
{
	__u32 index = page;

	asm volatile("%0 &= 511" : "+r"(index));
	return index & (REGION_PAGES - 1);
}

/* Of a region that is not uniform. */
static __always_inline __u32 read_owner(const struct region *region, __u64 page)
{
	__u32 index = page_index(page);

	return *(volatile __u16 *)&region->low[index] |
	       (__u32) * (volatile __u8 *)&region->high[index] << 16;
}

static __always_inline void write_owner(struct region *region, __u64 page, __u32 owner)
{
	__u32 index = page_index(page);

	*(volatile __u16 *)&region->low[index] = owner;
	*(volatile __u8 *)&region->high[index] = owner >> 16;
}

/* One page of a uniform region that comes apart. */
static long write_uniform(__u32 index, void *data)
{
	struct region **region = data;

	write_owner(*region, index, (*region)->uniform);
	return 0;
}

static __always_inline void split_uniform(struct region *region)
{
	if (!region->uniform)
		return;
	RARE_LOOP(REGION_PAGES, write_uniform, &region);
	region->owned[owner_kind(region->uniform)] = REGION_PAGES;
	region->uniform = 0;
}

#endif
