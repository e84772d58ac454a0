/* SPDX-License-Identifier: BSD-2-Clause */
/* Cells of notebooks: asking for the number or the text of one, and the handler in the inspecting
 * process. */
#ifndef MEMPROBE_INSPECT_CELLS_H
#define MEMPROBE_INSPECT_CELLS_H

#include "inspect_service.h"
#include "inspector.h"
#include "source_line.h"

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

struct inspect_cell_request {
	int32_t pid;
	uint32_t number; /* whose text is wanted; 0: that of the file */
	char file[PATH_MAX];
};

/* Which number a living notebook gave what it compiled under this name. -ENOENT: it tells none. */
int inspect_cell_number(struct inspector *inspector, pid_t pid, const char *file, uint32_t *ret);

/* Lines of what is a cell of this number now, which ascend. 0; else they are as they were. */
int inspect_cell_lines(struct inspector *inspector, pid_t pid, uint32_t number,
		       struct source_line *ret, size_t count);

void inspect_handle_cell(void *context, const void *given, size_t size,
			 struct inspect_reply *reply);

#endif
