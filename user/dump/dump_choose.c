/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See dump_choose.h. Nodes come as a report shows them, depth first and siblings by their first
 * sight. Programs do the same again and again below other callers, so that in this order whole
 * subtrees are the same bytes, of which deflate needs but the first: the tree of an import takes
 * less than a tenth of what it takes in the order of the nodes' numbers (mdp: 1.6 of 21 KB).
 */
#include "dump_choose.h"

#include <string.h>

#include "dump_marks.h"
#include "memory.h"
#include "profile_allocs.h"
#include "profile_held.h"
#include "profile_history.h"

/* ---- Nodes ---- */

struct place {
	uint32_t first_child, next; /* node + 1, 0: none */
	bool is_chosen;
};

/* The nodes that get a number now. */
struct forest {
	const struct profile *profile;
	struct place *places; /* by node; NULL: none is chosen */
	uint32_t *chosen;
	size_t nr_chosen, capacity;
	uint32_t first_root; /* of those whose parent is chosen no more: node + 1 */
};

static bool is_holding(const struct profile *profile, uint32_t id)
{
	const struct process *process = &profile->processes[profile->nodes[id].process];
	const struct held now = held_now(profile_held(profile, id), process);

	return !held_is_zero(&now) || profile_history(profile, id, HISTORY_LIVE);
}

static bool has_allocated(const struct profile *profile, uint32_t id)
{
	const struct process *process = &profile->processes[profile->nodes[id].process];
	const struct node_allocs *allocs = profile_allocs(profile, id);
	struct node_allocs now;

	if (!allocs)
		return false;
	now = allocs_now(allocs, process);
	return !allocs_are_zero(&now) || profile_history(profile, id, HISTORY_ALLOCATED);
}

static bool holds_something(const struct profile *profile, uint32_t id)
{
	const struct node *node = &profile->nodes[id];
	struct cost cost;

	if (node->calls || node->sightings || node->is_crowded)
		return true;
	if ((node->held && is_holding(profile, id)) || has_allocated(profile, id))
		return true;
	cost = profile_cost(profile, id);
	return !cost_is_zero(&cost);
}

/* A node, and those of its callers that have no number. */
static void choose(struct forest *forest, const struct dump_numbers *numbers, uint32_t id)
{
	if (!forest->places)
		forest->places = xcalloc(forest->profile->nr_nodes, sizeof(*forest->places));
	while (id != NO_NODE && !forest->places[id].is_chosen &&
	       dump_numbers_get(numbers, id) == NO_NUMBER) {
		forest->places[id].is_chosen = true;
		forest->chosen = array_reserve(forest->chosen, &forest->capacity,
					       forest->nr_chosen + 1, sizeof(*forest->chosen));
		forest->chosen[forest->nr_chosen++] = id;
		id = forest->profile->nodes[id].parent;
	}
}

static int compare_sights(const void *left, const void *right, void *context)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	const struct node *nodes = context;

	if (nodes[a].first_ns != nodes[b].first_ns)
		return nodes[a].first_ns < nodes[b].first_ns ? -1 : 1;
	return a < b ? -1 : a > b;
}

static uint32_t chosen_parent(const struct forest *forest, uint32_t id)
{
	uint32_t parent = forest->profile->nodes[id].parent;

	return parent != NO_NODE && forest->places[parent].is_chosen ? parent : NO_NODE;
}

/* Puts each before those of its siblings that were seen later. */
static void link_forest(struct forest *forest)
{
	qsort_r(forest->chosen, forest->nr_chosen, sizeof(*forest->chosen), compare_sights,
		forest->profile->nodes);
	for (size_t i = forest->nr_chosen; i--;) {
		uint32_t id = forest->chosen[i], parent = chosen_parent(forest, id);
		uint32_t *first = parent == NO_NODE ? &forest->first_root
						    : &forest->places[parent].first_child;

		forest->places[id].next = *first;
		*first = id + 1;
	}
}

/* The node after this one, depth first; both + 1. */
static uint32_t after(const struct forest *forest, uint32_t id_plus_1)
{
	const struct place *place = &forest->places[id_plus_1 - 1];

	if (place->first_child)
		return place->first_child;
	while (!place->next) {
		uint32_t parent = chosen_parent(forest, (uint32_t)(place - forest->places));

		if (parent == NO_NODE)
			return 0;
		place = &forest->places[parent];
	}
	return place->next;
}

