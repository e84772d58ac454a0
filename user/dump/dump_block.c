/* SPDX-License-Identifier: BSD-2-Clause */
/* One block through zlib into the file; see dump_block.h. */
#include "dump_block.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "packed_bytes.h"
#include "dump_format.h"
#include "memory.h"

#define CHUNK_BYTES 65536

/* A payload below this is stored: compressing gains little, and small dumps are the same bytes
 * whatever zlib made them (docs/format.md shows one). */
#define MIN_DEFLATED_BYTES 256

struct dump_block {
	int fd;
	int level;
	uint16_t version;
	int err;
	uint64_t offset;
	uint64_t raw, stored;
	uint32_t crc;
	bool is_deflating;
	z_stream stream;
	size_t nr_pending;
	uint8_t pending[CHUNK_BYTES]; /* not deflated yet */
	uint8_t deflated[CHUNK_BYTES];
};

int dump_block_write_at(int fd, const void *bytes, size_t size, uint64_t offset)
{
	const uint8_t *at = bytes;

	while (size) {
		ssize_t written = pwrite(fd, at, size, (off_t)offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written ? -errno : -EIO;
		at += written;
		offset += written;
		size -= written;
	}
	return 0;
}

struct dump_block *dump_block_begin(int fd, uint64_t offset, int level, uint16_t version)
{
	struct dump_block *block = xmalloc(sizeof(*block));

	memset(block, 0, offsetof(struct dump_block, pending));
	block->fd = fd;
	block->offset = offset;
	block->level = level;
	block->version = version;
	return block;
}

static void store(struct dump_block *block, size_t size)
{
	uint64_t at = block->offset + BLOCK_HEAD_BYTES + block->stored;

	if (block->stored + size > UINT32_MAX) {
		block->err = -EFBIG;
		return;
	}
	block->err = dump_block_write_at(block->fd, block->deflated, size, at);
	block->crc = (uint32_t)crc32(block->crc, block->deflated, size);
	block->stored += size;
}

static void start_deflating(struct dump_block *block, int flush)
{
	bool is_small = flush == Z_FINISH && block->nr_pending < MIN_DEFLATED_BYTES;

	if (deflateInit(&block->stream, is_small ? Z_NO_COMPRESSION : block->level) != Z_OK)
		block->err = -ENOMEM;
	else
		block->is_deflating = true;
}

/* Deflates what is pending. */
static void drain(struct dump_block *block, int flush)
{
	z_stream *stream = &block->stream;

	if (!block->err && !block->is_deflating)
		start_deflating(block, flush);
	stream->next_in = block->pending;
	stream->avail_in = block->nr_pending;
	block->nr_pending = 0;
	do {
		if (block->err)
			return;
		stream->next_out = block->deflated;
		stream->avail_out = sizeof(block->deflated);
		if (deflate(stream, flush) == Z_STREAM_ERROR)
			block->err = -EINVAL;
		else
			store(block, sizeof(block->deflated) - stream->avail_out);
	} while (!stream->avail_out);
}

void dump_block_put(struct dump_block *block, const void *bytes, size_t size)
{
	const uint8_t *from = bytes;

	block->raw += size;
	if (block->raw > DUMP_MAX_RAW && !block->err)
		block->err = -EFBIG;
	while (size && !block->err) {
		size_t room = sizeof(block->pending) - block->nr_pending;
		size_t part = size < room ? size : room;

		memcpy(block->pending + block->nr_pending, from, part);
		block->nr_pending += part;
		from += part;
		size -= part;
		if (block->nr_pending == sizeof(block->pending))
			drain(block, Z_NO_FLUSH);
	}
}

static int write_head(const struct dump_block *block)
{
	uint8_t head[BLOCK_HEAD_BYTES];

	packed_store16(head + BLOCK_TYPE, BLOCK_PROFILE);
	packed_store16(head + BLOCK_VERSION, block->version);
	packed_store32(head + BLOCK_STORED, (uint32_t)block->stored);
	packed_store32(head + BLOCK_RAW, (uint32_t)block->raw);
	packed_store32(head + BLOCK_CRC, (uint32_t)crc32(block->crc, head, BLOCK_CRC));
	return dump_block_write_at(block->fd, head, sizeof(head), block->offset);
}

int dump_block_end(struct dump_block *block, uint64_t *ret_raw, uint64_t *ret_end)
{
	int err;

	drain(block, Z_FINISH);
	if (!block->err)
		block->err = write_head(block);
	if (block->is_deflating)
		deflateEnd(&block->stream);
	err = block->err;
	if (!err) {
		*ret_raw = block->raw;
		*ret_end = block->offset + BLOCK_HEAD_BYTES + block->stored;
	}
	free(block);
	return err;
}
