/* SPDX-License-Identifier: BSD-2-Clause */
/* The first line of a report for people; see report_sentence.h. */
#include "report_sentence.h"

#include <string.h>

#include "memory.h"
#include "report_number.h"
#include "report_processes.h"
#include "terminal.h"

#define NS_PER_S 1e9
#define COMMAND_BYTES 61 /* escaped; what does not fit ends with … */
/* A path goes on while one callee has so much of what its caller grew: 3 of 5. */
#define MAIN_SHARE_NUMERATOR 3
#define MAIN_SHARE_DENOMINATOR 5

static void write_words(const char *const *words, struct sink *sink)
{
	char text[COMMAND_BYTES];
	const char *name = strrchr(words[0], '/');
	size_t left = sizeof(text) - 1;

	for (size_t i = 0; words[i]; i++) {
		size_t length = terminal_escape(i || !name ? words[i] : name + 1, text, left + 1);

		if (i)
			sink_text(sink, " ");
		sink_bytes(sink, text, length);
		left -= length < left ? length : left;
		if (left < sizeof("…") && words[i + 1]) {
			sink_text(sink, " …");
			return;
		}
	}
}

/* The command of a capture as it was given, its program without the folder; of a process that was
 * attached to, its own. */
static void write_command(const struct report *report, uint32_t process, struct sink *sink)
{
	const struct profile *profile = report->profile;
	const char *const own[] = { profile_string(profile, profile->processes[process].command),
				    NULL };
	char text[COMMAND_BYTES];

	if (profile->meta.command && profile->meta.command[0]) {
		write_words((const char *const *)profile->meta.command, sink);
		return;
	}
	if (terminal_escape(own[0], text, sizeof(text)) + sizeof("…") < sizeof(text))
		sink_text(sink, text);
	else
		sink_printf(sink, "%s…", text);
}

static uint32_t largest_child(const struct calltree *tree, uint32_t first)
{
	uint32_t largest = NO_NODE;

	for (uint32_t node = first; node != NO_NODE; node = tree->nodes[node].next) {
		if (tree->nodes[node].kind != TREE_PYTHON)
			continue;
		if (largest == NO_NODE || calltree_amount(tree, &tree->nodes[node]) >
						  calltree_amount(tree, &tree->nodes[largest]))
			largest = node;
	}
	return largest;
}

/* Of the rows that have something, and no caller that has: the one with most. A caller that gave
 * back more than it took hides what its callees took. NO_NODE: nothing grew. */
static uint32_t largest_beginning(const struct calltree *tree)
{
	uint32_t largest = NO_NODE;
	int64_t most = 0;

	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		const struct tree_node *node = &tree->nodes[walk.node];
		int64_t amount = calltree_amount(tree, node);

		if (walk.is_leaving)
			continue;
		if (node->kind == TREE_PYTHON && amount > most) {
			largest = walk.node;
			most = amount;
		}
		if (amount > 0)
			calltree_walk_skip(&walk);
	}
	return largest;
}

/* Down the largest callees as long as one has most of what its caller has: then the callee that has
 * more than what the caller has by itself, or the caller. NO_NODE: nothing grew. */
static uint32_t find_growth(const struct calltree *tree)
{
	uint32_t node = largest_beginning(tree);

	while (node != NO_NODE) {
		uint32_t child = largest_child(tree, tree->nodes[node].first_child);
		int64_t amount = calltree_amount(tree, &tree->nodes[node]), below;

		if (child == NO_NODE)
			break;
		below = calltree_amount(tree, &tree->nodes[child]);
		if (below <= 0)
			break;
		if (below < amount / MAIN_SHARE_DENOMINATOR * MAIN_SHARE_NUMERATOR)
			return below > calltree_self_bytes(tree, &tree->nodes[node]) ? child : node;
		node = child;
	}
	return node;
}

/* The row that has most, of whichever process; owns a tree that was made for it. */
struct most {
	struct calltree *made; /* NULL: it is in one that was there */
	const struct calltree *tree;
	uint32_t node; /* NO_NODE: nothing grew */
};

static bool has_more(const struct calltree *tree, uint32_t node, const struct most *most)
{
	return node != NO_NODE &&
	       (most->node == NO_NODE ||
		calltree_amount(tree, &tree->nodes[node]) >
			calltree_amount(most->tree, &most->tree->nodes[most->node]));
}

/* `highest` is the tree of one of them, and stays the caller's. */
static struct most find_most(const struct report *report, const struct calltree *highest)
{
	struct most most = { .tree = highest, .node = find_growth(highest) };

