/* SPDX-License-Identifier: BSD-2-Clause */
/* A series of RSS is bounded, in order, and keeps its peaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "profile.h"

#define MANY 100000
#define SECOND 1000000000ULL
#define PEAK (1LL << 30)

static int64_t highest_of(const struct process *process, uint64_t *ret_time)
{
	int64_t highest = 0;

	for (size_t i = 0; i < process->nr_samples; i++) {
		if (i)
			assert_true(process->samples[i].time_ns > process->samples[i - 1].time_ns);
		if (process->samples[i].rss > highest) {
			highest = process->samples[i].rss;
			*ret_time = process->samples[i].time_ns;
		}
	}
	return highest;
}

/* One sample of many is high, whichever: it stays, with its time. */
static void test_peak_stays(void **state)
{
	for (uint64_t place = 0; place < MANY - 1; place += 997) {
		struct profile *profile = profile_new();
		const struct process *process;
		uint64_t time_ns = 0;

		profile_add_process(profile);
		for (uint64_t i = 0; i < MANY; i++)
			profile_add_sample(profile, 0, SECOND + i * 1000,
					   i == place ? PEAK : (int64_t)(i % 77) * 4096);
		process = &profile->processes[0];
		assert_true(process->nr_thinnings > 3);
		assert_in_range(process->nr_samples, MAX_SAMPLES / 4, MAX_SAMPLES);
		if (place < MANY - MANY / 100) {
			assert_int_equal(highest_of(process, &time_ns), PEAK);
			assert_int_equal(time_ns, SECOND + place * 1000);
		}
		profile_free(profile);
	}
}

/* What a series says of RSS at a moment. */
static int64_t at_moment(const struct process *process, uint64_t time_ns)
{
	int64_t rss = 0;

	for (size_t i = 0; i < process->nr_samples && process->samples[i].time_ns <= time_ns; i++)
		rss = process->samples[i].rss;
	return rss;
}

/* A low value lasts from after the last of many samples on, or from between them, for as long as
 * all of them: the high ones before it do not seem to. */
static void test_low_lasts(void **state)
{
	for (uint64_t many = MAX_SAMPLES - 3; many < 4 * MAX_SAMPLES; many += 101) {
		const uint64_t span = many * 1000, end = SECOND + span;
		struct profile *profile = profile_new();

		profile_add_process(profile);
		for (uint64_t i = 0; i < many; i++)
			profile_add_sample(profile, 0, SECOND + i * 1000, PEAK + (int64_t)i);
		profile_add_sample(profile, 0, end, 4096);
		for (uint64_t i = 0; i < many; i++)
			profile_add_sample(profile, 0, end + span + i * 1000, PEAK + (int64_t)i);
		assert_int_equal(at_moment(&profile->processes[0], end + span / 2), 4096);
		assert_in_range(profile->processes[0].nr_samples, 0, MAX_SAMPLES);
		profile_free(profile);
	}
}

/* What grows steadily does not become a single step. */
static void test_ramp_stays(void **state)
{
	struct profile *profile = profile_new();
	const struct process *process;

	profile_add_process(profile);
	for (uint64_t i = 0; i < MANY; i++)
		profile_add_sample(profile, 0, i, (int64_t)i);
	process = &profile->processes[0];
	for (size_t i = 1; i < process->nr_samples; i++)
		assert_in_range(process->samples[i].rss - process->samples[i - 1].rss, 1,
				MANY / 100);
	profile_free(profile);
}

/* The records of two CPUs may come in another order than they were made in. */
static void test_time_never_goes_back(void **state)
{
	struct profile *profile = profile_new();
	const struct process *process;
	uint64_t time_ns = 0;

	profile_add_process(profile);
	for (uint64_t i = 1; i < MANY; i++)
		profile_add_sample(profile, 0, (i % 3 ? i : i - 3) * 1000, (int64_t)(i % 97));
	process = &profile->processes[0];
	assert_true(process->nr_thinnings > 3);
	assert_int_equal(highest_of(process, &time_ns), 96);
	profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peak_stays),
		cmocka_unit_test(test_low_lasts),
		cmocka_unit_test(test_ramp_stays),
		cmocka_unit_test(test_time_never_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
