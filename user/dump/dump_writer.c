/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When what is written: append, rewrite, close. How is left to dump_encode (sections), dump_block
 * (a block) and dump_place (names on disk).
 *
 * The file is whole up to `end` at every moment. A block is appended behind it and counts only once
 * it is there entirely; when that fails the file is cut back to `end`.
 */
#include "dump.h"

#include <errno.h>
#include <unistd.h>
#include <zlib.h>

#include "dump_choose.h"
#include "dump_encode.h"
#include "dump_header.h"
#include "dump_place.h"
#include "memory.h"

/* While the target runs, cheap; at its beginning and end, small, but not at any price: 6 takes 10
 * ms more for a tenth less. */
#define LEVEL_APPEND 1
#define LEVEL_REWRITE 3

/* Superseded raw bytes below which no rewrite is worth its while. */
#define MIN_DEAD_BYTES 65536

/* Raw bytes that an appended block adds beside its records: head, tags, lengths. */
#define BLOCK_OVERHEAD 32

/* One generation of the file: what was appended to where. */
struct dump_volume {
	int fd;
	uint64_t end;	     /* the file is whole up to here */
	uint64_t raw;	     /* payload bytes of all blocks */
	uint64_t live, dead; /* of these: valid, and superseded by later ones */
	unsigned int nr_blocks;
	bool is_closed; /* the header says so */
	struct dump_marks marks;
};

struct dump_writer {
	struct dump_place place;
	struct dump_volume volume;
	uint64_t max_dead; /* rewrite beyond */
	bool is_delivered; /* to its stream */
};

static void volume_release(struct dump_volume *volume)
{
	closep(&volume->fd);
	volume->fd = -1;
	dump_marks_free(&volume->marks);
}

static int volume_write_header(struct dump_volume *volume, bool is_closed)
{
	uint8_t bytes[HEADER_BYTES];
	int err;

	dump_header_pack(is_closed ? volume->end : 0, bytes);
	err = dump_block_write_at(volume->fd, bytes, sizeof(bytes), 0);
	if (!err && !volume->end)
		volume->end = sizeof(bytes);
	if (!err)
		volume->is_closed = is_closed;
	return err;
}

static bool is_too_dense(const struct dump_volume *volume, uint64_t raw, uint64_t end)
{
	return volume->raw + raw > DUMP_FREE_RAW + DUMP_MAX_RATIO * end;
}

/* As low as it can be, so that an older reader refuses only what it cannot read. */
static uint16_t version_of(const struct profile *profile)
{
	return DUMP_BLOCK_VERSION + (profile->meta.has_threads ? DUMP_BLOCK_THREADS : 0) +
	       (profile->has_native ? DUMP_BLOCK_NATIVE : 0);
}

/* A block behind the end; the volume itself stays as it is. */
static int volume_try(const struct dump_volume *volume, const struct profile *profile, int level,
		      struct dump_volume *ret_after)
{
	struct dump_block *block = dump_block_begin(volume->fd, volume->end, level,
						    version_of(profile));
	uint64_t superseding = dump_encode(block, profile, &volume->marks), raw = 0, end = 0;
	int err = dump_block_end(block, &raw, &end);

	if (!err && level != Z_NO_COMPRESSION && is_too_dense(volume, raw, end))
		return volume_try(volume, profile, Z_NO_COMPRESSION, ret_after);
	if (err)
		return err;
	*ret_after = *volume;
	ret_after->end = end;
	ret_after->raw += raw;
	ret_after->live += raw - superseding;
	ret_after->dead += superseding + BLOCK_OVERHEAD;
	ret_after->nr_blocks++;
	return 0;
}

