/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes of many captures in one profile: each is what it was in its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dump.h"
#include "dump_fixture.h"
#include "memory.h"
#include "profile_builder.h"
#include "profile_held.h"
#include "profile_merge.h"
#include "profile_own.h"
#include "random_profile.h"
#include "report_text.h"

#define ROUNDS 100
#define SECOND 1000000000ULL

/* What a difference takes for two versions of one. */
static const char *const files[] = {
	"/one/main.py",
	"/two/main.py",
	"/two/start.py",
	"/one/app/utils.py",
	"/two/app/utils.py",
	"/usr/lib/python3.8/json/decoder.py",
	"/opt/lib/python3.13/json/decoder.py",
	"<frozen importlib._bootstrap>",
	"/opt/lib/python3.13/importlib/_bootstrap.py",
};

static uint32_t add_function(struct profile *profile, uint32_t process, uint32_t parent)
{
	static const char *const names[] = { "<module>", "f", "g" };
	const struct site site = {
		.kind = SITE_PYTHON,
		.file = string_pool_add(&profile->strings, files[random_below(ARRAY_SIZE(files))]),
		.name = string_pool_add(&profile->strings, names[random_below(ARRAY_SIZE(names))]),
		.line = 1 + (int32_t)random_below(3),
	};
	uint32_t node = profile_add_node(profile, process, parent, profile_add_site(profile, &site),
					 random_below(100));

	profile_add_calls(profile, node, random_below(4));
	return node;
}

/* Some files each, and lines of their functions that need not be those of another's. */
static struct profile *random_capture(uint32_t pid)
{
	struct profile_builder builder = builder_new();
	struct profile *profile = builder.profile;

	for (uint32_t i = 0; i < 1 + random_below(3); i++) {
		uint32_t index = builder_process(&builder, pid + i, "python3 main.py", "3.11.2");
		uint32_t nodes[40] = { NO_NODE };

		if (random_below(3))
			builder_count(&builder, CALLS_BY_USDT, true, "");
		profile->processes[index].end = random_below(2) ? END_RUNNING : END_EXIT;
		profile->processes[index].end_ns = random_below(9) * SECOND;
		profile_add_sample(profile, index, 0, random_below(MB));
		for (uint32_t k = 1; k < ARRAY_SIZE(nodes); k++) {
			nodes[k] = add_function(profile, index, nodes[random_below(k)]);
			builder_cost(&builder, nodes[k], random_below(NR_KINDS), random_below(MB),
				     random_below(MB));
		}
	}
	builder_finish(&builder);
	profile->meta.duration_ns = (9 + random_below(9)) * SECOND;
	profile->meta.calls_mode = random_below(2) ? CALLS_MODE_OFF : CALLS_MODE_AUTO;
	profile->meta.is_complete = random_below(2);
	return profile;
}

static struct profile *sum_of(const struct profile *first, const struct profile *second)
{
	struct profile *sum = profile_new();

	sum->meta.is_complete = true;
	profile_append(sum, first);
	profile_append(sum, second);
	profile_append_end(sum);
	profile_settle(sum);
	return sum;
}

/* JSON lines of one process; the caller frees them. */
static char *describe(const struct profile *profile, uint32_t process, enum tree_by by)
{
	const struct report_options options = { .tree.import_frames = true,
						.view.by = by,
						.pids = &profile->processes[process].pid,
						.nr_pids = 1 };
	_cleanup_(freep) char *text = report_text(report_find("jsonl"), profile, &options);

	return xstrdup(strchr(text, '\n'));
}

static void assert_same_process(const struct profile *sum, uint32_t index,
				const struct profile *own, uint32_t own_index)
{
	static const enum tree_by ways[] = { TREE_BY_PATH, TREE_BY_FILE, TREE_BY_MODULE,
					     TREE_BY_PACKAGE };

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		_cleanup_(freep) char *got = describe(sum, index, ways[i]);
		_cleanup_(freep) char *wanted = describe(own, own_index, ways[i]);

		assert_string_equal(got, wanted);
	}
}

