/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums and differences of profiles: what is true of any, and what is matched with what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "profile_builder.h"
#include "profile_allocs.h"
#include "profile_held.h"
#include "profile_merge.h"
#include "random_profile.h"
#include "report_text.h"

#define ROUNDS 200
#define MAX_OBJECTS 40

/* ---- Profiles ---- */

static void add_objects(struct profile *profile)
{
	static const char *const classes[] = { "C", "D" };

	for (uint32_t i = 0; i < random_below(MAX_OBJECTS); i++) {
		const struct object object = {
			.process = random_below(3),
			.class_name = string_pool_add(&profile->strings, classes[i % 2]),
			.instance = i,
			.pathname = random_below(2) ? string_pool_add(&profile->strings, "a.b") + 1
						    : 0,
		};

		profile_add_object(profile, &object);
	}
	for (uint32_t i = 0; profile->nr_objects && profile->nr_nodes && i < 4 * MAX_OBJECTS; i++) {
		uint32_t object = random_below(profile->nr_objects);
		uint32_t node = random_below(profile->nr_nodes);

		if (profile->nodes[node].process == profile->objects[object].process)
			profile_add_sighting(profile, node, object);
	}
}

static void add_threads(struct profile *profile, uint32_t process)
{
	static const char *const names[] = { "python3", "worker", "Thread-1" };

	for (uint32_t i = 0; i < random_below(8); i++) {
		const struct thread thread = {
			.tid = 100 + i,
			.name = string_pool_add(&profile->strings, names[random_below(3)]),
			.growth = (int64_t)random_below(4 * MB) - 2 * MB,
			.end_ns = 1000 * i,
		};

		profile_add_thread(profile, process, &thread);
	}
}

static int64_t random_pages(void)
{
	return (int64_t)random_below(4096) * 4096 - 1024 * 4096;
}

static void add_held(struct profile *profile)
{
	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		struct process *process = &profile->processes[i];

		process->has_owners = true;
		process->peak_moment = 7;
		process->peak -= process->peak % 4096;
		process->live[KIND_FILE] = random_pages();
		process->peak_held[KIND_SWAP] = random_pages();
	}
	for (uint32_t i = 0; i < profile->nr_nodes; i += 1 + random_below(3)) {
		struct held *held = profile_hold(profile, i);

		held->live[random_below(NR_KINDS)] = random_pages();
		held->peak_more[random_below(NR_KINDS)] = random_pages();
		held->peak_moment = 6 + random_below(2);
		held->mapped = random_pages();
		held->unshared = random_pages();
	}
	profile_settle(profile);
}

static void add_allocs(struct profile *profile)
{
	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		struct process *process = &profile->processes[i];

		process->has_allocs = true;
		process->alloc_moment = 7;
		process->alloc_end = random_below(MB);
		process->alloc_peak = random_below(MB);
		process->unknown_frees = random_below(9);
	}
	for (uint32_t i = 0; i < profile->nr_nodes; i += 1 + random_below(3)) {
		struct node_allocs *allocs = profile_allocate(profile, i);

		allocs->bytes = random_below(MB);
		allocs->blocks = random_below(99);
		allocs->peak_more = (int64_t)random_below(MB) - MB / 2;
		allocs->peak_moment = 6 + random_below(2);
		allocs->taken = random_below(MB);
		allocs->taken_blocks = random_below(99);
		allocs->freed_blocks = random_below(99);
	}
	profile_settle(profile);
}

/* Files that only one of two profiles has may be two versions of one, the programs' own above all:
 * their paths are the same then, and sums over paths by words would differ. */
static void add_files(struct profile *profile)
{
	struct profile_builder builder = { .profile = profile };

	for (int i = 0; i < RANDOM_FILES; i++)
		builder_python(&builder, NO_NODE, random_files[i], "f", 0);
}

/* With all that a process may have. */
static struct profile *new_profile(void)
{
	struct profile *profile = random_profile_new();

