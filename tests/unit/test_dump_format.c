/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of docs/format.md are the bytes that are written, the numbers stored in dumps stay, and
 * a reader of this version gets by with what later ones may add.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "dump.h"
#include "dump_fixture.h"
#include "dump_format.h"
#include "dump_header.h"
#include "memory.h"
#include "profile_held.h"

/* The profile of the example in docs/format.md. */
static struct profile *example_profile(void)
{
	struct profile *profile = profile_new();
	uint32_t process = profile_add_process(profile), node;
	struct site site = { .kind = SITE_PYTHON, .line = 1, .version = 0x30b };

	profile->meta.command = xcalloc(2, sizeof(*profile->meta.command));
	profile->meta.command[0] = xstrdup("x.py");
	profile->meta.started_s = 1795449600;
	profile->meta.duration_ns = 2000000;
	profile->meta.kernel = xstrdup("6.18");
	profile->meta.memprobe = xstrdup("0.1.0");
	profile->meta.calls_mode = CALLS_MODE_AUTO;
	profile->processes[process].pid = 42;
	profile->processes[process].ppid = 1;
	profile->processes[process].command = string_pool_add(&profile->strings, "x.py");
	profile->processes[process].end_ns = 1000000;
	profile->processes[process].end = END_EXIT;
	profile->processes[process].books[KIND_ANON] = 4096;
	profile->processes[process].kernel[KIND_ANON] = 4096;
	profile->processes[process].peak = 4096;
	profile->processes[process].peak_time_ns = 500000;
	profile->processes[process].has_owners = true;
	profile->processes[process].has_mapped = true;
	profile->processes[process].peak_moment = 1;
	profile->processes[process].peak_held[KIND_ANON] = 4096;
	profile->processes[process].calls_method = CALLS_BY_USDT;
	profile->processes[process].calls_seen = CALLS_SEEN_ALL;
	site.file = profile->processes[process].command;
	site.name = string_pool_add(&profile->strings, "f");
	node = profile_add_node(profile, process, NO_NODE, profile_add_site(profile, &site),
				500000);
	profile_add_cost(profile, node,
			 &(struct cost){ .grown = { [KIND_ANON] = 4096 }, .released = { 0 } });
	/* f took a page, and it was released in the end. */
	*profile_hold(profile, node) = (struct held){
		.peak_more[KIND_ANON] = 4096,
		.mapped = 8192,
		.peak_moment = 1,
	};
	profile_add_calls(profile, node, 3);
	profile_add_sample(profile, process, 1000, 4096);
	profile_add_thread(profile, process, &(struct thread){ 42, 2, 4096, 0, 1000 });
	profile->losses[LOSS_ring_full].events = 1;
	return profile;
}

/* The bytes of one line: offset, pairs of digits with a blank before each, the rest is
 * explanation and stands two blanks further at least. */
static void take_line(struct packed_bytes *to, const char *line)
{
	unsigned long offset = strtoul(line, NULL, 16);
	const char *at = line + 8;

	assert_int_equal(offset, to->size);
	for (; at[0] == ' ' && isxdigit(at[1]) && isxdigit(at[2]); at += 3) {
		uint8_t byte = (uint8_t)strtoul((char[]){ at[1], at[2], '\0' }, NULL, 16);

		packed_bytes_put(to, &byte, 1);
	}
}

/* The n-th block of the document that is fenced as ```hexdump. */
static struct packed_bytes documented(int wanted)
{
	struct packed_bytes bytes = { 0 };
	FILE *stream = fopen(MEMPROBE_FORMAT_MD, "re");
	char line[512];
	int number = 0;
	bool is_inside = false;

	assert_non_null(stream);
	while (fgets(line, sizeof(line), stream)) {
		if (!strncmp(line, "```", 3)) {
			is_inside = !strncmp(line, "```hexdump", 10) && number++ == wanted;
			continue;
		}
		if (is_inside && isxdigit(line[0]) && strlen(line) > 9)
			take_line(&bytes, line);
	}
	fclose(stream);
	return bytes;
}

static void print_bytes(const struct packed_bytes *bytes)
{
	for (size_t i = 0; i < bytes->size; i++)
		print_message("%s%02x", i % 16 ? " " : "\n", bytes->bytes[i]);
	print_message("\n");
}

