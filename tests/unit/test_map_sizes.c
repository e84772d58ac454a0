/* SPDX-License-Identifier: BSD-2-Clause */
/* How many rows the kernel's tables have for what was asked, and how many of them calls may take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <memprobe/limits.h>

#include "loader.h"
#include "map_sizes.h"

#define ALL_CALLS .call_frames = 1
#define SOME_CALLS .call_frames = 1, .has_calls_budget = true

static struct map_sizes choose(struct loader_sizes sizes)
{
	struct map_sizes chosen;

	sizes.max_nodes = DEFAULT_MAX_NODES;
	sizes.max_sites = DEFAULT_MAX_SITES;
	map_sizes_choose(&sizes, &chosen);
	return chosen;
}

static void assert_nodes(const struct map_sizes *chosen, uint32_t max, uint32_t calls)
{
	assert_int_equal(chosen->max_nodes, max);
	assert_int_equal(chosen->call_nodes, calls);
	assert_true(chosen->nr_ids > max);
}

static void assert_sites(const struct map_sizes *chosen, uint32_t max, uint32_t calls)
{
	assert_int_equal(chosen->max_sites, max);
	assert_int_equal(chosen->call_sites, calls);
}

static void test_plain(void **state)
{
	static const struct loader_sizes kinds[] = { { SOME_CALLS },
						     { SOME_CALLS, .has_lines = true },
						     { .has_instances = true } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const struct map_sizes chosen = choose(kinds[i]);

		assert_nodes(&chosen, 65536, 32768);
		assert_sites(&chosen, 16384, 8192);
	}
}

static void test_all_calls(void **state)
{
	const struct map_sizes chosen = choose((struct loader_sizes){ ALL_CALLS });

	assert_nodes(&chosen, 131072, 114688);
	assert_sites(&chosen, 32768, 16384);
}

/* Each path of Python has some of C below it. */
static void test_native(void **state)
{
	const struct map_sizes some = choose(
		(struct loader_sizes){ SOME_CALLS, .has_native = true });
	const struct map_sizes all = choose((struct loader_sizes){ ALL_CALLS, .has_native = true });
	const struct map_sizes by_line = choose(
		(struct loader_sizes){ ALL_CALLS, .has_native = true, .has_lines = true });

	assert_nodes(&some, 262144, 131072);
	assert_sites(&some, 65536, 32768);
	assert_nodes(&all, 262144, 229376);
	assert_nodes(&by_line, 524288, 524288 - DEFAULT_MAX_NODES);
}

/* Some functions of sympy have 236,000 paths by line. For growth alone there is what was asked
 * for. */
static void test_all_calls_by_parts(void **state)
{
	static const struct loader_sizes kinds[] = {
		{ ALL_CALLS, .has_lines = true },
		{ ALL_CALLS, .has_instances = true },
		{ ALL_CALLS, .has_lines = true, .has_instances = true },
		{ ALL_CALLS, .has_lines = true, .has_allocs = true },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const struct map_sizes chosen = choose(kinds[i]);

		assert_nodes(&chosen, 524288, 524288 - DEFAULT_MAX_NODES);
		assert_sites(&chosen, 131072, 131072 - DEFAULT_MAX_SITES);
	}
}

static void test_allocs(void **state)
{
	struct map_sizes chosen = choose((struct loader_sizes){ SOME_CALLS, .has_allocs = true });

	assert_nodes(&chosen, 65536, 57344);
	assert_sites(&chosen, 16384, 14336);
	chosen = choose((struct loader_sizes){ SOME_CALLS, .has_allocs = true, .has_lines = true });
	assert_nodes(&chosen, 131072, 114688);
	assert_sites(&chosen, 32768, 28672);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),  cmocka_unit_test(test_all_calls),
		cmocka_unit_test(test_native), cmocka_unit_test(test_all_calls_by_parts),
		cmocka_unit_test(test_allocs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
