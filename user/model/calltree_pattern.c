/* SPDX-License-Identifier: BSD-2-Clause */
/* Which rows a regular expression finds; see calltree_passes.h. */
#include "calltree_passes.h"
#include "memory.h"

enum answer { NOT_ASKED, FOUND, NOT_FOUND };

/* The answer for a function is the same on all paths, and is kept. */
struct tree_pattern {
	const regex_t *regex;
	const struct label_style *style;
	uint8_t *by_site; /* enum answer */
};

struct tree_pattern *tree_pattern_new(const struct profile *profile, const regex_t *regex,
				      const struct label_style *style)
{
	struct tree_pattern *pattern = xcalloc(1, sizeof(*pattern));

	pattern->regex = regex;
	pattern->style = style;
	pattern->by_site = xcalloc(profile->nr_sites + 1, sizeof(*pattern->by_site));
	return pattern;
}

void tree_pattern_free(struct tree_pattern *pattern)
{
	if (!pattern)
		return;
	free(pattern->by_site);
	free(pattern);
}

static bool finds_text(const struct tree_pattern *pattern, const char *text)
{
	return text && !regexec(pattern->regex, text, 0, NULL, 0);
}

static bool finds_label(const struct tree_pattern *pattern, const struct calltree *tree,
			uint32_t node)
{
	_cleanup_(freep) char *label = label_text(pattern->style, tree, node);

	return finds_text(pattern, label);
}

static bool finds_site(struct tree_pattern *pattern, const struct calltree *tree, uint32_t index)
{
	const struct tree_node *node = &tree->nodes[index];
	uint8_t *answer = &pattern->by_site[node->site];

	if (*answer == NOT_ASKED) {
		const struct tree_place place = calltree_place(tree, node);
		_cleanup_(freep) char *name = label_name(pattern->style, tree, index);

		*answer = finds_text(pattern, name) || finds_text(pattern, place.function) ||
					  finds_text(pattern, place.file)
				  ? FOUND
				  : NOT_FOUND;
	}
	return *answer == FOUND;
}

bool tree_pattern_finds(struct tree_pattern *pattern, const struct calltree *tree, uint32_t index)
{
	const struct tree_node *node = &tree->nodes[index];

	if (node->kind != TREE_PYTHON && node->kind != TREE_C)
		return finds_label(pattern, tree, index);
	return finds_site(pattern, tree, index) ||
	       (node->nr_objects && finds_label(pattern, tree, index));
}