static void assert_documented(const char *path, int number)
{
	_cleanup_(packed_bytes_free) struct packed_bytes wanted = documented(number);
	_cleanup_(packed_bytes_free) struct packed_bytes got = dump_fixture_load(path);

	if (!wanted.size || wanted.size != got.size ||
	    memcmp(wanted.bytes, got.bytes, got.size) != 0)
		print_bytes(&got);
	assert_int_equal(wanted.size, got.size);
	assert_non_null(wanted.bytes);
	assert_memory_equal(wanted.bytes, got.bytes, got.size);
}

static void example_is_true(void **state)
{
	char *directory = dump_fixture_directory();
	_cleanup_(freep) char *path = xasprintf("%s/dump", directory);
	struct profile *profile = example_profile();
	struct dump_create options = { .path = path, .uid = geteuid(), .gid = getegid() };
	struct dump_writer *writer;

	assert_int_equal(dump_create(&options, &writer), 0);
	assert_documented(path, 0);
	assert_int_equal(dump_close(writer, profile), 0);
	assert_documented(path, 1);
	profile_free(profile);
	dump_fixture_remove(directory);
}

static void numbers_stay(void **state)
{
	static const int site_kinds[] = { SITE_PYTHON, SITE_STARTUP, SITE_SHUTDOWN,
					  SITE_NATIVE, SITE_KERNEL,  SITE_TRUNCATED,
					  SITE_LOST,   SITE_DEEPER,  SITE_INHERITED,
					  SITE_BEFORE, SITE_UNOWNED, SITE_FREE,
					  SITE_THREAD, SITE_C };
	static const int losses[] = {
		LOSS_nodes_full,	LOSS_sites_full,	LOSS_ring_full,
		LOSS_frame_unreadable,	LOSS_code_unreadable,	LOSS_stack_truncated,
		LOSS_threads_full,	LOSS_images_full,	LOSS_name_unreadable,
		LOSS_path_collision,	LOSS_fold_unclear,	LOSS_calls_lost,
		LOSS_objects_full,	LOSS_record_refused,	LOSS_images_unsent,
		LOSS_thread_unreadable, LOSS_thread_unclear,	LOSS_found_late,
		LOSS_name_unanswered,	LOSS_python_unanswered, LOSS_kernel_memory,
		LOSS_page_unplaced,	LOSS_owner_memory,	LOSS_blocks_full,
		LOSS_blocks_unplaced,	LOSS_threads_joined,	LOSS_allocs_unseen,
		LOSS_blocks_pathless,	LOSS_blocks_missed,	LOSS_submitter_lost,
		LOSS_range_unseen,	LOSS_events_missed,	LOSS_mimalloc_unseen,
		LOSS_main_ended,	LOSS_submitters_late,	LOSS_calls_unplaced,
	};

	for (size_t i = 0; i < ARRAY_SIZE(site_kinds); i++)
		assert_int_equal(site_kinds[i], i);
	for (size_t i = 0; i < ARRAY_SIZE(losses); i++)
		assert_int_equal(losses[i], i);
	assert_int_equal(KIND_FILE, 0);
	assert_int_equal(KIND_ANON, 1);
	assert_int_equal(KIND_SWAP, 2);
	assert_int_equal(KIND_SHMEM, 3);
	assert_int_equal(NR_KINDS, 4);
	assert_int_equal(END_RUNNING, 0);
	assert_int_equal(END_EXIT, 1);
	assert_int_equal(END_SIGNAL, 2);
	assert_int_equal(END_EXEC, 3);
	assert_int_equal(BEGAN_EXEC, 0);
	assert_int_equal(BEGAN_FORK, 1);
	assert_int_equal(BEGAN_ATTACH, 2);
	assert_int_equal(CALLS_BY_NOTHING, 0);
	assert_int_equal(CALLS_BY_USDT, 1);
	assert_int_equal(CALLS_BY_UPROBE, 2);
	assert_int_equal(CALLS_MODE_OFF, 0);
	assert_int_equal(CALLS_MODE_AUTO, 1);
	assert_int_equal(CALLS_MODE_EXACT, 2);
}

static enum dump_failure failure_of(const struct packed_bytes *file)
{
	struct profile *profile = NULL;
	struct dump_error error = { 0 };
	char text[DUMP_ERROR_TEXT_BYTES];

