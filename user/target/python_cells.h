/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cells of a notebook: which number IPython has given the text that it compiled as a file which is
 * none. ipykernel names it by a hash (/tmp/ipykernel_PID/HASH.py, ipykernel/compiler.py); the
 * number is in the compiler's own table, which tracebacks use: InteractiveShell._instance
 * .compile._filename_map (IPython 7.24 and later, IPython/core/compilerop.py).
 */
#ifndef MEMPROBE_PYTHON_CELLS_H
#define MEMPROBE_PYTHON_CELLS_H

#include <stdint.h>

#include "python_reader.h"

/* `modules` is a dict, an interpreter's. -ENOENT: it has no such cell; other errors as in
 * python_object.h. */
int python_cell_number(struct python_reader *reader, uint64_t modules, const char *file,
		       uint32_t *ret);

#define CELL_MAX_BYTES 65536

/* What was compiled as a cell of this number, UTF-8 and owned by the caller: as it stands in the
 * notebook's history (HistoryManager.input_hist_parsed). -E2BIG: more than CELL_MAX_BYTES. */
int python_cell_text(struct python_reader *reader, uint64_t modules, uint32_t number,
		     char **ret_text);

#endif