static void assert_parts(const struct profile *sum, const struct profile *first,
			 const struct profile *second)
{
	assert_int_equal(sum->nr_processes, first->nr_processes + second->nr_processes);
	assert_int_equal(sum->meta.is_complete,
			 first->meta.is_complete && second->meta.is_complete);
	for (uint32_t i = 0; i < first->nr_processes; i++)
		assert_same_process(sum, i, first, i);
	for (uint32_t i = 0; i < second->nr_processes; i++)
		assert_same_process(sum, (uint32_t)first->nr_processes + i, second, i);
}

static void test_each_is_what_it_was(void **state)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct profile *a = random_capture(10), *b = random_capture(20);
		struct profile *sum = sum_of(a, b), *turned = sum_of(b, a);

		assert_parts(sum, a, b);
		assert_parts(turned, b, a);
		profile_free(a);
		profile_free(b);
		profile_free(sum);
		profile_free(turned);
	}
}

static struct profile *written_and_read(struct profile *profile)
{
	char *directory = dump_fixture_directory(), *path = xasprintf("%s/dump", directory);
	struct dump_create options = { .path = path, .uid = geteuid(), .gid = getegid() };
	struct dump_writer *writer;
	struct dump_error error;
	struct profile *got;

	assert_int_equal(dump_create(&options, &writer), 0);
	assert_int_equal(profile->meta.is_complete ? dump_finish(writer, profile)
						   : dump_finish_incomplete(writer, profile),
			 0);
	dump_abandon(writer);
	assert_int_equal(dump_read(path, &got, &error), 0);
	assert_int_equal(got->meta.is_complete, profile->meta.is_complete);
	profile_settle(got);
	dump_fixture_remove(directory);
	free(path);
	return got;
}

static struct profile *random_dump(uint32_t pid)
{
	struct profile *profile = random_capture(pid), *read = written_and_read(profile);

	profile_free(profile);
	return read;
}

/* A dump has it too, and what is put together again. */
static void test_in_dumps(void **state)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct profile *a = random_dump(10), *b = random_dump(20), *c = random_dump(30);
		struct profile *both = sum_of(a, b), *read = written_and_read(both), *all;

		assert_parts(read, a, b);
		all = sum_of(c, read);
		assert_parts(all, c, read);
		assert_same_process(all, (uint32_t)c->nr_processes, a, 0);
		profile_free(a);
		profile_free(b);
		profile_free(c);
		profile_free(both);
		profile_free(read);
		profile_free(all);
	}
}

/* Two runs of one program are of the same functions. */
static void test_same_program(void **state)
{
	struct profile *a = random_capture(10), *sum = sum_of(a, a);

	assert_int_equal(sum->nr_sites, a->nr_sites);
	profile_free(a);
	profile_free(sum);
}

/* What is a generator in one version of a file is not said to be counted exactly in either. */
static void test_generators(void **state)
{
	struct profile *runs[2], *sum;

	for (int i = 0; i < 2; i++) {
		struct profile_builder builder = builder_new();

		runs[i] = builder.profile;
		builder_process(&builder, 1, "python3 a.py", "3.11.2");
		builder_python(&builder, NO_NODE, "/a.py", "f", 1);
		runs[i]->sites[0].is_resumable = i;
		builder_finish(&builder);
	}
	sum = sum_of(runs[0], runs[1]);
	assert_int_equal(sum->nr_sites, 1);
	assert_true(sum->sites[0].is_resumable);
	profile_free(runs[0]);
	profile_free(runs[1]);
	profile_free(sum);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_is_what_it_was),
		cmocka_unit_test(test_in_dumps),
		cmocka_unit_test(test_same_program),
		cmocka_unit_test(test_generators),
	};

	random_begin(argc > 1 ? argv[1] : NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