	if (!dump_fixture_read(file->bytes, file->size, &profile, &error)) {
		profile_free(profile);
		return DUMP_FINE;
	}
	assert_null(profile);
	assert_int_not_equal(error.failure, DUMP_FINE);
	dump_error_text(&error, text);
	assert_true(strlen(text) > 8);
	return error.failure;
}

static void other_files_are_refused(void **state)
{
	_cleanup_(packed_bytes_free) struct packed_bytes file = { 0 };

	assert_int_equal(failure_of(&file), DUMP_NOT_A_DUMP);
	packed_bytes_put(&file, "memprob", 7);
	assert_int_equal(failure_of(&file), DUMP_NOT_A_DUMP);
	packed_bytes_put(&file, "e", 1);
	assert_int_equal(failure_of(&file), DUMP_HEADER_TRUNCATED);
	packed_bytes_put(&file, "\1\0\0\0", 4);
	assert_int_equal(failure_of(&file), DUMP_HEADER_TRUNCATED);
	packed_bytes_put(&file, "0123456789012345678901234567", 28);
	assert_int_equal(failure_of(&file), DUMP_HEADER_CORRUPT);
	file.bytes[0] = 'M';
	assert_int_equal(failure_of(&file), DUMP_NOT_A_DUMP);
}

static void unreadable_files_are_named(void **state)
{
	struct profile *profile = NULL;
	struct dump_error error;
	char text[DUMP_ERROR_TEXT_BYTES];

	assert_int_equal(dump_read("/nonexistent/dump", &profile, &error), -ENOENT);
	assert_int_equal(error.failure, DUMP_IO_ERROR);
	dump_error_text(&error, text);
	assert_string_equal(text, "No such file or directory");
	assert_non_null(strstr(dump_error_hint(&error), "mem_trace.raw"));
	assert_int_not_equal(dump_read("/dev", &profile, &error), 0);
	assert_int_equal(error.failure, DUMP_NOT_A_DUMP);
	assert_non_null(dump_error_hint(&error));
	assert_null(profile);
}

/* A header with this version and a checksum that is right. */
static void put_header(struct packed_bytes *file, uint32_t version)
{
	dump_fixture_put_header(file, 0);
	packed_store32(file->bytes + HEADER_VERSION, version);
	packed_store32(file->bytes + HEADER_CRC, (uint32_t)crc32(0, file->bytes, HEADER_CRC));
}

static void newer_versions_are_refused(void **state)
{
	_cleanup_(packed_bytes_free) struct packed_bytes file = { 0 }, payload = { 0 };
	struct profile *profile = NULL;
	struct dump_error error;
	char text[DUMP_ERROR_TEXT_BYTES];

	put_header(&file, 7);
	assert_int_not_equal(dump_fixture_read(file.bytes, file.size, &profile, &error), 0);
	assert_int_equal(error.failure, DUMP_NEWER);
	assert_int_equal(error.version, 7);
	dump_error_text(&error, text);
	assert_non_null(strstr(text, "version 7 is newer than 4"));
	assert_non_null(dump_error_hint(&error));

	file.size = 0;
	put_header(&file, 0);
	assert_int_equal(failure_of(&file), DUMP_HEADER_CORRUPT);

	file.size = 0;
	put_header(&file, 1);
	assert_int_equal(failure_of(&file), DUMP_FINE);
	dump_fixture_put_block(&file, BLOCK_PROFILE, DUMP_LAST_BLOCK_VERSION + 1, &payload);
	assert_int_equal(failure_of(&file), DUMP_NEWER);
}

/* Of the block that begins at *offset, which is behind it then; 0: there is none. */
static unsigned int next_version(const struct packed_bytes *file, size_t *offset)
{
	const uint8_t *head = file->bytes + *offset;

	if (*offset + BLOCK_HEAD_BYTES > file->size)
		return 0;
	*offset += BLOCK_HEAD_BYTES + packed_load32(head + BLOCK_STORED);
	return packed_load16(head + BLOCK_VERSION);
}

