/* SPDX-License-Identifier: BSD-2-Clause */
/* One block out of the file and through zlib; see dump_unblock.h. */
#include "dump_unblock.h"

#include <errno.h>
#include <unistd.h>
#include <zlib.h>

#include "packed_bytes.h"
#include "dump_format.h"
#include "memory.h"

#define CHUNK_BYTES 65536

struct dump_unblock {
	int fd;
	uint64_t at, end; /* stored bytes not read yet, in the file */
	uint64_t left;	  /* raw bytes not taken yet */
	bool has_ended;
	z_stream stream;
	uint8_t stored[CHUNK_BYTES];
};

/* -ENODATA when the file is shorter now than it was. */
static int read_at(int fd, void *ret_bytes, size_t size, uint64_t offset)
{
	uint8_t *at = ret_bytes;

	while (size) {
		ssize_t got = pread(fd, at, size, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -ENODATA;
		at += got;
		offset += got;
		size -= got;
	}
	return 0;
}

static int checksum(int fd, const struct dump_block_head *head, uint32_t *ret_crc)
{
	_cleanup_(freep) uint8_t *chunk = xmalloc(CHUNK_BYTES);
	uint64_t at = head->payload, end = at + head->stored;
	uint32_t crc = 0;

	while (at < end) {
		size_t size = end - at < CHUNK_BYTES ? end - at : CHUNK_BYTES;
		int err = read_at(fd, chunk, size, at);

		if (err)
			return err;
		crc = (uint32_t)crc32(crc, chunk, size);
		at += size;
	}
	*ret_crc = crc;
	return 0;
}

int dump_unblock_check(int fd, uint64_t offset, uint64_t size, struct dump_block_head *ret)
{
	uint8_t bytes[BLOCK_HEAD_BYTES];
	struct dump_block_head head;
	uint32_t crc;
	int err;

	if (offset > size || size - offset < sizeof(bytes))
		return -ENODATA;
	err = read_at(fd, bytes, sizeof(bytes), offset);
	if (err)
		return err;
	head = (struct dump_block_head){
		.type = packed_load16(bytes + BLOCK_TYPE),
		.version = packed_load16(bytes + BLOCK_VERSION),
		.stored = packed_load32(bytes + BLOCK_STORED),
		.raw = packed_load32(bytes + BLOCK_RAW),
		.payload = offset + sizeof(bytes),
	};
	if (head.stored > size - head.payload)
		return -ENODATA;
	err = checksum(fd, &head, &crc);
	if (err)
		return err;
	if (packed_load32(bytes + BLOCK_CRC) != (uint32_t)crc32(crc, bytes, BLOCK_CRC))
		return -ENODATA;
	*ret = head;
	return 0;
}

struct dump_unblock *dump_unblock_begin(int fd, const struct dump_block_head *head)
{
	struct dump_unblock *block = xcalloc(1, sizeof(*block));

	block->fd = fd;
	block->at = head->payload;
	block->end = head->payload + head->stored;
	block->left = head->raw;
	block->has_ended = inflateInit(&block->stream) != Z_OK;
	return block;
}

void dump_unblock_end(struct dump_unblock *block)
{
	inflateEnd(&block->stream);
	free(block);
}

uint64_t dump_unblock_left(const struct dump_unblock *block)
{
	return block->left;
}

static int refill(struct dump_unblock *block)
{
	uint64_t left = block->end - block->at;
	size_t size = left < CHUNK_BYTES ? left : CHUNK_BYTES;
	int err = size ? read_at(block->fd, block->stored, size, block->at) : -EBADMSG;

	if (err)
		return err == -ENODATA ? -EBADMSG : err;
	block->at += size;
	block->stream.next_in = block->stored;
	block->stream.avail_in = size;
	return 0;
}

/* Inflates until the output is full or the stream has ended. */
static int inflate_into(struct dump_unblock *block, uint8_t *to, size_t size)
{
	z_stream *stream = &block->stream;
	int err, state;

	stream->next_out = to;
	stream->avail_out = size;
	while (stream->avail_out && !block->has_ended) {
		err = stream->avail_in ? 0 : refill(block);
		if (err)
			return err;
		state = inflate(stream, Z_NO_FLUSH);
		if (state != Z_OK && state != Z_STREAM_END)
			return -EBADMSG;
		block->has_ended = state == Z_STREAM_END;
	}
	return 0;
}

int dump_unblock_take(struct dump_unblock *block, void *ret_bytes, size_t size)
{
	int err;

	if (size > block->left)
		return -EBADMSG;
	err = inflate_into(block, ret_bytes, size);
	if (err)
		return err;
	if (block->stream.avail_out)
		return -EBADMSG;
	block->left -= size;
	return 0;
}

int dump_unblock_finish(struct dump_unblock *block)
{
	uint8_t extra;
	int err = inflate_into(block, &extra, sizeof(extra));

	if (err)
		return err;
	if (!block->has_ended || !block->stream.avail_out || block->left)
		return -EBADMSG;
	return block->stream.avail_in || block->at < block->end ? -EBADMSG : 0;
}
