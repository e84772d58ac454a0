/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a target or a dump can make large costs as much as it is large, not its square: with the
 * square each of these tests would take from minutes to hours, and end by the runner's time limit.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dump.h"
#include "dump_fixture.h"
#include "hash_table.h"
#include "memory.h"
#include "report.h"

#define CROWD 1000000

/* Names that have no pattern in common, and each grows one byte. */
static struct thread crowd_thread(struct profile *profile, uint32_t number)
{
	char name[16] = "";

	for (uint32_t digit = 0; digit < 5; digit++)
		name[digit] = (char)('a' + (number >> 4 * digit & 15));
	return (struct thread){
		.tid = number,
		.name = string_pool_add(&profile->strings, name),
		.growth = 1,
	};
}

static void test_threads_of_a_target(void **state)
{
	struct profile *profile = profile_new();
	uint32_t index = profile_add_process(profile);
	const struct process *process = &profile->processes[index];
	int64_t growth = 0;

	(void)state;
	for (uint32_t number = 0; number < CROWD; number++) {
		struct thread thread = crowd_thread(profile, number);

		profile_add_thread(profile, index, &thread);
	}
	assert_int_equal(process->nr_threads, MAX_THREADS + MAX_THREAD_PATTERNS + 1);
	assert_string_equal(profile_string(profile, process->threads[process->nr_threads - 1].name),
			    "…");
	for (size_t i = 0; i < process->nr_threads; i++)
		growth += process->threads[i].growth;
	assert_int_equal(growth, CROWD);
	profile_free(profile);
}

static void test_numbered_threads(void **state)
{
	struct profile *profile = profile_new();
	uint32_t index = profile_add_process(profile);
	const struct process *process = &profile->processes[index];

	(void)state;
	for (uint32_t number = 0; number < 20000; number++) {
		_cleanup_(freep) char *name = xasprintf("Thread-%u", number);
		struct thread thread = { .name = string_pool_add(&profile->strings, name),
					 .growth = 1 };

		profile_add_thread(profile, index, &thread);
	}
	assert_int_equal(process->nr_threads, MAX_THREADS + 1);
	assert_string_equal(profile_string(profile, process->threads[0].name), "Thread-0");
	assert_string_equal(profile_string(profile, process->threads[MAX_THREADS].name),
			    "Thread-N");
	assert_int_equal(process->threads[MAX_THREADS].growth, 20000 - MAX_THREADS);
	profile_free(profile);
}

/* A file may hold more of them than a capture ever writes. */
static void test_threads_of_a_dump(void **state)
{
	char *directory = dump_fixture_directory();
	_cleanup_(freep) char *path = xasprintf("%s/dump", directory);
	struct dump_create options = { .path = path, .uid = geteuid(), .gid = getegid() };
	struct profile *profile = profile_new(), *got = NULL;
	uint32_t index = profile_add_process(profile);
	struct dump_error error = { 0 };
	struct dump_writer *writer;

	(void)state;
	for (uint32_t number = 0; number < CROWD; number++) {
		struct thread thread = crowd_thread(profile, number);

		profile_append_thread(profile, index, &thread);
	}
	assert_int_equal(dump_create(&options, &writer), 0);
	assert_int_equal(dump_close(writer, profile), 0);
	assert_int_equal(dump_read(path, &got, &error), 0);
	assert_int_equal(got->processes[0].nr_threads, CROWD);
	profile_free(got);
	profile_free(profile);
	dump_fixture_remove(directory);
}

/* The key that was mixed to `slots` in the table as it was, whose mixing had no secret. */
static uint64_t unmix(uint64_t mixed)
{
	const uint64_t factor = 0xd6e8feb86659fd93ULL;
	uint64_t inverse = factor;

	for (int i = 0; i < 5; i++)
		inverse *= 2 - factor * inverse;
	mixed ^= mixed >> 32;
	mixed *= inverse;
	return mixed ^ mixed >> 32;
}

static void test_chosen_keys(void **state)
{
	struct hash_table table = { 0 };
	uint32_t value;

	(void)state;
	for (uint32_t i = 1; i <= CROWD; i++)
		hash_table_put(&table, unmix((uint64_t)i << 32), i);
	for (uint32_t i = 1; i <= CROWD; i++) {
		assert_true(hash_table_get(&table, unmix((uint64_t)i << 32), &value));
		assert_int_equal(value, i);
	}
	assert_int_equal(table.count, CROWD);
	hash_table_free(&table);
}

#define HASH_WORD "print-hash"

/* Which bytes collide must not be known before a run begins. */
static void test_hash_of_each_run(void **state)
{
	char path[4096] = "", text[32] = "";
	_cleanup_(freep) char *command = NULL;
	FILE *other;

	(void)state;
	assert_true(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
	command = xasprintf("'%s' " HASH_WORD, path);
	other = popen(command, "re");
	assert_non_null(other);
	assert_non_null(fgets(text, sizeof(text), other));
	assert_int_equal(pclose(other), 0);
	assert_int_not_equal(strtoull(text, NULL, 16), hash_bytes(HASH_WORD, 10, 0));
	assert_int_equal(hash_bytes(HASH_WORD, 10, 0), hash_bytes(HASH_WORD, 10, 0));
}

/* Many sites that name one file, as long as a section of a dump may be. */
static void test_long_file_name(void **state)
{
	const size_t length = 8 << 20;
	_cleanup_(freep) char *name = xmalloc(length + 1);
	struct profile *profile = profile_new();
	uint32_t process = profile_add_process(profile);
	struct site site = { .kind = SITE_PYTHON };
	const struct report_options options = { .tree = { .sort = SORT_FIRST } };
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct sink sink;

	(void)state;
	memset(name, 'x', length);
	name[length] = '\0';
	site.file = string_pool_add(&profile->strings, name);
	site.name = string_pool_add(&profile->strings, "A.f");
	for (site.line = 0; site.line < CROWD / 4; site.line++)
		profile_add_node(profile, process, NO_NODE, profile_add_site(profile, &site), 0);
	sink_attach(&sink, fd);
	report_write(report_find("tree"), profile, &options, &sink);
	assert_int_equal(sink_close(&sink), 0);
	close(fd);
	profile_free(profile);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_of_a_target), cmocka_unit_test(test_numbered_threads),
		cmocka_unit_test(test_threads_of_a_dump),   cmocka_unit_test(test_chosen_keys),
		cmocka_unit_test(test_hash_of_each_run),    cmocka_unit_test(test_long_file_name),
	};

	if (argc > 1 && !strcmp(argv[1], HASH_WORD))
		return printf("%jx\n", (uintmax_t)hash_bytes(HASH_WORD, 10, 0)) < 0;

	return cmocka_run_group_tests(tests, NULL, NULL);
}
