/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which function grew most. What a function has is counted as the table does: on all its paths, and
 * a recursion once; its lines are one function. One is named only where whatever has more calls it,
 * directly or through others, and is not called by it.
 */
#ifndef MEMPROBE_REPORT_GROWTH_H
#define MEMPROBE_REPORT_GROWTH_H

#include "calltree.h"

struct growth {
	uint32_t node; /* the first of its rows; NO_NODE: nothing grew */
	uint32_t own; /* of the program's own function that called it, on all of its paths the same;
		       * NO_NODE: there is none, or it is the program's own itself */
	int64_t amount;
};

/* What the function has that has most, at least 0. */
int64_t report_growth_largest(const struct calltree *tree);
/* `rival` is what a function of another tree has: none is named that has less. */
struct growth report_growth_find(const struct calltree *tree, int64_t rival);

#endif
