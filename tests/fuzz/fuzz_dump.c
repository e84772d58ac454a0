/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reader of dumps under arbitrary bytes. The first byte of an input tells what the rest is: a
 * whole file, or the payloads of two blocks, which get their heads and checksums here, because no
 * mutation would hit upon a right one. What is read must be written and read again as the same.
 */
#include "fuzz_target.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dump.h"
#include "dump_fixture.h"
#include "dump_format.h"
#include "dump_unblock.h"
#include "memory.h"

enum mode { MODE_FILE, MODE_PAYLOADS, NR_MODES };

#define SEEDS_OF_A_MODE 9

static char *directory, *path;

static void clean_up(void)
{
	free(path);
	dump_fixture_remove(directory);
}

static void prepare(void)
{
	if (directory)
		return;
	directory = dump_fixture_directory();
	path = xasprintf("%s/dump", directory);
	atexit(clean_up);
}

static void expect(bool is_good, const char *what)
{
	if (is_good)
		return;
	fprintf(stderr, "fuzz_dump: %s\n", what);
	abort();
}

static void write_again(struct profile *profile)
{
	struct dump_create options = { .path = path, .uid = geteuid(), .gid = getegid() };
	struct dump_writer *writer = NULL;
	struct profile *got = NULL;
	struct dump_error error;
	char *difference;

	expect(!dump_create(&options, &writer), "cannot create");
	expect(!dump_close(writer, profile), "cannot write what was read");
	expect(!dump_read(path, &got, &error), "cannot read what was written");
	difference = dump_fixture_difference(profile, got);
	expect(!difference, difference);
	expect(got->meta.is_complete, "not complete");
	profile_free(got);
	unlink(path);
}

static void put_payload(struct packed_bytes *file, const uint8_t *bytes, size_t size)
{
	struct packed_bytes payload = { 0 };

	packed_bytes_put(&payload, bytes, size);
	dump_fixture_put_block(file, BLOCK_PROFILE, DUMP_BLOCK_VERSION, &payload);
	packed_bytes_free(&payload);
}

/* Two bytes tell where the first payload ends. */
static void put_payloads(struct packed_bytes *file, const uint8_t *bytes, size_t size)
{
	size_t first;

	dump_fixture_put_header(file, 0);
	if (size < 2)
		return;
	first = packed_load16(bytes) % (size - 1);
	put_payload(file, bytes + 2, first);
	put_payload(file, bytes + 2 + first, size - 2 - first);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	_cleanup_(packed_bytes_free) struct packed_bytes file = { 0 };
	struct profile *profile = NULL;
	struct dump_error error = { 0 };
	char text[DUMP_ERROR_TEXT_BYTES];

	if (!size)
		return 0;
	prepare();
	if (bytes[0] % NR_MODES == MODE_FILE)
		packed_bytes_put(&file, bytes + 1, size - 1);
	else
		put_payloads(&file, bytes + 1, size - 1);
	if (dump_fixture_read(file.bytes, file.size, &profile, &error)) {
		dump_error_text(&error, text);
		expect(!profile && error.failure != DUMP_FINE, "failed without a reason");
		return 0;
	}
	write_again(profile);
	profile_free(profile);
	return 0;
}

/* ---- seeds ---- */

/* A file of two flushes; the last ones that versions 2 and 1 wrote, the latter with other tags.
 */
static struct packed_bytes make_file(unsigned int number)
{
	struct dump_create options = { .path = path, .uid = geteuid(), .gid = getegid() };
	struct profile *profile;
	struct dump_writer *writer = NULL;
	struct packed_bytes file;
	uint64_t state = number;

	if (number == SEEDS_OF_A_MODE - 1)
		return dump_fixture_load(MEMPROBE_VERSION_1);
	if (number == SEEDS_OF_A_MODE - 2)
		return dump_fixture_load(MEMPROBE_VERSION_2);
	profile = number ? profile_new() : dump_fixture_profile();
	expect(!dump_create(&options, &writer), "cannot create");
	if (number)
		dump_fixture_grow(profile, &state, 4 * number * number);
	expect(!dump_flush(writer, profile), "cannot flush");
	dump_fixture_grow(profile, &state, 4 * number);
	expect(!dump_flush(writer, profile), "cannot flush");
	dump_abandon(writer);
	profile_free(profile);
	file = dump_fixture_load(path);
	unlink(path);
	return file;
}

static void append_payload(struct packed_bytes *to, int fd, const struct dump_block_head *head)
{
	_cleanup_(freep) uint8_t *raw = xmalloc(head->raw);
	struct dump_unblock *block = dump_unblock_begin(fd, head);

	expect(!dump_unblock_take(block, raw, head->raw), "cannot inflate a seed");
	dump_unblock_end(block);
	packed_bytes_put(to, raw, head->raw);
}

static struct packed_bytes payloads_of(const struct packed_bytes *file)
{
	struct packed_bytes input = { 0 };
	struct dump_block_head head;
	FILE *stream = tmpfile();
	uint8_t first[2] = { 0 };
	size_t offset = HEADER_BYTES, count = 0;

	expect(stream && fwrite(file->bytes, 1, file->size, stream) == file->size, "copy");
	fflush(stream);
	packed_bytes_put(&input, first, sizeof(first));
	while (!dump_unblock_check(fileno(stream), offset, file->size, &head)) {
		append_payload(&input, fileno(stream), &head);
		if (!count++)
			packed_store16(input.bytes, (uint16_t)head.raw);
		offset = head.payload + head.stored;
	}
	fclose(stream);
	return input;
}

uint8_t *fuzz_seed(unsigned int number, size_t *ret_size)
{
	_cleanup_(packed_bytes_free) struct packed_bytes content = { 0 };
	struct packed_bytes input = { 0 };
	uint8_t mode = number % NR_MODES;

	if (number >= NR_MODES * SEEDS_OF_A_MODE)
		return NULL;
	prepare();
	content = make_file(number / NR_MODES);
	if (mode == MODE_PAYLOADS) {
		struct packed_bytes payloads = payloads_of(&content);

		packed_bytes_free(&content);
		content = payloads;
	}
	packed_bytes_put(&input, &mode, 1);
	packed_bytes_put(&input, content.bytes, content.size);
	*ret_size = input.size;
	return input.bytes;
}