	add_files(profile);
	add_objects(profile);
	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		add_threads(profile, i);
		profile_add_sample(profile, i, 0, random_below(MB));
		profile_add_sample(profile, i, 1000, random_below(MB));
		profile->processes[i].losses[LOSS_nodes_full] =
			(struct loss_count){ random_below(9), random_below(MB), 0 };
	}
	add_held(profile);
	add_allocs(profile);
	return profile;
}

static struct profile *copy(const struct profile *profile)
{
	struct profile *same = profile_new();

	same->meta.is_complete = true;
	profile_merge(same, profile, MERGE_SUM);
	return same;
}

/* JSON lines of all but the head, which tells of the capture; the caller frees it. */
static char *describe(const struct profile *profile)
{
	const struct report_options options = { .tree.import_frames = true };
	_cleanup_(freep) char *text = report_text(report_find("jsonl"), profile, &options);

	return xstrdup(strchr(text, '\n'));
}

static void assert_same(const struct profile *a, const struct profile *b)
{
	_cleanup_(freep) char *first = describe(a), *second = describe(b);

	assert_string_equal(first, second);
}

/* ---- What is true of any ---- */

/* By call path over all processes: what it has grown, released and been called. */
struct path_sums {
	struct hash_table ids;
	struct cost costs[2000];
	uint64_t calls[2000];
	uint32_t count;
};

/* Paths by words, since numbers differ from profile to profile. */
static uint64_t hash_of_path(const struct profile *profile, const uint64_t *hashes, uint32_t node)
{
	const struct site *site = &profile->sites[profile->nodes[node].site];
	const char *file = profile_string(profile, site->file);
	const char *name = profile_string(profile, site->name);
	uint32_t parent = profile->nodes[node].parent;
	uint64_t hash = parent == NO_NODE ? 0 : hashes[parent];

	hash = hash_bytes(file, strlen(file) + 1, hash);
	hash = hash_bytes(name, strlen(name) + 1, hash);
	hash = hash_bytes(&site->kind, sizeof(site->kind), hash);
	return hash_bytes(&site->line, sizeof(site->line), hash);
}

static void add_paths(struct path_sums *sums, const struct profile *profile, int sign)
{
	_cleanup_(freep) uint64_t *hashes = xcalloc(profile->nr_nodes, sizeof(*hashes));

	for (uint32_t i = 0; i < profile->nr_nodes; i++) {
		const struct cost cost = profile_cost(profile, i);
		uint32_t id;

		hashes[i] = hash_of_path(profile, hashes, i);
		if (!hash_table_get(&sums->ids, hashes[i], &id)) {
			id = sums->count++;
			assert_true(id < ARRAY_SIZE(sums->costs));
			hash_table_put(&sums->ids, hashes[i], id);
		}
		if (sign > 0)
			cost_add(&sums->costs[id], &cost);
		else if (sign < 0)
			cost_subtract(&sums->costs[id], &cost);
		sums->calls[id] += (uint64_t)sign * profile->nodes[i].calls;
	}
}

/* first + sign * second - result is nothing, path by path. */
static void assert_paths(const struct profile *first, const struct profile *second, int sign,
			 const struct profile *result)
{
	struct path_sums *sums = xcalloc(1, sizeof(*sums));

	add_paths(sums, first, 1);
	add_paths(sums, second, sign);
	add_paths(sums, result, -1);
	for (uint32_t i = 0; i < sums->count; i++) {
		assert_true(cost_is_zero(&sums->costs[i]));
		assert_int_equal(sums->calls[i], 0);
	}
	hash_table_free(&sums->ids);
	free(sums);
}

/* What the tree sums up to, of each process. */
static void assert_books(const struct profile *profile)
{
	int64_t *books = xcalloc(profile->nr_processes * NR_KINDS, sizeof(*books));

	for (uint32_t i = 0; i < profile->nr_nodes; i++) {
		const struct cost cost = profile_cost(profile, i);

		for (int kind = 0; kind < NR_KINDS; kind++)
			books[profile->nodes[i].process * NR_KINDS + kind] += cost_growth_of(&cost,
											     kind);
	}
	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];

		for (int kind = 0; kind < NR_KINDS; kind++) {
			assert_int_equal(process->opening[kind] + books[i * NR_KINDS + kind],
					 process->books[kind]);
			assert_int_equal(process->kernel[kind], process->books[kind]);
		}
	}
	free(books);
}