static void number_nodes(struct dump_marks *marks, const struct profile *profile)
{
	struct dump_numbers *numbers = &marks->nodes;
	struct forest forest = { .profile = profile };

	if (!dump_marks_may_any_differ(marks, profile))
		return;
	for (uint32_t id = 0; id < profile->nr_nodes; id++) {
		if (dump_numbers_get(numbers, id) == NO_NUMBER && holds_something(profile, id))
			choose(&forest, numbers, id);
	}
	if (forest.nr_chosen)
		link_forest(&forest);
	for (uint32_t id = forest.first_root; id; id = after(&forest, id))
		dump_numbers_add(numbers, id - 1);
	free(forest.places);
	free(forest.chosen);
}

/* ---- What they name ---- */

static void number_sites(struct dump_marks *marks, const struct profile *profile)
{
	for (size_t i = marks->nodes.nr_written; i < marks->nodes.count; i++)
		dump_numbers_add(&marks->sites, profile->nodes[marks->nodes.ids[i]].site);
}

static void number_sighted(struct dump_marks *marks, const struct profile *profile)
{
	uint32_t objects[MAX_NODE_OBJECTS];

	if (marks->nr_sightings == profile->nr_sightings)
		return;
	for (size_t i = 0; i < marks->nodes.count; i++) {
		size_t count = dump_marks_new_objects(marks, profile, marks->nodes.ids[i], objects);

		for (size_t j = 0; j < count; j++)
			dump_numbers_add(&marks->objects, objects[j]);
	}
}

static void number_objects(struct dump_marks *marks, const struct profile *profile)
{
	for (size_t i = marks->sites.nr_written; i < marks->sites.count; i++) {
		const struct site *site = &profile->sites[marks->sites.ids[i]];

		if (site->part_object)
			dump_numbers_add(&marks->objects, site->part_object - 1);
	}
	number_sighted(marks, profile);
}

/* All files before all names: many sites share a file, and small numbers are short. */
static void number_names(struct dump_marks *marks, const struct profile *profile)
{
	const struct dump_numbers *sites = &marks->sites;

	for (size_t i = sites->nr_written; i < sites->count; i++)
		dump_numbers_add(&marks->strings, profile->sites[sites->ids[i]].file);
	for (size_t i = sites->nr_written; i < sites->count; i++)
		dump_numbers_add(&marks->strings, profile->sites[sites->ids[i]].name);
}

static void number_texts_of_objects(struct dump_marks *marks, const struct profile *profile)
{
	for (size_t i = 0; i < marks->objects.count; i++) {
		const struct object *object = &profile->objects[marks->objects.ids[i]];

		if (i < marks->objects.nr_written && !object->is_dirty)
			continue;
		dump_numbers_add(&marks->strings, object->class_name);
		if (object->pathname)
			dump_numbers_add(&marks->strings, object->pathname - 1);
	}
}

static void number_texts_of_processes(struct dump_marks *marks, const struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];

		if (!dump_marks_has_changed(marks, profile, i))
			continue;
		dump_numbers_add(&marks->strings, process->command);
		dump_numbers_add(&marks->strings, process->python);
		dump_numbers_add(&marks->strings, process_calls_reason(process));
		for (size_t j = 0; j < process->nr_threads; j++)
			dump_numbers_add(&marks->strings, process->threads[j].name);
	}
}

void dump_choose(struct dump_marks *marks, const struct profile *profile)
{
	dump_numbers_forget(&marks->strings);
	dump_numbers_forget(&marks->sites);
	dump_numbers_forget(&marks->objects);
	dump_numbers_forget(&marks->nodes);
	if (!marks->strings.count) {
		dump_numbers_add(&marks->strings, 0); /* the empty string is 0 in every file */
		marks->strings.nr_written = 1;
	}
	number_nodes(marks, profile);
	number_sites(marks, profile);
	number_objects(marks, profile);
	number_names(marks, profile);
	number_texts_of_objects(marks, profile);
	number_texts_of_processes(marks, profile);
}
