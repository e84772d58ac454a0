/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The numbers of the dump format, each as docs/format.md has it: what is written here and there
 * stays. Other enums whose numbers are stored (wire_site_kind, wire_kind, wire_loss, begin_reason,
 * end_reason, calls_method, calls_mode) are pinned by tests/unit/test_dump_format.c.
 */
#ifndef MEMPROBE_DUMP_FORMAT_H
#define MEMPROBE_DUMP_FORMAT_H

#include <stdint.h>

#define DUMP_MAGIC "memprobe" /* 8 bytes, without a NUL */
#define DUMP_VERSION 4

/* The header; offsets of its little-endian fields. The layout is the same in all versions. */
enum dump_header_offset {
	HEADER_MAGIC = 0,	  /* 8 bytes */
	HEADER_VERSION = 8,	  /* u32 */
	HEADER_FLAGS = 12,	  /* u32: DUMP_INCOMPLETE */
	HEADER_CLOSED_BYTES = 16, /* u64: size of the file when it was closed, 0 until then */
	HEADER_SIZE = 24,	  /* u32: where the first block begins */
	HEADER_CRC = 28,	  /* u32: CRC-32 of the bytes before */
	HEADER_BYTES = 32,
};

#define DUMP_INCOMPLETE 1U

/* The head of a block. */
enum dump_block_offset {
	BLOCK_TYPE = 0,	   /* u16: enum dump_block_type */
	BLOCK_VERSION = 2, /* u16 */
	BLOCK_STORED = 4,  /* u32: bytes of the zlib stream that follows the head */
	BLOCK_RAW = 8,	   /* u32: bytes that it inflates to */
	BLOCK_CRC = 12,	   /* u32: CRC-32 of the stored bytes, then of the head's first 12 */
	BLOCK_HEAD_BYTES = 16,
};

enum dump_block_type { BLOCK_PROFILE = 1 };
/* A block's version: the first, and more by what a reader has to know. */
#define DUMP_BLOCK_VERSION 1
#define DUMP_BLOCK_THREADS 1U /* of a capture whose paths begin at their threads */
#define DUMP_BLOCK_NATIVE 2U  /* there is a site of the kind SITE_C, here or before */
#define DUMP_LAST_BLOCK_VERSION (DUMP_BLOCK_VERSION + DUMP_BLOCK_THREADS + DUMP_BLOCK_NATIVE)

/* Sections of a block's payload: tag, length, records. A reader skips tags it does not know. */
enum dump_tag {
	TAG_META = 1,
	TAG_DURATION = 2,
	TAG_STRINGS = 3,    /* in version 1; since then TAG_TEXTS */
	TAG_LINETABLES = 4, /* in version 1 */
	TAG_SITES = 5,	    /* in version 1; since then TAG_SITE_COLUMNS */
	TAG_PROCESSES = 6,
	TAG_NODES = 7, /* in version 1; since then TAG_TREE */
	TAG_COSTS = 8,
	TAG_SAMPLES = 9,
	TAG_THREADS = 10,
	TAG_LOSSES = 11,
	TAG_CALLS = 12, /* in version 1; since then TAG_CALL_RUNS */
	TAG_HELD = 13,
	/* Reserved: 14 mapped, 16 lines. */
	TAG_OBJECTS = 15,
	TAG_MOMENT = 17,
	TAG_SIGHTINGS = 18, /* in version 1; since then TAG_SIGHTED */
	TAG_MOMENT_BOUND = 19,
	TAG_LOSSES_RELEASED = 20,
	TAG_TEXTS = 21,
	TAG_SITE_COLUMNS = 22,
	TAG_NEW_OBJECTS = 23,
	TAG_TREE = 24,
	TAG_CALL_RUNS = 25,
	TAG_SIGHTED = 26,
	TAG_OWNERS = 27,
	TAG_SHARES = 28,
	TAG_HISTORIES = 29,
	TAG_ALLOCATORS = 30,
	TAG_ALLOCS = 31,
	TAG_ALLOC_HISTORIES = 32,
	TAG_INSIDE = 33,
	TAG_TAKEN_HISTORIES = 34,
	TAG_CENSUS = 35,
	TAG_COROUTINES = 36,
	TAG_SNAPSHOTS = 37,
	TAG_HEAP = 38,
	TAG_CAPTURES = 39,
	TAG_SOURCES = 40,
};

/* Of a process, in TAG_OWNERS. */
#define DUMP_HAS_OWNERS 1U
#define DUMP_HAS_UNSHARED 2U
#define DUMP_HAS_MAPPED 4U

/* What is held is counted in pages of this size. */
#define DUMP_PAGE_BYTES 4096

/* A node's first sight tells its place among its siblings; finer, it would take more room than all
 * else of a node. */
#define DUMP_FIRST_UNIT_NS 10000

/*
 * Limits of the reader, which the writer keeps. Nothing is allocated before it is checked.
 * Amounts are below 2^60 each and in sum below 2^61, so that reports can add without overflow.
 */
#define DUMP_MAX_RAW (1U << 30)	     /* of one block */
#define DUMP_MAX_SECTION (16U << 20) /* argv of a process takes at most 6 MiB */
#define DUMP_MAX_STRINGS (1U << 24)
#define DUMP_MAX_LINETABLES (1U << 22)
#define DUMP_MAX_SITES (1U << 22)
#define DUMP_MAX_PROCESSES (1U << 20)
#define DUMP_MAX_OBJECTS (1U << 22)
#define DUMP_MAX_SIGHTINGS (1U << 26)
#define DUMP_MAX_NODES (1U << 24)
#define DUMP_MAX_DEPTH 16384U	    /* of a node: reports may recurse */
#define DUMP_MAX_THREADS (1U << 22) /* of one process */
#define DUMP_MAX_AMOUNT ((1LL << 60) - 1)
#define DUMP_MAX_SUM ((1LL << 61) - 1)
#define DUMP_MAX_CALLS (1ULL << 62) /* of all nodes together */
#define DUMP_MAX_TIME_NS ((1ULL << 62) - 1)
#define DUMP_MAX_SIGNAL 127
/* Beside a site's version. */
#define DUMP_SITE_RESUMABLE 0x10000U
#define DUMP_SITE_PART 0x20000U

/*
 * Against a small file that inflates to fill the memory: at the end of each block, the raw bytes
 * of all blocks so far may be at most DUMP_FREE_RAW + DUMP_MAX_RATIO * the file's bytes so far.
 * The writer stores a block uncompressed that would break it.
 */
#define DUMP_FREE_RAW (1ULL << 20)
#define DUMP_MAX_RATIO 32ULL

#endif
