/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One note of .note.stapsdt: a USDT probe as SystemTap's sys/sdt.h leaves it in the file. Whose
 * probe it is and whether one can attach there is for probe_plan.c. The notes are hostile.
 */
#ifndef MEMPROBE_USDT_NOTE_H
#define MEMPROBE_USDT_NOTE_H

#include <stdint.h>

#include "elf_file.h"

#define USDT_NOTE_SECTION ".note.stapsdt"
#define USDT_BASE_SECTION ".stapsdt.base"

struct usdt_note {
	const char *provider; /* in the note, as is name */
	const char *name;
	uint64_t vaddr;
	uint64_t semaphore_vaddr; /* 0: none */
};

/*
 * `base` is where USDT_BASE_SECTION is now, 0 when there is none: prelink moves sections without
 * rewriting notes. -EINVAL: not a USDT note, or a damaged one.
 */
int usdt_note_parse(const struct elf_note *note, uint64_t base, struct usdt_note *ret);

#endif
