/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ELF file's .eh_frame as rows (memprobe/wire_unwind.h), by which the BPF side unwinds stacks of
 * code without frame pointers.
 */
#ifndef MEMPROBE_UNWIND_TABLE_H
#define MEMPROBE_UNWIND_TABLE_H

#include <memprobe/wire_unwind.h>
#include <stdbool.h>
#include <stddef.h>

/* The largest of 3,000 libraries on a developer's machine is LLVM's, with 1.45 million rows of
 * 161,000 functions in 8 MB. */
#define UNWIND_MAX_ROWS (8U << 20)
#define UNWIND_MAX_FUNCTIONS (2U << 20)
#define UNWIND_MAX_SECTION_BYTES (128UL << 20)

/*
 * Rows ascend by their offset, no two have the same one. Of a function each row has another rule
 * than the one before. What lies between functions begins with a row of its own, whose rule is the
 * first: UNWIND_CFA_NONE. Rules are all different ones. Owns its arrays.
 */
struct unwind_table {
	struct wire_unwind_row *rows;
	size_t nr_rows;
	struct wire_unwind_rule *rules;
	size_t nr_rules; /* up to UNWIND_MAX_RULES: what would need another is not followed */
};

/*
 * Of the code in executable segments, as far as it lies within the first 4 GB of the file. Where
 * functions overlap one holds up to the next one's begin; of those with the same begin the first in
 * the file holds. Borrows fd. -ENOEXEC: no ELF file for x86-64; -ENODATA: it has no functions;
 * -E2BIG: more than the limits above; other -errno of reading.
 */
int unwind_table_read(int fd, struct unwind_table *ret);
void unwind_table_clear(struct unwind_table *table);

/* Is it in order as told above, wherever it comes from? */
bool unwind_table_is_sane(const struct unwind_table *table);

#endif
