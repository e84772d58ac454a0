/* SPDX-License-Identifier: BSD-2-Clause */
/* Cells of notebooks: asking for the number of one, and the handler in the inspecting process. */
#ifndef MEMPROBE_INSPECT_CELLS_H
#define MEMPROBE_INSPECT_CELLS_H

#include "inspect_service.h"
#include "inspector.h"

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

struct inspect_cell_request {
	int32_t pid;
	char file[PATH_MAX];
};

/* Which number a living notebook gave what it compiled under this name. -ENOENT: it tells none. */
int inspect_cell_number(struct inspector *inspector, pid_t pid, const char *file, uint32_t *ret);

void inspect_handle_cell(void *context, const void *given, size_t size,
			 struct inspect_reply *reply);

#endif