/* What the nodes of each process hold is what it has. */
static void assert_held(const struct profile *profile)
{
	struct cost *sums = xcalloc(profile->nr_processes, sizeof(*sums));

	for (uint32_t i = 0; i < profile->nr_nodes; i++) {
		const struct cost cost = profile_cost(profile, i);

		cost_add(&sums[profile->nodes[i].process], &cost);
	}
	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];

		assert_memory_equal(sums[i].live, process->live, sizeof(process->live));
		assert_memory_equal(sums[i].peak, process->peak_held, sizeof(process->peak_held));
		assert_int_equal(rss_of(process->peak_held), process->peak);
	}
	free(sums);
}

/* Raw amounts say the same as the columns. */
static void assert_settled(struct profile *profile)
{
	struct loss_count *losses = xcalloc(profile->nr_processes, sizeof(*losses));
	size_t count = profile->nr_nodes;

	for (uint32_t i = 0; i < profile->nr_processes; i++)
		losses[i] = profile->processes[i].losses[LOSS_page_unplaced];
	assert_held(profile);
	profile_settle(profile);
	assert_held(profile);
	assert_int_equal(profile->nr_nodes, count);
	for (uint32_t i = 0; i < profile->nr_processes; i++)
		assert_memory_equal(&losses[i], &profile->processes[i].losses[LOSS_page_unplaced],
				    sizeof(*losses));
	free(losses);
}

static int64_t growth_of_threads(const struct profile *profile)
{
	int64_t growth = 0;

	for (size_t i = 0; i < profile->nr_processes; i++) {
		for (size_t k = 0; k < profile->processes[i].nr_threads; k++)
			growth += profile->processes[i].threads[k].growth;
	}
	return growth;
}

static void assert_nothing(const struct profile *profile)
{
	static const int64_t zeros[NR_KINDS];

	for (uint32_t i = 0; i < profile->nr_nodes; i++) {
		const struct cost cost = profile_cost(profile, i);

		assert_true(cost_is_zero(&cost));
		assert_int_equal(profile->nodes[i].calls, 0);
	}
	for (size_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];

		assert_memory_equal(process->opening, zeros, sizeof(zeros));
		assert_memory_equal(process->books, zeros, sizeof(zeros));
		assert_memory_equal(process->kernel, zeros, sizeof(zeros));
		assert_memory_equal(process->live, zeros, sizeof(zeros));
		assert_memory_equal(process->peak_held, zeros, sizeof(zeros));
		assert_int_equal(process->peak, 0);
		for (size_t k = 0; k < process->nr_threads; k++)
			assert_int_equal(process->threads[k].growth, 0);
	}
}

/* What nothing is added to stays the same, and so does what is added to nothing. */
static void check_nothing_more(const struct profile *a)
{
	struct profile *same = copy(a), *nothing = profile_new();

	assert_same(same, a);
	nothing->meta.is_complete = true;
	profile_merge(same, nothing, MERGE_SUM);
	profile_merge(same, nothing, MERGE_DIFFERENCE);
	assert_same(same, a);
	profile_free(same);
	profile_free(nothing);
}

static void check_itself(const struct profile *a)
{
	struct profile *difference = copy(a), *twice = copy(a);

	profile_merge(difference, a, MERGE_DIFFERENCE);
	assert_nothing(difference);
	assert_settled(difference);
	profile_merge(twice, a, MERGE_SUM);
	assert_paths(a, a, 1, twice);
	assert_books(twice);
	assert_settled(twice);
	assert_int_equal(growth_of_threads(twice), 2 * growth_of_threads(a));
	/* All was found again. */
	assert_int_equal(twice->nr_processes, a->nr_processes);
	assert_int_equal(twice->nr_nodes, a->nr_nodes);
	assert_int_equal(twice->nr_sites, a->nr_sites);
	assert_int_equal(twice->nr_objects, a->nr_objects);
	assert_int_equal(twice->strings.count, a->strings.count);
	profile_free(difference);
	profile_free(twice);
}

