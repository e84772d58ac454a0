/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small ELF file with .eh_frame, .eh_frame_hdr and symbols, by hand. Its code is at other
 * addresses than offsets. Tests damage it, fuzz_unwind begins with it.
 */
#ifndef MEMPROBE_UNWIND_BUILDER_H
#define MEMPROBE_UNWIND_BUILDER_H

#include <elf.h>
#include <stdint.h>

#include "packed_bytes.h"

#define UNWIND_TEXT_VADDR 0x402000UL
#define UNWIND_TEXT_OFFSET 0x1000UL
#define UNWIND_TEXT_BYTES 0x1000UL
#define UNWIND_FRAMES_VADDR 0x408000UL
#define UNWIND_FRAMES_OFFSET 0x3000UL

enum unwind_built_section {
	UNWIND_BUILT_NULL,
	UNWIND_BUILT_FRAMES,
	UNWIND_BUILT_DYNSYM,
	UNWIND_BUILT_DYNSTR,
	UNWIND_BUILT_SYMTAB,
	UNWIND_BUILT_STRTAB,
	UNWIND_BUILT_NAMES,
	NR_UNWIND_BUILT_SECTIONS,
};

enum unwind_built_segment {
	UNWIND_BUILT_HEADERS,
	UNWIND_BUILT_TEXT,
	UNWIND_BUILT_DATA, /* .eh_frame: the file's end, so that it can grow */
	UNWIND_BUILT_FRAME_HEADER,
	NR_UNWIND_BUILT_SEGMENTS,
};

struct unwind_built {
	struct packed_bytes file;
	uint32_t common;  /* where the CIE of functions is in .eh_frame */
	uint8_t encoding; /* of their addresses */
	uint8_t has_data; /* augmentation data */
};

/* All but entries and symbols. */
void unwind_build(struct unwind_built *ret);
void unwind_built_free(struct unwind_built *built);

Elf64_Ehdr *unwind_built_header(struct unwind_built *built);
Elf64_Phdr *unwind_built_segment(struct unwind_built *built, enum unwind_built_segment segment);
Elf64_Shdr *unwind_built_section(struct unwind_built *built, enum unwind_built_section section);

/* Bytes at the end of .eh_frame. */
void unwind_put(struct unwind_built *built, const void *bytes, size_t size);

struct unwind_built_common {
	const char *letters;
	const void *data; /* of the letters behind z */
	size_t data_bytes;
	uint8_t version, address_register, code_factor;
	uint8_t data_factor; /* SLEB128, 0: -8 */
	uint8_t encoding;    /* as the letters say */
	const void *program;
	size_t program_bytes;
};

#define UNWIND_PCREL_S32 0x1b

/* What all compilers write: cfa = rsp + 8, the return address at cfa - 8; "zR", pcrel sdata4. */
extern const struct unwind_built_common unwind_built_usual;
void unwind_put_usual(struct unwind_built *built);
void unwind_put_common(struct unwind_built *built, const struct unwind_built_common *common);
void unwind_put_function(struct unwind_built *built, uint64_t vaddr, uint64_t bytes,
			 const void *program, size_t program_bytes);

/* Adds to one of the tables: up to 32 symbols, and 1,024 bytes of names. */
void unwind_put_symbol(struct unwind_built *built, enum unwind_built_section table,
		       const char *name, uint64_t vaddr, uint64_t size, uint8_t info);

/* An open file, the caller's, of the bytes and a hole behind them up to `size`. */
int unwind_built_open(const struct unwind_built *built, uint64_t size);

#endif
