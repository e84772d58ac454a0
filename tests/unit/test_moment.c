/* SPDX-License-Identifier: BSD-2-Clause */
/* The highest moment out of the books of made-up processes, whose numbers no process runs under. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "moment.h"

#define MB (1 << 20)

struct stage {
	struct moments *moments;
	struct profile *profile;
};

static struct stage open_stage(uint32_t nr_processes)
{
	struct stage stage = { moments_new(), profile_new() };

	for (uint32_t i = 0; i < nr_processes; i++)
		profile_add_process(stage.profile); /* pid 0: has no PSS to read */
	return stage;
}

static void close_stage(struct stage *stage)
{
	moments_free(stage->moments);
	profile_free(stage->profile);
}

static void note(struct stage *stage, uint32_t process, uint64_t time_ns, int64_t anon_mb,
		 int64_t inherited_mb)
{
	const struct rss_sample share = {
		.time_ns = time_ns,
		.rss = (anon_mb + 5) * MB, /* and 5 MB of files */
		.anon = anon_mb * MB,
		.inherited = inherited_mb * MB,
	};

	if (stage->profile->processes[process].peak < share.rss)
		stage->profile->processes[process].peak = share.rss;
	moments_note(stage->moments, process, &share);
}

static const struct moment *look(struct stage *stage)
{
	moments_look(stage->moments, stage->profile, 1000);
	return &stage->profile->highest;
}

static void one_process_has_none(void **state)
{
	struct stage stage = open_stage(1);

	note(&stage, 0, 10, 100, 0);
	assert_int_equal(look(&stage)->bytes, 0);
	close_stage(&stage);
}

/* Nothing was asked of the kernel between the flushes, and the height has passed. */
static void height_between_two_looks(void **state)
{
	struct stage stage = open_stage(2);
	const struct moment *highest;

	note(&stage, 0, 10, 100, 0);
	note(&stage, 1, 20, 400, 0);
	note(&stage, 1, 30, 50, 0);
	moments_end(stage.moments, 1);
	highest = look(&stage);
	assert_int_equal(highest->bytes, 505LL * MB); /* files may be the same ones */
	assert_int_equal(highest->rss, 510LL * MB);
	assert_int_equal(highest->rss_most, 510LL * MB);
	assert_int_equal(highest->time_ns, 20);
	assert_int_equal(highest->nr_processes, 2);
	assert_true(highest->is_bound);
	close_stage(&stage);
}

static void inherited_pages_count_once(void **state)
{
	struct stage stage = open_stage(3);
	const struct moment *highest;

	note(&stage, 0, 10, 200, 0);
	note(&stage, 1, 20, 200, 200);
	note(&stage, 2, 30, 208, 200);
	highest = look(&stage);
	assert_int_equal(highest->bytes, 213LL * MB);
	assert_int_equal(highest->rss_most, 623LL * MB);
	assert_true(highest->is_bound);
	close_stage(&stage);
}

/* The parent has gone: what the child inherited is its own now, and all that it has is there. */
static void never_below_one_peak(void **state)
{
	struct stage stage = open_stage(2);

	note(&stage, 0, 10, 300, 0);
	note(&stage, 1, 20, 300, 300);
	moments_end(stage.moments, 0);
	note(&stage, 1, 30, 310, 300);
	stage.profile->processes[1].peak += 4096;
	assert_int_equal(look(&stage)->bytes, 315LL * MB + 4096);
	assert_true(look(&stage)->rss >= look(&stage)->bytes);
	close_stage(&stage);
}

static void what_is_not_shared_is_exact(void **state)
{
	struct stage stage = open_stage(2);
	const struct rss_sample share = { 20, 300LL * MB, 300LL * MB, 0 };

	note(&stage, 0, 10, 10, 0);
	moments_note(stage.moments, 1, &share);
	assert_int_equal(look(&stage)->bytes, 315LL * MB);
	assert_false(look(&stage)->is_bound);
	close_stage(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_process_has_none),
		cmocka_unit_test(height_between_two_looks),
		cmocka_unit_test(inherited_pages_count_once),
		cmocka_unit_test(never_below_one_peak),
		cmocka_unit_test(what_is_not_shared_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
