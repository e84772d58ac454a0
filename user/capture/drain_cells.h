/* SPDX-License-Identifier: BSD-2-Clause */
/* Cells of notebooks: files that are none are called by the number that people see. */
#ifndef MEMPROBE_DRAIN_CELLS_H
#define MEMPROBE_DRAIN_CELLS_H

#include "drain_base.h"

struct drain_cells;

/* Borrows `base`. */
struct drain_cells *drain_cells_new(const struct drain_base *base);
void drain_cells_free(struct drain_cells *cells);

/* The string `In [12]` for a file of a process that is such a cell, else the file itself. */
uint32_t drain_cells_name(struct drain_cells *cells, uint32_t process, uint32_t file);

#endif
