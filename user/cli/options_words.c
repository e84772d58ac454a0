/* SPDX-License-Identifier: BSD-2-Clause */
/* See options_words.h. */
#include "options_words.h"

#include <errno.h>
#include <string.h>

#include "edit_distance.h"
#include "memory.h"

#define NEAR_LETTERS 2 /* what is so far from a word may have been meant */

int options_choice(option_choices choices, const char *text)
{
	for (int index = 0; choices(index); index++) {
		if (!strcmp(choices(index), text))
			return index;
	}
	return -ENOENT;
}

struct near_name {
	const char *name, *best;
	int distance; /* of the best */
	size_t nr_begun;
};

/* A name that was not written to its end is nearer than any other. */
static void try_name(struct near_name *near, const char *name)
{
	bool is_begun = !strncmp(name, near->name, strlen(near->name));
	int distance = is_begun ? 0 : edit_distance(near->name, name);

	near->nr_begun += is_begun;
	if (distance >= near->distance || distance >= (int)strlen(near->name))
		return;
	near->best = name;
	near->distance = distance;
}

const char *options_near_name(const struct option_syntax *syntax, const char *name)
{
	struct near_name near = { .name = name, .distance = NEAR_LETTERS + 1 };

	for (size_t i = 0; i < syntax->nr_groups; i++) {
		for (size_t k = 0; k < syntax->groups[i].nr_specs; k++) {
			if (syntax->groups[i].specs[k].help)
				try_name(&near, syntax->groups[i].specs[k].name);
		}
	}
	return near.nr_begun > 1 ? NULL : near.best;
}

static const char *find_near(option_choices choices, const char *word)
{
	const char *best = NULL;
	int best_distance = NEAR_LETTERS + 1, length = (int)strlen(word);

	for (size_t i = 0; choices(i); i++) {
		int distance = edit_distance(word, choices(i));

		if (distance >= best_distance || distance >= length)
			continue;
		best = choices(i);
		best_distance = distance;
	}
	return best;
}

const char *options_near_choice(option_choices choices, const char *list)
{
	_cleanup_(freep) char *words = list ? xstrdup(list) : NULL;
	char *rest = words;

	for (char *word = strsep(&rest, ","); word; word = strsep(&rest, ",")) {
		if (options_choice(choices, word) < 0)
			return find_near(choices, word);
	}
	return NULL;
}