static void assert_versions(const char *path, unsigned int first, unsigned int second)
{
	_cleanup_(packed_bytes_free) struct packed_bytes file = dump_fixture_load(path);
	size_t offset = HEADER_BYTES;

	assert_int_equal(next_version(&file, &offset), first);
	assert_int_equal(next_version(&file, &offset), second);
	assert_int_equal(offset, file.size);
}

/* A function of C of a library; it took a page and gave it back. */
static void add_c(struct profile *profile, uint64_t offset)
{
	const struct site site = { .kind = SITE_C,
				   .file = string_pool_add(&profile->strings, "/lib/numpy.so"),
				   .offset = offset };
	uint32_t node = profile_add_node(profile, 0, 0, profile_add_site(profile, &site), 0);

	profile_add_cost(profile, node, &(struct cost){ .grown = { 4096 }, .released = { 4096 } });
}

/* An older reader refuses a block from the one on that has functions of C, and no other. */
static void versions_tell_what_is_there(void **state)
{
	static const uint64_t offsets[] = { 0, 0x1a2b0, INT64_MAX, UINT64_MAX };

	for (int has_threads = 0; has_threads < 2; has_threads++) {
		char *directory = dump_fixture_directory(), *difference;
		_cleanup_(freep) char *path = xasprintf("%s/dump", directory);
		struct dump_create options = { .path = path, .uid = geteuid(), .gid = getegid() };
		struct profile *profile = profile_new(), *got;
		struct dump_writer *writer;
		struct dump_error error;

		profile->meta.has_threads = has_threads;
		profile_add_process(profile);
		profile_add_calls(profile, profile_add_root(profile, 0, SITE_DEEPER, 0), 1);
		assert_int_equal(dump_create(&options, &writer), 0);
		assert_int_equal(dump_flush(writer, profile), 0);
		assert_versions(path, has_threads ? 2 : 1, 0);
		for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
			add_c(profile, offsets[i]);
		assert_int_equal(dump_flush(writer, profile), 0);
		assert_versions(path, has_threads ? 2 : 1, has_threads ? 4 : 3);
		assert_int_equal(dump_read(path, &got, &error), 0);
		assert_int_equal(got->meta.has_threads, has_threads);
		assert_true(got->has_native);
		difference = dump_fixture_difference(profile, got);
		if (difference)
			fail_msg("%s", difference);
		profile_free(got);
		assert_int_equal(dump_close(writer, profile), 0);
		profile_free(profile);
		dump_fixture_remove(directory);
	}
}

/* What a later version may add without a new number. */
static void additions_are_skipped(void **state)
{
	_cleanup_(packed_bytes_free) struct packed_bytes file = { 0 }, payload = { 0 },
							 records = { 0 };
	struct profile *profile = NULL;
	struct dump_error error;

	dump_fixture_put_header(&file, 0);
	packed_bytes_put(&records, "anything", 8);
	dump_fixture_put_block(&file, 9, 9, &records);
	dump_fixture_put_section(&payload, 1ULL << 39, &records);
	dump_fixture_put_section(&payload, 1ULL << 40, &records);
	records.size = 0;
	dump_fixture_put_section(&payload, 14, &records);
	packed_bytes_put_unsigned(&records, 77);
	dump_fixture_put_section(&payload, TAG_DURATION, &records);
	dump_fixture_put_block(&file, BLOCK_PROFILE, DUMP_BLOCK_VERSION, &payload);
	assert_int_equal(dump_fixture_read(file.bytes, file.size, &profile, &error), 0);
	assert_int_equal(profile->meta.duration_ns, 77);
	assert_false(profile->meta.is_complete);
	profile_free(profile);

	/* The same file as one that was closed, and then with a byte too many. */
	dump_header_pack(file.size, file.bytes);
	assert_int_equal(dump_fixture_read(file.bytes, file.size, &profile, &error), 0);
	assert_true(profile->meta.is_complete);
	profile_free(profile);
	packed_bytes_put(&file, "x", 1);
	assert_int_equal(dump_fixture_read(file.bytes, file.size, &profile, &error), 0);
	assert_false(profile->meta.is_complete);
	profile_free(profile);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(example_is_true),
		cmocka_unit_test(numbers_stay),
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(unreadable_files_are_named),
		cmocka_unit_test(newer_versions_are_refused),
		cmocka_unit_test(versions_tell_what_is_there),
		cmocka_unit_test(additions_are_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