static void check_two(const struct profile *a, const struct profile *b)
{
	struct profile *sum = copy(a), *difference = copy(b), *back = copy(a);

	profile_merge(sum, b, MERGE_SUM);
	assert_paths(a, b, 1, sum);
	assert_books(sum);
	assert_settled(sum);
	assert_int_equal(growth_of_threads(sum), growth_of_threads(a) + growth_of_threads(b));
	profile_merge(difference, a, MERGE_DIFFERENCE);
	assert_paths(b, a, -1, difference);
	assert_books(difference);
	assert_settled(difference);
	assert_int_equal(growth_of_threads(difference),
			 growth_of_threads(b) - growth_of_threads(a));
	profile_merge(back, difference, MERGE_SUM); /* a + (b - a) = b */
	assert_paths(b, b, 0, back);
	assert_books(back);
	assert_settled(back);
	profile_merge(sum, a, MERGE_DIFFERENCE); /* a + b - a = b */
	assert_paths(b, b, 0, sum);
	assert_books(sum);
	profile_free(sum);
	profile_free(difference);
	profile_free(back);
}

static void test_of_any(void **state)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct profile *a = new_profile(), *b = new_profile();

		check_nothing_more(a);
		check_itself(a);
		check_two(a, b);
		profile_free(a);
		profile_free(b);
	}
}

/* ---- What is matched ---- */

static void add_function(struct profile_builder *builder, const char *name, int32_t line,
			 int32_t at, int64_t bytes)
{
	struct profile *profile = builder->profile;
	const struct site site = {
		.kind = SITE_PYTHON,
		.file = string_pool_add(&profile->strings, "/a.py"),
		.name = string_pool_add(&profile->strings, name),
		.line = line,
		.at = at,
	};
	uint32_t node = profile_add_node(profile, builder->process, NO_NODE,
					 profile_add_site(profile, &site), 0);

	builder_cost(builder, node, KIND_ANON, bytes, 0);
}

static int64_t growth_at(const struct profile *profile, const char *name, int32_t line)
{
	int64_t growth = INT64_MIN;

	for (uint32_t i = 0; i < profile->nr_nodes; i++) {
		const struct site *site = &profile->sites[profile->nodes[i].site];
		const struct cost cost = profile_cost(profile, i);

		if (!strcmp(profile_string(profile, site->name), name) &&
		    (site->at ? site->at : site->line) == line) {
			assert_true(growth == INT64_MIN);
			growth = cost_growth(&cost);
		}
	}
	return growth;
}

static void test_moved_lines(void **state)
{
	struct profile_builder before = builder_new(), after = builder_new();

	builder_process(&before, 1, "python3 a.py", "3.11.2");
	add_function(&before, "f", 10, 0, 1);
	add_function(&before, "<lambda>", 20, 0, 2);
	add_function(&before, "<lambda>", 60, 0, 4);
	add_function(&before, "split", 30, 31, 8);
	builder_finish(&before);
	/* 40 lines more: the first lambda stands where the second did. */
	builder_process(&after, 1, "python3 a.py", "3.13.0");
	add_function(&after, "f", 50, 0, 101);
	add_function(&after, "<lambda>", 60, 0, 1002);
	add_function(&after, "<lambda>", 100, 0, 10004);
	add_function(&after, "split", 70, 71, 100008);
	builder_finish(&after);
	profile_merge(after.profile, before.profile, MERGE_DIFFERENCE);
	assert_int_equal(after.profile->nr_processes, 1);
	assert_int_equal(after.profile->nr_nodes, 4);
	assert_int_equal(growth_at(after.profile, "f", 50), 100);
	assert_int_equal(growth_at(after.profile, "<lambda>", 60), 1000);
	assert_int_equal(growth_at(after.profile, "<lambda>", 100), 10000);
	assert_int_equal(growth_at(after.profile, "split", 71), 100000);
	profile_free(before.profile);
	profile_free(after.profile);
}

