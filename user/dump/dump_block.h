/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing one block: its payload streams through zlib into the file while it is made, so that a
 * block of any size takes little memory. The head, with sizes and checksum, comes last: until it is
 * there the block is none.
 */
#ifndef MEMPROBE_DUMP_BLOCK_H
#define MEMPROBE_DUMP_BLOCK_H

#include <stddef.h>
#include <stdint.h>

struct dump_block;

/* The block's head will be at `offset`. Borrows fd. */
struct dump_block *dump_block_begin(int fd, uint64_t offset, int level, uint16_t version);
/* An error is kept for dump_block_end. */
void dump_block_put(struct dump_block *block, const void *bytes, size_t size);
/* Frees the block. -errno of the first thing that failed; -EFBIG: beyond DUMP_MAX_RAW. */
int dump_block_end(struct dump_block *block, uint64_t *ret_raw, uint64_t *ret_end);

/* All of it, or -errno. */
int dump_block_write_at(int fd, const void *bytes, size_t size, uint64_t offset);

#endif
