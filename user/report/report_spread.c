/* SPDX-License-Identifier: BSD-2-Clause */
/* The spread of a group's rows; see report_spread.h. */
#include "report_spread.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "node_groups.h"
#include "profile_group.h"

/* Rows times members: of sums, and of values that are kept. A group of 1,000 may have 100,000. */
#define MAX_SUMS (200U << 20)
#define MAX_VALUES (4U << 20)

/* Owns its arrays. */
struct spreader {
	const struct report *report;
	const struct calltree *tree;
	uint32_t *members; /* by process of the original: its number in the group, or NO_PROCESS */
	struct node_groups nodes; /* of the original, by member */
	int64_t *totals;	  /* by row, of one member */
	uint32_t *places;	  /* by row: its number among those that are wanted, or NO_NODE */
	int64_t *values;	  /* by place and member */
	size_t nr_members, nr_wanted;
};

/* What a process executed after something else is of the same member. */
static void find_members(struct spreader *spreader)
{
	const struct profile *original = spreader->report->original;
	const struct profile_groups *groups = spreader->report->groups;
	_cleanup_(freep) uint32_t *firsts = profile_first_images(original);
	_cleanup_(freep) uint32_t *numbers = xcalloc(original->nr_processes, sizeof(*numbers));

	spreader->members = xcalloc(original->nr_processes, sizeof(*spreader->members));
	for (size_t i = 0; i < original->nr_processes; i++) {
		uint32_t *number = &numbers[firsts[i]]; /* 0: none yet */

		spreader->members[i] = NO_PROCESS;
		if (groups->processes[i] != spreader->tree->process)
			continue;
		if (!*number)
			*number = (uint32_t)++spreader->nr_members;
		spreader->members[i] = *number - 1;
	}
}

static void find_places(struct spreader *spreader, const uint8_t *rows)
{
	spreader->places = xcalloc(spreader->tree->nr_nodes, sizeof(*spreader->places));
	for (size_t i = 0; i < spreader->tree->nr_nodes; i++)
		spreader->places[i] = rows[i] == ROW_SHOWN ? (uint32_t)spreader->nr_wanted++
							   : NO_NODE;
}

static void add_member(struct spreader *spreader, size_t member)
{
	const struct report *report = spreader->report;
	const struct calltree *tree = spreader->tree;
	const struct node_groups *nodes = &spreader->nodes;

	memset(spreader->totals, 0, tree->nr_nodes * sizeof(*spreader->totals));
	for (uint32_t i = nodes->starts[member]; i < nodes->starts[member + 1]; i++) {
		uint32_t node = nodes->nodes[i];
		uint32_t row = calltree_row_of(report->source, report->groups->nodes[node]);
		const struct cost cost = profile_cost(report->original, node);

		spreader->totals[row] += metrics[tree->metric].amount(&cost);
	}
	for (size_t i = tree->nr_nodes; i--;) {
		uint32_t parent = tree->nodes[i].parent, place = spreader->places[i];

		if (parent != NO_NODE)
			spreader->totals[parent] += spreader->totals[i];
		if (place != NO_NODE)
			spreader->values[place * spreader->nr_members + member] =
				spreader->totals[i];
	}
}

static int compare_values(const void *a, const void *b)
{
	const int64_t *first = a, *second = b;

	return (*first > *second) - (*first < *second);
}

/* Of values in order. Half of their distance does not overflow, as half of their sum may. */
static int64_t median_of(const int64_t *values, size_t count)
{
	int64_t low = values[(count - 1) / 2], high = values[count / 2];

	return low + (int64_t)(((uint64_t)high - (uint64_t)low) / 2);
}

static struct spread *find_spreads(struct spreader *spreader)
{
	size_t count = spreader->nr_members;
	struct spread *spreads = xcalloc(spreader->tree->nr_nodes, sizeof(*spreads));

	for (size_t i = 0; i < spreader->tree->nr_nodes; i++) {
		int64_t *values = spreader->values;

		if (spreader->places[i] == NO_NODE)
			continue;
		values += spreader->places[i] * count;
		qsort(values, count, sizeof(*values), compare_values);
		spreads[i] = (struct spread){ .least = values[0],
					      .median = median_of(values, count),
					      .most = values[count - 1] };
	}
	return spreads;
}

static void spreader_free(struct spreader *spreader)
{
	free(spreader->members);
	node_groups_free(&spreader->nodes);
	free(spreader->totals);
	free(spreader->places);
	free(spreader->values);
}

struct spread *report_spreads(const struct report *report, const struct calltree *tree,
			      const uint8_t *rows)
{
	struct spreader spreader = { .report = report, .tree = tree };
	struct spread *spreads = NULL;

	if (!report->groups || report->viewer ||
	    tree->profile->processes[tree->process].nr_members < 2 ||
	    metrics[tree->metric].unit == UNIT_COUNT)
		return NULL;
	find_members(&spreader);
	find_places(&spreader, rows);
	if (spreader.nr_members * tree->nr_nodes <= MAX_SUMS &&
	    spreader.nr_members * spreader.nr_wanted <= MAX_VALUES) {
		spreader.nodes = node_groups_make(report->original, spreader.members,
						  spreader.nr_members);
		spreader.totals = xcalloc(tree->nr_nodes, sizeof(*spreader.totals));
		spreader.values = xcalloc(spreader.nr_members * spreader.nr_wanted,
					  sizeof(*spreader.values));
		for (size_t i = 0; i < spreader.nr_members; i++)
			add_member(&spreader, i);
		spreads = find_spreads(&spreader);
	}
	spreader_free(&spreader);
	return spreads;
}
