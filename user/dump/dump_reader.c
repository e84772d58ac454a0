/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a file to a profile: the header, then block after block until the first that is missing or
 * damaged. Blocks are dump_unblock's, sections dump_decode's.
 */
#include "dump.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dump_decode.h"
#include "dump_header.h"
#include "dump_unblock.h"
#include "memory.h"
#include "profile_calls.h"
#include "profile_held.h"
#include "profile_roots.h"

#define MAX_VARINT_BYTES 10

struct reader {
	int fd;
	uint64_t size;	 /* of the file */
	uint64_t offset; /* of the next block */
	uint64_t raw;	 /* payload bytes of all blocks so far */
	uint32_t newer;	 /* block version that is not known here */
	struct dump_decoder decoder;
	uint8_t *section;
	size_t section_capacity;
};

static int take_varint(struct dump_unblock *block, uint64_t *ret_value)
{
	uint64_t value = 0;
	uint8_t byte;

	for (unsigned int i = 0; i < MAX_VARINT_BYTES - 1; i++) {
		int err = dump_unblock_take(block, &byte, 1);

		if (err)
			return err;
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte & 0x80)
			continue;
		*ret_value = value;
		return 0;
	}
	return -EBADMSG;
}

static int read_section(struct reader *reader, struct dump_unblock *block)
{
	uint64_t tag, size;
	int err = take_varint(block, &tag);

	if (!err)
		err = take_varint(block, &size);
	if (err)
		return err;
	if (size > dump_unblock_left(block))
		return -EBADMSG;
	if (size > DUMP_MAX_SECTION)
		return -EFBIG;
	reader->section = array_reserve(reader->section, &reader->section_capacity, size + 1, 1);
	err = dump_unblock_take(block, reader->section, size);
	return err ? err : dump_decode_section(&reader->decoder, tag, reader->section, size);
}

static int read_payload(struct reader *reader, const struct dump_block_head *head)
{
	struct dump_unblock *block = dump_unblock_begin(reader->fd, head);
	int err = 0;

	while (!err && dump_unblock_left(block))
		err = read_section(reader, block);
	if (!err)
		err = dump_unblock_finish(block);
	dump_unblock_end(block);
	return err;
}

/* 0, which nobody has written, is taken for the first. */
static void note_version(struct reader *reader, uint16_t version)
{
	unsigned int more = version ? version - DUMP_BLOCK_VERSION : 0;

	reader->decoder.profile->meta.has_threads |= more & DUMP_BLOCK_THREADS;
}

/* -ENODATA: there is no further block that is whole. */
static int read_block(struct reader *reader)
{
	struct dump_block_head head;
	uint64_t end;
	int err = dump_unblock_check(reader->fd, reader->offset, reader->size, &head);

	if (err)
		return err;
	end = head.payload + head.stored;
	if (head.type == BLOCK_PROFILE) {
		if (head.version > DUMP_LAST_BLOCK_VERSION) {
			reader->newer = head.version;
			return -ENOTSUP;
		}
		note_version(reader, head.version);
		reader->raw += head.raw;
		if (head.raw > DUMP_MAX_RAW || reader->raw > DUMP_FREE_RAW + DUMP_MAX_RATIO * end)
			return -EFBIG;
		err = read_payload(reader, &head);
	}
	reader->offset = end;
	return err;
}

/* All whole blocks. */
static int read_blocks(struct reader *reader)
{
	int err = 0;

	while (!err && reader->offset < reader->size)
		err = read_block(reader);
	if (err && err != -ENODATA)
		return err;
	err = dump_decode_check_sums(reader->decoder.profile);
	if (err)
		return err;
	/* What is missing is added to a row or a loss, and must fit, too. */
	profile_settle(reader->decoder.profile);
	profile_judge_calls(reader->decoder.profile);
	return dump_decode_check_sums(reader->decoder.profile);
}

static int fail(struct dump_error *ret_error, enum dump_failure failure, int err)
{
	*ret_error = (struct dump_error){ .failure = failure, .error_number = -err };
	return err;
}

static int fail_with(struct dump_error *ret_error, const struct reader *reader, int err)
{
	switch (err) {
	case -EBADMSG:
		return fail(ret_error, DUMP_CORRUPT, err);
	case -EFBIG:
		return fail(ret_error, DUMP_TOO_LARGE, err);
	case -ENOTSUP:
		fail(ret_error, DUMP_NEWER, err);
		ret_error->version = reader->newer;
		return err;
	default:
		return fail(ret_error, DUMP_IO_ERROR, err);
	}
}

static int read_header(int fd, struct dump_header *ret, struct dump_error *ret_error)
{
	uint8_t bytes[HEADER_BYTES];
	ssize_t size = pread(fd, bytes, sizeof(bytes), 0);
	enum dump_failure failure;

	if (size < 0)
		return fail(ret_error, DUMP_IO_ERROR, -errno);
	failure = dump_header_unpack(bytes, (size_t)size, ret);
	if (failure == DUMP_FINE)
		return 0;
	fail(ret_error, failure, failure == DUMP_NEWER ? -ENOTSUP : -EBADMSG);
	if (failure == DUMP_NEWER)
		ret_error->version = ret->version;
	return -ret_error->error_number;
}

/* One that was not closed may end anywhere. */
static void judge(const struct reader *reader, const struct dump_header *header,
		  struct profile_meta *meta)
{
	bool is_whole = reader->offset == reader->size;

	meta->unread_bytes = reader->size - reader->offset;
	if (header->flags & DUMP_INCOMPLETE)
		return;
	if (reader->size < header->closed_bytes) {
		meta->damage = DAMAGE_CUT_OFF;
		meta->unread_bytes = header->closed_bytes - reader->size;
	} else if (!is_whole && reader->offset < header->closed_bytes) {
		meta->damage = DAMAGE_BLOCK;
	} else if (reader->size > header->closed_bytes) {
		meta->damage = DAMAGE_LONGER;
		meta->unread_bytes = reader->size - header->closed_bytes;
	}
	meta->is_complete = meta->damage == DAMAGE_NONE;
}

int dump_read_fd(int fd, struct profile **ret_profile, struct dump_error *ret_error)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	struct reader reader = { .fd = fd };
	struct dump_header header = { 0 };
	struct stat status;
	int err;

	if (fstat(fd, &status) < 0)
		return fail(ret_error, DUMP_IO_ERROR, -errno);
	if (!S_ISREG(status.st_mode))
		return fail(ret_error, DUMP_NOT_A_DUMP, -EBADMSG);
	err = read_header(fd, &header, ret_error);
	if (err)
		return err;
	profile = profile_new();
	reader.decoder.profile = profile;
	reader.size = (uint64_t)status.st_size;
	reader.offset = header.size;
	err = read_blocks(&reader);
	free(reader.section);
	free(reader.decoder.depths);
	if (err)
		return fail_with(ret_error, &reader, err);
	judge(&reader, &header, &profile->meta);
	if (profile->meta.damage && reader.offset == header.size)
		return fail(ret_error, DUMP_NO_BLOCK, -EBADMSG);
	profile_end_threads(profile);
	profile_name_roots(profile);
	profile_clean(profile);
	*ret_profile = TAKE(profile);
	return 0;
}

int dump_read(const char *path, struct profile **ret_profile, struct dump_error *ret_error)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return fail(ret_error, DUMP_IO_ERROR, -errno);
	return dump_read_fd(fd, ret_profile, ret_error);
}
