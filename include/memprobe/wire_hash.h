/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The hashes that name sites and call paths, computed alike on both sides.
 *
 * A path's key is a polynomial over the keys of its sites, the root most significant:
 *     key(root) = site,   key(child) = key(parent) * PATH_FACTOR + site     (mod 2^64)
 * so that a walk from the leaf can sum it up as it goes, and a parent's key follows from the
 * child's. PATH_FACTOR is odd and so has an inverse. Site keys are mixed over all 64 bits; with
 * 65,536 paths two keys are equal with a probability below 1e-6, and an equal key with another
 * parent or site is noticed and counted (LOSS_path_collision).
 */
#ifndef MEMPROBE_WIRE_HASH_H
#define MEMPROBE_WIRE_HASH_H

#include "wire.h"

#define PATH_FACTOR 0x9e3779b97f4a7c15ULL
#define PATH_FACTOR_INVERSE 0xf1de83e19937733dULL
_Static_assert((PATH_FACTOR) * (PATH_FACTOR_INVERSE) == 1, "inverse");

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014): each input bit reaches each output bit. */
static inline __u64 hash_mix(__u64 value)
{
	value ^= value >> 30;
	value *= 0xbf58476d1ce4e5b9ULL;
	value ^= value >> 27;
	value *= 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

static inline __u64 hash_pair(__u64 first, __u64 second)
{
	return hash_mix(first ^ hash_mix(second + 0x9e3779b97f4a7c15ULL));
}

/* Key of a site that is not Python code, but for native threads, which are told apart by comm. */
static inline __u64 site_key_special(__u32 image_id, enum wire_site_kind kind)
{
	return hash_pair((__u64)image_id << 8 | kind, 0x73706563) & ~(__u64)SELF_MASK;
}

static inline __u64 site_key_native(__u32 image_id, __u64 comm_low, __u64 comm_high)
{
	return hash_pair(hash_pair(site_key_special(image_id, SITE_NATIVE), comm_low), comm_high) &
	       ~(__u64)SELF_MASK;
}

/* With --threads; tids come again. 0, 0: of all other threads. */
static inline __u64 site_key_thread(__u32 image_id, __u32 tid, __u64 start_ns)
{
	return hash_pair(hash_pair(site_key_special(image_id, SITE_THREAD), tid), start_ns) &
	       ~(__u64)SELF_MASK;
}

/* An object, or a hash of several, on the node of a path. */
static inline __u64 name_sighting(__u64 path, __u64 object)
{
	return hash_mix(path ^ object * 0x9e3779b97f4a7c15ULL);
}

static inline __u32 standing_bit(__u64 frame)
{
	return (frame >> 4) * 0x9e3779b97f4a7c15ULL >> 40 & (STANDING_BITS - 1);
}

static inline __u64 path_child(__u64 parent, __u64 site)
{
	return parent * PATH_FACTOR + site;
}

/* The site that leads from a path to its child. */
static inline __u64 path_step(__u64 parent, __u64 child)
{
	return child - parent * PATH_FACTOR;
}

static inline __u64 path_parent(__u64 path, __u64 site)
{
	return (path - site) * PATH_FACTOR_INVERSE;
}

#endif
