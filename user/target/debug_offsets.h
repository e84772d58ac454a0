/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads _Py_DebugOffsets, with which CPython 3.13 and later begin _PyRuntime: offsets that the
 * interpreter states itself, filled in already in the file. They win over offset_table.def.
 */
#ifndef MEMPROBE_DEBUG_OFFSETS_H
#define MEMPROBE_DEBUG_OFFSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "offset_table.h"

/* The struct of 3.15, the largest, has 888 bytes. */
#define DEBUG_OFFSETS_BYTES 888

struct debug_offsets {
	uint32_t version_hex; /* PY_VERSION_HEX */
	bool is_free_threaded;
	uint64_t words[DEBUG_OFFSETS_BYTES / sizeof(uint64_t)];
};

/* `bytes` holds what begins _PyRuntime. -ENOENT: it is no _Py_DebugOffsets. */
int debug_offsets_parse(const void *bytes, size_t size, struct debug_offsets *ret);

/*
 * Puts what the interpreter says in place of the table's numbers; `table` is the column of the same
 * version. -ENOTSUP: positions of this version are unknown, or it states offsets without sense;
 * the table is untouched then.
 */
int debug_offsets_apply(const struct debug_offsets *offsets, struct offset_table *table,
			bool *ret_disagrees);

/*
 * The same for a version newer than all that are known: if it states what it does in the places of
 * the newest. -ENOTSUP unless each offset lies inside of the struct that it belongs to, by the
 * sizes that are stated too: a word put in or taken out before them moves both apart.
 */
int debug_offsets_guess(const struct debug_offsets *offsets, struct offset_table *table);

#endif
