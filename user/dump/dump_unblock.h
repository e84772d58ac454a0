/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading one block: its head and checksum, then its payload as a stream. Nothing of a block is
 * given out before all of its stored bytes have passed the checksum.
 */
#ifndef MEMPROBE_DUMP_UNBLOCK_H
#define MEMPROBE_DUMP_UNBLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dump_block_head {
	uint32_t type, version;
	uint32_t stored, raw;
	uint64_t payload; /* offset in the file */
};

/*
 * The block at `offset` of a file of `size` bytes, its checksum proved. -ENODATA: there is none,
 * the file ends within it, or it is damaged; other -errno: reading failed.
 */
int dump_unblock_check(int fd, uint64_t offset, uint64_t size, struct dump_block_head *ret);

struct dump_unblock;

/* The payload of a block that was checked. Borrows fd. */
struct dump_unblock *dump_unblock_begin(int fd, const struct dump_block_head *head);
void dump_unblock_end(struct dump_unblock *block);

/* Bytes of the payload that were not taken yet, as the head has it. */
uint64_t dump_unblock_left(const struct dump_unblock *block);
/* Exactly `size` bytes; -EBADMSG when the stream holds fewer or is none. */
int dump_unblock_take(struct dump_unblock *block, void *ret_bytes, size_t size);
/* -EBADMSG unless stream and head end here. */
int dump_unblock_finish(struct dump_unblock *block);

#endif
