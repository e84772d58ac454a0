/* SPDX-License-Identifier: BSD-2-Clause */
/* The rows of a process, on their way into a page's columns. */
#ifndef MEMPROBE_HTML_TREE_H
#define MEMPROBE_HTML_TREE_H

#include "html_columns.h"
#include "html_cut.h"
#include "html_rows.h"

struct html_page {
	const struct report *report;
	struct html_rows rows;
	struct html_columns columns;
	struct html_cut cut;
};

/* Callers before what they called, in the tree's order. */
void html_tree_add(struct html_page *page, const struct calltree *tree);

#endif
