/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files that make up elf_file.h: elf_segments.c, elf_tables.c (sections). */
#ifndef MEMPROBE_ELF_STATE_H
#define MEMPROBE_ELF_STATE_H

#include <elf.h>

#include "elf_file.h"

#define MAX_SEGMENTS 256

/* The types of relocations that are read, by machine. */
struct elf_relocation_types {
	uint32_t relative;
	uint32_t jump_slot,
		glob_dat;	 /* a place of the global offset table gets a symbol's address */
	uint32_t tls_descriptor; /* two words: a function, and what it is given */
	uint32_t tls_offset;	 /* a word: the offset of a variable from the thread pointer */
};

struct elf_file {
	int fd;
	uint16_t machine; /* EM_* */
	const struct elf_relocation_types *types;
	uint64_t size;	       /* bytes, when it was opened */
	uint64_t budget;       /* bytes of tables and text that may still be read */
	bool is_over;	       /* a limit was met */
	uint64_t loader_vaddr; /* 0: none */
	uint64_t unwind_vaddr; /* PT_GNU_EH_FRAME, 0: none */
	uint64_t dynamic_offset, dynamic_bytes; /* PT_DYNAMIC */
	size_t nr_segments;
	struct elf_segment segments[MAX_SEGMENTS];
	Elf64_Shdr *sections;
	size_t nr_sections;
	uint32_t names; /* the section with the names of sections */
};

/* Reads bytes at an offset in the file. -EIO: it has fewer. */
int elf_pread(const struct elf_file *file, uint64_t offset, void *ret, size_t size);

/* elf_tables.c: the section headers, as far as they make sense. */
void elf_read_sections(struct elf_file *file, const Elf64_Ehdr *header);

/* Entries of a table in the file, read a chunk at a time. */
#define ELF_CHUNK_BYTES (48UL << 10) /* a multiple of all sizes of entries */

struct elf_cursor {
	const struct elf_file *file;
	uint64_t offset, left; /* of what has not been read yet */
	size_t entry_bytes;
	size_t next, filled; /* bytes of the chunk */
	char chunk[ELF_CHUNK_BYTES];
};

/* The whole table is taken out of the budget. False: it is larger, or outside the file. */
bool elf_cursor_begin(struct elf_file *file, uint64_t offset, uint64_t bytes, size_t entry_bytes,
		      struct elf_cursor *ret);
/* False at the end, and where the file cannot be read. */
bool elf_cursor_next(struct elf_cursor *cursor, void *ret_entry);

#endif