/* A run need not have been in all functions of one name. */
static void test_lines_that_stayed(void **state)
{
	struct profile_builder first = builder_new(), second = builder_new();

	builder_process(&first, 1, "python3 a.py", "3.11.2");
	add_function(&first, "f", 10, 0, 1);
	add_function(&first, "<lambda>", 20, 0, 2);
	add_function(&first, "<lambda>", 60, 0, 4);
	builder_process(&second, 1, "python3 a.py", "3.11.2");
	add_function(&second, "f", 10, 0, 100);
	add_function(&second, "<lambda>", 60, 0, 1000);
	add_function(&second, "<lambda>", 80, 0, 10000);
	builder_finish(&first);
	builder_finish(&second);
	profile_merge(first.profile, second.profile, MERGE_SUM);
	assert_int_equal(growth_at(first.profile, "f", 10), 101);
	assert_int_equal(growth_at(first.profile, "<lambda>", 20), 2);
	assert_int_equal(growth_at(first.profile, "<lambda>", 60), 1004);
	assert_int_equal(growth_at(first.profile, "<lambda>", 80), 10000);
	profile_free(first.profile);
	profile_free(second.profile);
}

struct entry {
	uint32_t pid;
	const char *command, *python;
	int64_t bytes;
};

static struct profile *of_entries(const struct entry *entries, size_t count)
{
	struct profile_builder builder = builder_new();

	for (size_t i = 0; i < count; i++) {
		builder_process(&builder, entries[i].pid, entries[i].command, entries[i].python);
		builder.profile->processes[builder.process].start_ns = entries[i].pid;
		profile_add_sample(builder.profile, builder.process, 0, entries[i].bytes);
		add_function(&builder, "f", 1, 0, entries[i].bytes);
	}
	builder_finish(&builder);
	return builder.profile;
}

