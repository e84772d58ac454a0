/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of functions that an ELF file has itself; no file of debugging information is read. */
#ifndef MEMPROBE_FUNCTION_NAMES_H
#define MEMPROBE_FUNCTION_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUNCTION_NAMES_BATCH 64
#define FUNCTION_NAME_BYTES 1024 /* with its NUL */

struct function_name {
	uint64_t vaddr; /* 0: nothing of the file lies there */
	/*
	 * "": it has none. As the source has it (demangle.h), without its version (`@...`), inert
	 * (terminal_escape()), and ending in `…` where it is too long.
	 */
	char name[FUNCTION_NAME_BYTES];
};

/*
 * Of functions by where they begin, as offsets in the file: up to FUNCTION_NAMES_BATCH. A name is
 * from .symtab, or else from .dynsym: of the symbol with that address, or else of the nearest
 * before whose size reaches there; of these a global one before a local one before a weak one; of
 * these one without a leading underscore; of these the first.
 *
 * Borrows fd. 0; -ENOEXEC: no ELF file for this machine.
 */
int function_names_read(int fd, const uint32_t *begins, size_t count, struct function_name *ret);

/* Is the text what a name has to be, wherever it comes from? */
bool function_name_is_sane(const struct function_name *name);

#endif
