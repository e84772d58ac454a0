/* SPDX-License-Identifier: BSD-2-Clause */
/* What holds in every tree, whatever was left out of it or put together. */
#ifndef MEMPROBE_TREE_CHECKS_H
#define MEMPROBE_TREE_CHECKS_H

#include "calltree.h"

/* All rows together have what the nodes of the process have, and the balance says so. */
void tree_checks_sums(const struct calltree *tree);
/* Every row is reached once, below its parent. */
void tree_checks_links(const struct calltree *tree);
/* What is left out is one row a parent. */
void tree_checks_cuts(const struct calltree *tree);

#endif
