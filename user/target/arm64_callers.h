/* SPDX-License-Identifier: BSD-2-Clause */
/* Who calls a function of arm64's code by name, that is by a distance. */
#ifndef MEMPROBE_ARM64_CALLERS_H
#define MEMPROBE_ARM64_CALLERS_H

#include "elf_file.h"

/* The first function that another calls; 0: none that is known. */
uint64_t arm64_first_callee(const struct elf_file *file, const struct elf_symbol *function);

/* How many branches of the first executable segment lead to an address, other than those of one
 * function itself; or -errno. It is read once as a whole. */
int arm64_count_callers(struct elf_file *file, uint64_t vaddr, const struct elf_symbol *but);

#endif