static int volume_append(struct dump_volume *volume, const struct profile *profile, int level)
{
	struct dump_volume after;
	int err;

	dump_choose(&volume->marks, profile);
	err = volume_try(volume, profile, level, &after);

	/* A failed attempt may be longer than what was kept, and so may a compressed one. */
	if (ftruncate(volume->fd, (off_t)(err ? volume->end : after.end)) < 0 && !err)
		err = -errno;
	if (err)
		return err;
	*volume = after;
	dump_marks_set(&volume->marks, profile);
	return 0;
}

/* The writer is there in any case. */
static int create(const struct dump_create *options, const struct dump_writer *sibling,
		  struct dump_writer **ret_writer)
{
	struct dump_writer *writer = xcalloc(1, sizeof(*writer));
	int err;

	writer->volume.fd = -1;
	writer->max_dead = MIN_DEAD_BYTES;
	err = dump_place_create(options, sibling ? &sibling->place : NULL, &writer->place,
				&writer->volume.fd);
	*ret_writer = writer;
	return err ? err : volume_write_header(&writer->volume, false);
}

int dump_create(const struct dump_create *options, struct dump_writer **ret_writer)
{
	struct dump_writer *writer;
	int err = create(options, NULL, &writer);

	if (err)
		dump_discard(writer);
	else
		*ret_writer = writer;
	return err;
}

static int volume_fill(struct dump_volume *volume, const struct profile *profile, bool is_closed)
{
	int err = volume_write_header(volume, false);

	if (!err)
		err = volume_append(volume, profile, LEVEL_REWRITE);
	if (!err && is_closed)
		err = volume_write_header(volume, true);
	return err;
}

/* The fresh volume holds all of the profile, and is the dump from here on. */
static void become(struct dump_writer *writer, const struct dump_volume *fresh,
		   struct profile *profile)
{
	volume_release(&writer->volume);
	writer->volume = *fresh;
	writer->volume.live = fresh->raw;
	writer->volume.dead = 0;
	profile_clean(profile);
}

/* The whole profile into a new file that takes this one's place. */
static int rewrite(struct dump_writer *writer, struct profile *profile, bool is_closed)
{
	struct dump_volume fresh = { .fd = -1 };
	int err = dump_place_begin_copy(&writer->place, writer->volume.fd, &fresh.fd), err_rename;

	if (err)
		return err;
	err = volume_fill(&fresh, profile, is_closed);
	err_rename = dump_place_end_copy(&writer->place, !err);
	if (err || err_rename) {
		volume_release(&fresh);
		return err ? err : err_rename;
	}
	become(writer, &fresh, profile);
	return 0;
}

/* The first block and the last are what a short run's file is made of. */
static int append(struct dump_writer *writer, struct profile *profile, bool is_last)
{
	int level = is_last || !writer->volume.nr_blocks ? LEVEL_REWRITE : LEVEL_APPEND;
	int err = volume_append(&writer->volume, profile, level);

	if (!err)
		profile_clean(profile);
	return err;
}

static bool wants_rewrite(const struct dump_writer *writer)
{
	return writer->volume.dead > writer->max_dead && writer->volume.dead > writer->volume.live;
}

/* Nobody could open what a removed file is given. */
static int renew(struct dump_writer *writer, struct profile *profile, bool is_closed)
{
	struct dump_volume fresh = { .fd = -1 };
	int err = dump_place_renew(&writer->place, &fresh.fd);

	if (err)
		return err;
	err = volume_fill(&fresh, profile, is_closed);
	if (err) {
		dump_place_remove(&writer->place, fresh.fd);
		volume_release(&fresh);
		return err;
	}
	become(writer, &fresh, profile);
	return dump_place_install(&writer->place);
}

int dump_flush(struct dump_writer *writer, struct profile *profile)
{
	int err;

	if (dump_place_is_removed(&writer->place, writer->volume.fd)) {
		err = renew(writer, profile, false);
		return err ? err : 1;
	}
	if (wants_rewrite(writer)) {
		if (!rewrite(writer, profile, false)) {
			writer->max_dead = MIN_DEAD_BYTES;
			return 0;
		}
		writer->max_dead = 2 * writer->volume.dead; /* not at every flush again */
	}
	err = append(writer, profile, false);
	return err ? err : dump_place_install(&writer->place);
}

