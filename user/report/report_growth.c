/* SPDX-License-Identifier: BSD-2-Clause */
/* Which function grew most; see report_growth.h. */
#include "report_growth.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "report.h"

/* A path goes on while one function has so much of what its caller grew: 3 of 5. */
#define MAIN_SHARE_NUMERATOR 3
#define MAIN_SHARE_DENOMINATOR 5
#define MAX_RANKED 256 /* functions that are compared, those with most */
#define BITS 64
#define NO_FUNCTION UINT32_MAX

struct function {
	uint32_t id, node; /* the first of its rows */
	uint32_t open;	   /* of its rows above the current one, while the tree is walked */
	int64_t self, total;
};

struct ranks {
	uint64_t bits[MAX_RANKED / BITS];
};

struct functions {
	const struct calltree *tree;
	uint32_t *ids; /* by row; of C its caller's; NO_FUNCTION: no Python */
	struct function *all;
	size_t count, capacity;
};

static void functions_clear(struct functions *functions)
{
	free(functions->ids);
	free(functions->all);
}

static bool has_rank(const struct ranks *ranks, size_t rank)
{
	return ranks->bits[rank / BITS] >> (rank % BITS) & 1;
}

static void flip_rank(struct ranks *ranks, size_t rank)
{
	ranks->bits[rank / BITS] ^= 1ULL << (rank % BITS);
}

/* Lines of a function are one, what it is split for by object is not: it is named by the object. */
static uint64_t hash_of_function(const struct site *site)
{
	const uint32_t key[] = { site->file, site->name, (uint32_t)site->line, site->part_object };

	return hash_bytes(key, sizeof(key), 0);
}

static void find_functions(struct functions *functions)
{
	const struct calltree *tree = functions->tree;
	struct hash_table ids = { 0 };

	functions->ids = xcalloc(tree->nr_nodes, sizeof(*functions->ids));
	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];
		uint64_t key;

		functions->ids[i] = NO_FUNCTION;
		if (node->kind == TREE_C && node->parent != NO_NODE)
			functions->ids[i] = functions->ids[node->parent];
		if (node->kind != TREE_PYTHON)
			continue;
		key = hash_of_function(&tree->profile->sites[node->site]);
		if (hash_table_get(&ids, key, &functions->ids[i]))
			continue;
		functions->ids[i] = (uint32_t)functions->count;
		hash_table_put(&ids, key, functions->ids[i]);
		functions->all = array_reserve(functions->all, &functions->capacity,
					       functions->count + 1, sizeof(*functions->all));
		functions->all[functions->count++] = (struct function){ .id = functions->ids[i],
									.node = i };
	}
	hash_table_free(&ids);
}

/* The function of the row that a walk is at; NULL: it is none. */
static struct function *function_at(const struct functions *functions, const struct tree_walk *walk)
{
	uint32_t id = functions->ids[walk->node];

	return id == NO_FUNCTION ? NULL : &functions->all[id];
}

static void sum_up(struct functions *functions)
{
	const struct calltree *tree = functions->tree;

	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		struct function *function = function_at(functions, &walk);

		if (function && walk.is_leaving) {
			function->open--;
		} else if (function) {
			function->self += calltree_self_bytes(tree, &tree->nodes[walk.node]);
			if (!function->open++)
				function->total += calltree_amount(tree, &tree->nodes[walk.node]);
		}
	}
}

static struct functions functions_make(const struct calltree *tree)
{
	struct functions functions = { .tree = tree };

	find_functions(&functions);
	sum_up(&functions);
	return functions;
}

int64_t report_growth_largest(const struct calltree *tree)
{
	struct functions functions = functions_make(tree);
	int64_t largest = 0;

	for (size_t i = 0; i < functions.count; i++) {
		if (functions.all[i].total > largest)
			largest = functions.all[i].total;
	}
	functions_clear(&functions);
	return largest;
}

/* Callers before what they call, where both have the same. */
static int compare_totals(const void *left, const void *right)
{
	const struct function *a = left, *b = right;

	return a->total != b->total ? (a->total < b->total) - (a->total > b->total)
				    : (a->node > b->node) - (a->node < b->node);
}