static void assert_growths(const struct profile *profile, const int64_t *expected, size_t count)
{
	assert_int_equal(profile->nr_processes, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(rss_of(profile->processes[i].books), expected[i]);
	assert_books(profile);
}

/* The same life first, then the same command, each in its order; a process without a match stands
 * for itself. */
static void test_processes(void **state)
{
	static const struct entry before[] = {
		{ 10, "main", "3.11", 1 },   { 11, "worker", "3.11", 2 },
		{ 12, "worker", "3.11", 4 }, { 13, "worker", "3.11", 8 },
		{ 14, "gone", NULL, 16 },
	};
	static const struct entry after[] = {
		{ 20, "main", "3.11", 100 },
		{ 12, "worker", "3.11", 1000 },
		{ 21, "worker", "3.11", 10000 },
		{ 22, "fresh", NULL, 100000 },
	};
	static const int64_t difference[] = { 99, 1000 - 4, 10000 - 2, 100000, -8, -16 };
	static const int64_t sum[] = { 101, 1000 + 4, 10000 + 2, 100000, 8, 16 };
	struct profile *first = of_entries(before, ARRAY_SIZE(before));
	struct profile *second = of_entries(after, ARRAY_SIZE(after)), *third = copy(second);

	profile_merge(second, first, MERGE_DIFFERENCE);
	assert_growths(second, difference, ARRAY_SIZE(difference));
	profile_merge(third, first, MERGE_SUM);
	assert_growths(third, sum, ARRAY_SIZE(sum));
	assert_int_equal(third->processes[0].nr_samples, 0); /* of two runs */
	assert_int_equal(third->processes[3].nr_samples, 1);
	assert_int_equal(third->processes[5].nr_samples, 1);
	assert_int_equal(second->processes[5].nr_samples, 0);
	profile_free(first);
	profile_free(second);
	profile_free(third);
}

/* Two versions of a program are compared, but never summed up. */
static void test_first_pythons(void **state)
{
	static const struct entry before[] = { { 1, "time", NULL, 1 }, { 2, "old.py", "3.9", 10 } };
	static const struct entry after[] = { { 3, "new.py", "3.13", 100 } };
	static const int64_t difference[] = { 90, -1 }, sum[] = { 100, 1, 10 };
	struct profile *first = of_entries(before, 2), *second = of_entries(after, 1);
	struct profile *third = copy(second);

	profile_merge(second, first, MERGE_DIFFERENCE);
	assert_growths(second, difference, ARRAY_SIZE(difference));
	profile_merge(third, first, MERGE_SUM);
	assert_growths(third, sum, ARRAY_SIZE(sum));
	profile_free(first);
	profile_free(second);
	profile_free(third);
}

static const struct process *merge_counted(struct profile_builder *both,
					   enum calls_method methods[2], enum merge_sign sign)
{
	for (int i = 0; i < 2; i++) {
		both[i] = builder_new();
		builder_process(&both[i], 1, "python3", "3.11.2");
		builder_count(&both[i], methods[i], true, "");
		builder_finish(&both[i]);
	}
	profile_merge(both[0].profile, both[1].profile, sign);
	return both[0].profile->processes;
}

static void test_calls(void **state)
{
	static const struct {
		enum calls_method methods[2];
		enum merge_sign sign;
		enum calls_method method;
		enum calls_seen seen;
		bool has_reason;
	} cases[] = {
		{ { CALLS_BY_USDT, CALLS_BY_UPROBE },
		  MERGE_SUM,
		  CALLS_BY_USDT,
		  CALLS_SEEN_ALL,
		  false },
		{ { CALLS_BY_USDT, CALLS_BY_NOTHING },
		  MERGE_SUM,
		  CALLS_BY_USDT,
		  CALLS_SEEN_SOME,
		  true },
		{ { CALLS_BY_NOTHING, CALLS_BY_USDT },
		  MERGE_SUM,
		  CALLS_BY_USDT,
		  CALLS_SEEN_SOME,
		  true },
		{ { CALLS_BY_NOTHING, CALLS_BY_USDT },
		  MERGE_DIFFERENCE,
		  CALLS_BY_NOTHING,
		  CALLS_SEEN_SOME,
		  true },
		{ { CALLS_BY_USDT, CALLS_BY_NOTHING },
		  MERGE_DIFFERENCE,
		  CALLS_BY_NOTHING,
		  CALLS_SEEN_SOME,
		  true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum calls_method methods[2] = { cases[i].methods[0], cases[i].methods[1] };
		struct profile_builder both[2];
		const struct process *process = merge_counted(both, methods, cases[i].sign);

		assert_int_equal(process->calls_method, cases[i].method);
		assert_int_equal(process->calls_seen, cases[i].seen);
		assert_int_equal(!!*profile_string(both[0].profile, process->calls_reason),
				 cases[i].has_reason);
		profile_free(both[0].profile);
		profile_free(both[1].profile);
	}
}

/* A lost event is missing in a difference too. */
static void test_losses(void **state)
{
	static const struct entry entries[] = { { 1, "a", "3.11", 1 } };
	struct profile *profile = of_entries(entries, 1), *other = of_entries(entries, 1);

	other->losses[LOSS_images_full] = (struct loss_count){ 2, 0, 0 };
	other->processes[0].losses[LOSS_ring_full] = (struct loss_count){ 3, 4096, 1 };
	other->meta.is_complete = false;
	profile_merge(profile, other, MERGE_DIFFERENCE);
	assert_int_equal(profile->losses[LOSS_images_full].events, 2);
	assert_int_equal(profile->processes[0].losses[LOSS_ring_full].bytes, 4096);
	assert_false(profile->meta.is_complete);
	profile_free(profile);
	profile_free(other);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_any),
		cmocka_unit_test(test_moved_lines),
		cmocka_unit_test(test_lines_that_stayed),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_first_pythons),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_losses),
	};

	random_begin(argc > 1 ? argv[1] : NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
