/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads as roots: their names, and which of two profiles are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "profile_builder.h"
#include "profile_merge.h"
#include "profile_roots.h"

#define PID 100

/* A root as the capture makes it. */
static uint32_t add_root(struct profile *profile, const char *name, int32_t tid)
{
	const struct site site = { .kind = SITE_THREAD,
				   .name = string_pool_add(&profile->strings, name),
				   .line = tid };

	return profile_add_node(profile, 0, NO_NODE, profile_add_site(profile, &site), 0);
}

static struct profile_builder begin(void)
{
	struct profile_builder builder = builder_new();

	builder_process(&builder, PID, "python3 x.py", "3.11.2");
	builder.profile->meta.has_threads = true;
	return builder;
}

/* The thread's first function ran on an object of this name; NULL: the name was not read. */
static uint32_t add_bootstrap(struct profile_builder *builder, uint32_t root, const char *name)
{
	uint32_t node = builder_python(builder, root, "/usr/lib/python3.11/threading.py",
				       "Thread._bootstrap", 1);
	const struct object object = {
		.pathname = name ? string_pool_add(&builder->profile->strings, name) + 1 : 0,
	};

	profile_add_sighting(builder->profile, node, profile_add_object(builder->profile, &object));
	return node;
}

static const char *name_of(const struct profile *profile, uint32_t node)
{
	return profile_string(profile, profile->sites[profile->nodes[node].site].name);
}

static void test_names(void **state)
{
	struct profile_builder builder = begin();
	struct profile *profile = builder.profile;
	uint32_t named = add_root(profile, "python3", 101), others = add_root(profile, "", 0);
	uint32_t nameless = add_root(profile, "python3", 102), child;

	(void)state;
	child = add_bootstrap(&builder, named, "loader");
	add_bootstrap(&builder, nameless, NULL);
	add_bootstrap(&builder, others, "loader");
	profile_name_roots(profile);
	assert_string_equal(name_of(profile, named), "loader");
	assert_string_equal(name_of(profile, nameless), "python3");
	assert_string_equal(name_of(profile, others), "");
	/* Nodes are found as before. */
	assert_int_equal(add_root(profile, "loader", 101), named);
	assert_int_equal(profile->nodes[child].parent, named);
	profile_free(profile);
}

static bool is_chosen(const struct profile *profile, uint32_t node, const char *threads)
{
	return profile_is_root_of(profile, &profile->sites[profile->nodes[node].site], PID,
				  threads);
}

static void test_choice(void **state)
{
	struct profile_builder builder = begin();
	struct profile *profile = builder.profile;
	uint32_t main = add_root(profile, MAIN_THREAD, 0), loader = add_root(profile, "a b", 101);
	uint32_t others = add_root(profile, "", 0), comma = add_root(profile, "a,\\b", 103);
	uint32_t startup = builder_special(&builder, NO_NODE, SITE_STARTUP, NULL, 1);
	uint32_t kernel = builder_special(&builder, NO_NODE, SITE_KERNEL, NULL, 1);
	uint32_t native = builder_special(&builder, NO_NODE, SITE_NATIVE, "pool", 1);

	(void)state;
	assert_true(is_chosen(profile, main, "x,MainThread") && is_chosen(profile, main, "100"));
	assert_true(is_chosen(profile, startup, "MainThread") &&
		    is_chosen(profile, startup, "100"));
	assert_true(is_chosen(profile, loader, "a b") && is_chosen(profile, loader, "7,101"));
	assert_true(is_chosen(profile, native, "pool"));
	assert_true(is_chosen(profile, others, OTHER_THREADS));
	assert_false(is_chosen(profile, loader, "a") || is_chosen(profile, loader, "a b c"));
	assert_false(is_chosen(profile, loader, ",,") || is_chosen(profile, others, ","));
	/* A name may have commas and backslashes. */
	assert_true(is_chosen(profile, comma, "a b,a\\,\\\\b") &&
		    is_chosen(profile, comma, "a\\,\\b"));
	assert_false(is_chosen(profile, comma, "a,\\b") || is_chosen(profile, comma, "a\\"));
	assert_false(is_chosen(profile, comma, "a\\,\\\\b\\,"));
	assert_false(is_chosen(profile, loader, "1010") || is_chosen(profile, loader, "10"));
	assert_false(is_chosen(profile, kernel, "MainThread") || is_chosen(profile, kernel, "0"));
	assert_true(profile_has_root_of(profile, "pool"));
	assert_false(profile_has_root_of(profile, "none"));
	profile_free(profile);
}

/* The first of a name is the first of that name in the other run, whatever their numbers. */
static void test_matches(void **state)
{
	struct profile_builder one = begin(), two = begin();
	uint32_t a = add_root(one.profile, "worker", 101), b = add_root(one.profile, "worker", 102);
	size_t count;

	(void)state;
	builder_python(&one, a, "/x.py", "work", 1);
	builder_python(&one, b, "/x.py", "work", 2);
	builder_python(&two, add_root(two.profile, "worker", 102), "/x.py", "work", 10);
	builder_python(&two, add_root(two.profile, "worker", 103), "/x.py", "work", 20);
	builder_python(&two, add_root(two.profile, "worker", 104), "/x.py", "work", 40);
	builder_finish(&one);
	builder_finish(&two);
	count = one.profile->nr_nodes;
	profile_merge(one.profile, two.profile, MERGE_SUM);
	assert_int_equal(one.profile->nr_nodes, count + 2);
	assert_int_equal(profile_cost(one.profile, a + 2).grown[KIND_ANON], 11 << 20);
	assert_int_equal(profile_cost(one.profile, b + 2).grown[KIND_ANON], 22 << 20);
	profile_free(one.profile);
	profile_free(two.profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
