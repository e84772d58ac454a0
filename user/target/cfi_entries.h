/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of .eh_frame: what functions have in common (CIE), and functions (FDE). LSB Core,
 * Exception Frames.
 */
#ifndef MEMPROBE_CFI_ENTRIES_H
#define MEMPROBE_CFI_ENTRIES_H

#include "cfi_program.h"

/* Borrows its bytes, at most UINT32_MAX. */
struct cfi_section {
	const uint8_t *bytes;
	size_t size;
	uint64_t vaddr;
	bool has_end; /* by its size; or else by an entry without bytes */
};

#define CFI_MAX_COMMONS 65536 /* linkers keep one of each kind: the most seen are 199 */

/* A CIE. */
struct cfi_entry_common {
	struct cfi_common common;
	uint32_t at; /* in the section */
	uint8_t encoding;
	bool has_data;	  /* its functions have augmentation data, too */
	bool is_followed; /* or else all that is known of its functions is where they are */
};

struct cfi_function {
	uint64_t vaddr, bytes;
	uint32_t common;		 /* index */
	uint32_t program, program_bytes; /* in the section */
};

/* Begins as { .section = }. */
struct cfi_entries {
	const struct cfi_section *section;
	size_t at; /* of the next entry */
	struct cfi_entry_common *commons;
	size_t nr_commons, capacity;
};

/* The next function that can be located; each byte of the section is read once. False: no more. */
bool cfi_entries_next(struct cfi_entries *entries, struct cfi_function *ret);
void cfi_entries_clear(struct cfi_entries *entries);

/* Begins with a function's rows. All are UNWIND_CFA_NONE where its CIE is not followed. */
void cfi_entries_run(const struct cfi_entries *entries, const struct cfi_function *function,
		     struct cfi_run *run);

#endif