/* Those that grew, the largest first; *ret_count of them are not more than MAX_RANKED. The caller
 * frees them. */
static struct function *rank(const struct functions *functions, size_t *ret_count)
{
	struct function *ranked = xcalloc(functions->count + 1, sizeof(*ranked));
	size_t count = 0;

	for (size_t i = 0; i < functions->count; i++) {
		if (functions->all[i].total > 0)
			ranked[count++] = functions->all[i];
	}
	qsort(ranked, count, sizeof(*ranked), compare_totals);
	*ret_count = count < MAX_RANKED ? count : MAX_RANKED;
	return ranked;
}

/* By rank: the ranks of those that are above any row of the function. The caller frees it. */
static struct ranks *find_callers(const struct functions *functions, const struct function *ranked,
				  size_t count)
{
	struct ranks *callers = xcalloc(MAX_RANKED, sizeof(*callers)), open = { 0 };
	_cleanup_(freep) size_t *rank_of = xcalloc(functions->count + 1, sizeof(*rank_of));

	for (size_t i = 0; i < count; i++)
		rank_of[ranked[i].id] = i + 1;
	for (struct tree_walk walk = calltree_walk(functions->tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		struct function *function = function_at(functions, &walk);
		size_t rank = function ? rank_of[function->id] : 0;

		if (!rank--)
			continue;
		for (size_t i = 0; !walk.is_leaving && i < ARRAY_SIZE(open.bits); i++)
			callers[rank].bits[i] |= open.bits[i];
		if (walk.is_leaving ? !--function->open : !function->open++)
			flip_rank(&open, rank);
	}
	return callers;
}

/* Does whatever has more call it, and is not called by it? */
static bool is_candidate(const struct ranks *callers, size_t rank)
{
	for (size_t i = 0; i < rank; i++) {
		if (!has_rank(&callers[rank], i) || has_rank(&callers[i], rank))
			return false;
	}
	return true;
}

/* From the one with most on to those that it calls, as long as one has most of what its caller has:
 * then the one that has more than what the caller has by itself, or the caller. */
static const struct function *choose(const struct function *ranked, size_t count,
				     const struct ranks *callers, int64_t rival)
{
	const struct function *function = ranked;

	for (size_t i = 1; i < count && ranked[i].total >= rival; i++) {
		if (!is_candidate(callers, i))
			continue;
		if (ranked[i].total <
		    function->total / MAIN_SHARE_DENOMINATOR * MAIN_SHARE_NUMERATOR)
			return ranked[i].total > function->self ? &ranked[i] : function;
		function = &ranked[i];
	}
	return function;
}

/* The program's own function that a row was called by, of whatever installation; NO_NODE: it is one
 * itself, or there is none. */
static uint32_t find_own(const struct calltree *tree, uint32_t node)
{
	uint32_t own = node;

	while (own != NO_NODE && !report_is_own(tree, &tree->nodes[own]))
		own = tree->nodes[own].parent;
	return own == node ? NO_NODE : own;
}

static uint32_t find_common_own(const struct functions *functions, const struct function *function)
{
	const struct calltree *tree = functions->tree;
	uint32_t common = find_own(tree, function->node), open = 0;

	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		uint32_t own;

		if (functions->ids[walk.node] != function->id)
			continue;
		if (walk.is_leaving) {
			open--;
			continue;
		}
		if (open++)
			continue;
		own = find_own(tree, walk.node);
		if (common == NO_NODE || own == NO_NODE ||
		    functions->ids[own] != functions->ids[common])
			return NO_NODE;
	}
	return common;
}

struct growth report_growth_find(const struct calltree *tree, int64_t rival)
{
	struct growth growth = { .node = NO_NODE, .own = NO_NODE };
	struct functions functions = functions_make(tree);
	size_t count;
	_cleanup_(freep) struct function *ranked = rank(&functions, &count);
	_cleanup_(freep) struct ranks *callers = find_callers(&functions, ranked, count);

	if (count) {
		const struct function *function = choose(ranked, count, callers, rival);

		growth.node = function->node;
		growth.own = find_common_own(&functions, function);
		growth.amount = function->total;
	}
	functions_clear(&functions);
	return growth;
}
