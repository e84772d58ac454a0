/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF side's tables by which it unwinds C stacks: the rows of all files one behind the other,
 * the rules that they share, and which file has which rows. What is in them stays for the run.
 */
#ifndef MEMPROBE_UNWIND_ROWS_H
#define MEMPROBE_UNWIND_ROWS_H

#include <memprobe/wire_unwind.h>

#include "loader.h"
#include "unwind_table.h"

struct unwind_rows;

/* NULL with errno: the rows cannot be mapped. */
struct unwind_rows *unwind_rows_new(struct loader *loader);
void unwind_rows_free(struct unwind_rows *rows); /* accepts NULL */

/* Gives a file its rows, and from 1 on a number. Sane by unwind_table_is_sane(). -ENOSPC: there is
 * no room for so many. Rules for which there is none are not followed. */
int unwind_rows_add(struct unwind_rows *rows, const struct wire_file *file,
		    const struct unwind_table *table, uint32_t number);
/* The BPF side shall ask again for a file of which nothing is known. */
void unwind_rows_forget(struct unwind_rows *rows, const struct wire_file *file);

#endif