	for (uint32_t i = 0; i < report->profile->nr_processes; i++) {
		_cleanup_(calltree_freep) struct calltree *tree = NULL;
		uint32_t node;

		if (i == highest->process || !report_includes(report, i))
			continue;
		tree = report_whole_tree_of(report, i);
		node = find_growth(tree);
		if (!has_more(tree, node, &most))
			continue;
		calltree_free(most.made);
		most = (struct most){ .made = tree, .tree = tree, .node = node };
		tree = NULL;
	}
	return most;
}

/* The program's own function that called it, of whatever installation; NO_NODE: it is one itself,
 * or there is none but the code of modules. */
static uint32_t find_own(const struct calltree *tree, uint32_t node)
{
	while (node != NO_NODE && !report_is_own(tree, &tree->nodes[node]))
		node = tree->nodes[node].parent;
	return node;
}

static bool is_module(const struct calltree *tree, uint32_t node)
{
	const char *function = calltree_place(tree, &tree->nodes[node]).function;

	return function && !strcmp(function, "<module>");
}

static void write_name(const struct report *report, const struct calltree *tree, uint32_t node,
		       struct sink *sink)
{
	_cleanup_(freep) char *name = label_name(&report->labels, tree, node);

	report_escaped(sink, name);
}

static void write_most(const struct report *report, const struct calltree *tree, uint32_t node,
		       struct sink *sink)
{
	uint32_t own = find_own(tree, node);

	sink_text(sink, "; ");
	if (own != NO_NODE && own != node && !is_module(tree, own)) {
		write_name(report, tree, own, sink);
		sink_text(sink, " › ");
	}
	write_name(report, tree, node, sink);
	sink_text(sink, tree->metric == METRIC_GROWTH ? " grew most: " : " has most: ");
	report_mb(sink, 0, calltree_amount(tree, &tree->nodes[node]));
	sink_text(sink, " MB");
}

static void write_growth(const struct report *report, const struct calltree *highest,
			 struct sink *sink)
{
	struct most most = find_most(report, highest);

	if (most.node != NO_NODE)
		write_most(report, most.tree, most.node, sink);
	calltree_free(most.made);
}

static void write_highest(const struct report *report, const struct process *process, size_t count,
			  struct sink *sink)
{
	const struct moment *moment = &report->profile->highest;
	bool is_of_all = count > 1 && moment->bytes && !report->options->nr_pids;
	bool is_bound = is_of_all && moment->is_bound;
	uint64_t time_ns = is_of_all ? moment->time_ns : process->peak_time_ns;

	sink_text(sink, is_bound ? "≥" : "");
	report_mb(sink, 0, is_of_all ? moment->bytes : process->peak);
	sink_text(sink, is_bound ? " MB at the highest moment" : " MB at most");
	if (time_ns)
		sink_printf(sink, " (at %.2f s)", (double)time_ns / NS_PER_S);
	if (is_of_all)
		sink_printf(sink, " in %zu processes", count);
	else if (count > 1)
		sink_printf(sink, " in the highest of %zu processes", count);
}

/* Of the only process, which may have been several images. */
static void write_end(const struct report *report, struct sink *sink)
{
	uint32_t last = (uint32_t)report->original->nr_processes;

	while (last-- && !report_includes(report, last))
		;
	sink_text(sink, ", ");
	report_mb(sink, 0, rss_of(report->original->processes[last].books));
	sink_text(sink, " MB at the end");
}

/* Where the sum of all is told no process is the highest: the first stands for the program. */
static uint32_t named_process(const struct report *report, uint32_t highest)
{
	uint32_t first = 0;

	if (!report->options->tree.is_difference)
		return highest;
	while (!report_includes(report, first))
		first++;
	return first;
}

static void write_difference(const struct report *report, size_t count, struct sink *sink)
{
	const struct profile *profile = report->original;
	int64_t sum = 0;

	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		if (report_includes(report, i))
			sum += report_process_growth(&profile->processes[i]);
	}
	report_mb(sink, 0, sum);
	sink_text(sink, " MB difference");
	if (count > 1)
		sink_printf(sink, " in %zu processes", count);
}

void report_sentence_write(const struct report *report, const struct calltree *tree,
			   struct sink *sink)
{
	size_t count, nr_images;
	uint32_t highest = report_highest(report, report->original, &nr_images);

	count = report_count_processes(report);
	write_command(report, named_process(report, tree->process), sink);
	sink_text(sink, ": ");
	if (report->options->tree.is_difference) {
		write_difference(report, count, sink);
	} else {
		write_highest(report, &report->original->processes[highest], count, sink);
		if (count == 1)
			write_end(report, sink);
	}
	if (metrics[tree->metric].unit != UNIT_COUNT)
		write_growth(report, tree, sink);
	sink_text(sink, "\n");
}