static int close_in_place(struct dump_writer *writer, struct profile *profile)
{
	int err = append(writer, profile, true);

	if (!err)
		err = volume_write_header(&writer->volume, true);
	return err ? err : dump_place_install(&writer->place);
}

/* Once: what failed half-way is not sent again from the start. */
static int deliver(struct dump_writer *writer)
{
	const struct dump_volume *volume = &writer->volume;

	if (writer->is_delivered)
		return 0;
	writer->is_delivered = true;
	return dump_place_deliver(&writer->place, volume->fd, volume->end);
}

/* What waits beside and holds nothing is removed; with keep, a header at its name stays. */
static void release(struct dump_writer *writer, bool keep)
{
	bool has_nothing = !writer->volume.nr_blocks;

	if (has_nothing && (!keep || writer->place.beside))
		dump_place_remove(&writer->place, writer->volume.fd);
	else if (!has_nothing)
		deliver(writer);
	dump_place_close(&writer->place);
	volume_release(&writer->volume);
	free(writer);
}

/* What was flushed once only holds little that the end supersedes: deflating all of it again would
 * be most of the work of a short run's end. */
static bool is_worth_rewriting(const struct dump_writer *writer)
{
	return writer->volume.nr_blocks > 1;
}

int dump_finish(struct dump_writer *writer, struct profile *profile)
{
	int err = 0;

	if (dump_place_is_removed(&writer->place, writer->volume.fd))
		err = renew(writer, profile, true);
	else if (!is_worth_rewriting(writer) || rewrite(writer, profile, true))
		err = close_in_place(writer, profile);
	return err ? err : deliver(writer);
}

int dump_finish_incomplete(struct dump_writer *writer, struct profile *profile)
{
	int err = dump_flush(writer, profile);

	return err < 0 ? err : deliver(writer);
}

int dump_close(struct dump_writer *writer, struct profile *profile)
{
	int err = dump_finish(writer, profile);

	dump_abandon(writer);
	return err;
}

void dump_remove_unfinished(struct dump_writer *writer)
{
	if (!writer->volume.nr_blocks || !dump_place_is_beside(&writer->place, writer->volume.fd))
		dump_place_end_copy(&writer->place, false);
}

const char *dump_waiting(const struct dump_writer *writer)
{
	return writer->place.beside;
}

bool dump_is_stream(const struct dump_writer *writer)
{
	return writer->place.stream >= 0;
}

bool dump_is_removed(const struct dump_writer *writer)
{
	return dump_place_is_removed(&writer->place, writer->volume.fd);
}

bool dump_is_moved(const struct dump_writer *writer)
{
	return dump_place_is_moved(&writer->place, writer->volume.fd);
}

char *dump_path(const struct dump_writer *writer)
{
	return dump_place_path(&writer->place, writer->volume.fd);
}

bool dump_is_whole(const struct dump_writer *writer)
{
	return writer->volume.is_closed;
}

int dump_snapshot(const struct dump_create *options, const struct dump_writer *sibling,
		  const struct profile *profile, char **ret_path)
{
	struct dump_writer *writer;
	int err = create(options, sibling, &writer);

	if (!err)
		err = volume_fill(&writer->volume, profile, true);
	if (!err)
		err = dump_place_install(&writer->place);
	if (err)
		writer->volume.nr_blocks = 0; /* nothing of it stays */
	*ret_path = err ? dump_place_meant(&writer->place) : dump_path(writer);
	dump_discard(writer);
	return err;
}

void dump_abandon(struct dump_writer *writer)
{
	if (writer)
		release(writer, true);
}

void dump_discard(struct dump_writer *writer)
{
	if (writer)
		release(writer, false);
}
