/* SPDX-License-Identifier: BSD-2-Clause */
/* What golden files cannot hold: chains longer than any stack, errors of the output. */
#include <errno.h>
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

#include "memory.h"
#include "profile_builder.h"
#include "report.h"
#include "report_text.h"

#define DEEP 100000

static struct profile *deep_profile(void)
{
	struct profile_builder builder = builder_new();
	uint32_t parent = NO_NODE;

	builder_process(&builder, 7, "deep", "3.11.2");
	for (int i = 0; i < DEEP; i++)
		parent = builder_python(&builder, parent, "/a.py", i % 2 ? "even" : "odd", 0.001);
	builder_finish(&builder);
	return builder.profile;
}

static int write_to(const char *path, const char *format, const struct report_options *options)
{
	struct profile *profile = deep_profile();
	int fd = open(path, O_WRONLY), error;
	struct sink sink;

	sink_attach(&sink, fd);
	report_write(report_find(format), profile, options, &sink);
	error = sink_close(&sink);
	close(fd);
	profile_free(profile);
	return error;
}

static void test_deep_chain(void **state)
{
	const struct report_options plain = { 0 };
	const struct report_options all = { .has_min = true, .minimum = INT64_MIN };

	assert_int_equal(write_to("/dev/null", "tree", &plain), 0);
	assert_int_equal(write_to("/dev/null", "tree", &all), 0);
	assert_int_equal(write_to("/dev/null", "json", &plain), 0);
	assert_int_equal(write_to("/dev/null", "json", &all), 0);
	assert_int_equal(write_to("/dev/null", "csv", &all), 0);
	assert_int_equal(write_to("/dev/null", "speedscope", &all), 0);
	assert_int_equal(write_to("/dev/null", "pprof", &all), 0);
}

/* Stacks of a chain that no stack has are bounded, and nothing is lost. */
static void test_deep_stacks(void **state)
{
	const struct report_options plain = { 0 };
	char path[] = "/tmp/memprobe-report-XXXXXX", line[1 << 20];
	int fd = mkstemp(path);
	int64_t sum = 0;
	FILE *file;

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(write_to(path, "collapsed", &plain), 0);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		assert_non_null(strrchr(line, ' '));
		sum += strtoll(strrchr(line, ' '), NULL, 10);
	}
	fclose(file);
	unlink(path);
	assert_int_equal(sum, DEEP * (int64_t)(0.001 * MB));
}

static struct report_remarks remarks_of(const char *format)
{
	const struct report_options plain = { 0 };
	struct profile *profile = deep_profile();
	struct report_remarks remarks;
	struct sink sink;
	int fd = open("/dev/null", O_WRONLY);

	sink_attach(&sink, fd);
	remarks = report_write(report_find(format), profile, &plain, &sink);
	assert_int_equal(sink_close(&sink), 0);
	close(fd);
	profile_free(profile);
	return remarks;
}

static void test_nesting(void **state)
{
	assert_int_equal(remarks_of("tree").nesting, 0);
	assert_true(remarks_of("json").nesting > 2 * DEEP);
	assert_true(remarks_of("jsonl").nesting < 6);
}

static void test_disk_full(void **state)
{
	const struct report_options options = { 0 };

	assert_int_equal(write_to("/dev/full", "tree", &options), -ENOSPC);
	assert_int_equal(write_to("/dev/full", "json", &options), -ENOSPC);
	assert_int_equal(write_to("/dev/full", "jsonl", &options), -ENOSPC);
	assert_int_equal(write_to("/dev/full", "csv", &options), -ENOSPC);
	assert_int_equal(write_to("/dev/full", "pprof", &options), -ENOSPC);
	if (!report_html.is_missing())
		assert_int_equal(write_to("/dev/full", "html", &options), -ENOSPC);
}

/* A process that was attached to cannot be begun in another way. */
static void test_hints(void **state)
{
	static const struct report_options options = { 0 };

	for (int is_attached = 0; is_attached < 2; is_attached++) {
		_cleanup_(freep) char *text = NULL;
		struct profile_builder builder = builder_new();

		builder_process(&builder, 7, "python3 run.py", "3.11.2");
		builder.profile->processes[0].losses[LOSS_found_late].events = 1;
		if (!is_attached) {
			builder.profile->meta.command = xcalloc(2, sizeof(char *));
			builder.profile->meta.command[0] = xstrdup("run.sh");
		}
		text = report_text_of_built(&builder, &options);
		assert_non_null(strstr(text, "Lost: interpreter found late, 1 event, 0.00 MB"));
		assert_int_equal(strstr(text, "(hint: start it as memprobe -- PYTHON") != NULL,
				 !is_attached);
	}
}

static void test_find(void **state)
{
	assert_non_null(report_find("tree"));
	assert_non_null(report_find("json"));
	assert_non_null(report_find("jsonl"));
	assert_null(report_find("jso"));
	assert_null(report_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deep_chain), cmocka_unit_test(test_deep_stacks),
		cmocka_unit_test(test_nesting),	   cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_find),	   cmocka_unit_test(test_hints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
