/* SPDX-License-Identifier: BSD-2-Clause */
/* See unwind_builder.h. */
#include "unwind_builder.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"

#define HEADERS_VADDR 0x400000UL
#define FRAME_HEADER_OFFSET 0x200UL
#define SECTIONS_OFFSET 0x400UL
#define NAMES_OFFSET 0x800UL
#define SYMBOLS_OFFSET 0x2000UL /* of a table, then its names */
#define SYMBOLS_BYTES 0x400UL

Elf64_Ehdr *unwind_built_header(struct unwind_built *built)
{
	return (Elf64_Ehdr *)built->file.bytes;
}

Elf64_Phdr *unwind_built_segment(struct unwind_built *built, enum unwind_built_segment segment)
{
	return (Elf64_Phdr *)(built->file.bytes + sizeof(Elf64_Ehdr)) + segment;
}

Elf64_Shdr *unwind_built_section(struct unwind_built *built, enum unwind_built_section section)
{
	return (Elf64_Shdr *)(built->file.bytes + SECTIONS_OFFSET) + section;
}

static void put_header(struct unwind_built *built)
{
	*unwind_built_header(built) = (Elf64_Ehdr){
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = NR_UNWIND_BUILT_SEGMENTS,
		.e_shoff = SECTIONS_OFFSET,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = NR_UNWIND_BUILT_SECTIONS,
		.e_shstrndx = UNWIND_BUILT_NAMES,
	};
}

static void put_segment(struct unwind_built *built, enum unwind_built_segment segment,
			uint32_t flags, uint64_t offset, uint64_t vaddr, uint64_t bytes)
{
	*unwind_built_segment(built, segment) = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = flags,
		.p_offset = offset,
		.p_vaddr = vaddr,
		.p_filesz = bytes,
		.p_memsz = bytes,
	};
}

static void put_sections(struct unwind_built *built)
{
	static const char names[] = "\0.eh_frame\0.dynsym\0.dynstr\0.symtab\0.strtab\0.shstrtab";
	static const uint32_t types[NR_UNWIND_BUILT_SECTIONS] = {
		SHT_NULL, SHT_PROGBITS, SHT_DYNSYM, SHT_STRTAB, SHT_SYMTAB, SHT_STRTAB, SHT_STRTAB,
	};
	uint32_t name = 0;

	memcpy(built->file.bytes + NAMES_OFFSET, names, sizeof(names));
	for (uint32_t i = 0; i < NR_UNWIND_BUILT_SECTIONS; i++) {
		Elf64_Shdr *section = unwind_built_section(built, i);

		section->sh_name = name;
		section->sh_type = types[i];
		if (i >= UNWIND_BUILT_DYNSYM)
			section->sh_offset = SYMBOLS_OFFSET +
					     (i - UNWIND_BUILT_DYNSYM) * SYMBOLS_BYTES;
		section->sh_link = i + 1;
		name += (uint32_t)strlen(names + name) + 1;
	}
	unwind_built_section(built, UNWIND_BUILT_NAMES)->sh_offset = NAMES_OFFSET;
	unwind_built_section(built, UNWIND_BUILT_NAMES)->sh_size = sizeof(names);
	unwind_built_section(built, UNWIND_BUILT_FRAMES)->sh_offset = UNWIND_FRAMES_OFFSET;
	unwind_built_section(built, UNWIND_BUILT_FRAMES)->sh_addr = UNWIND_FRAMES_VADDR;
}

/* .eh_frame_hdr without a table: pcrel sdata4 of .eh_frame, and nothing more. */
static void put_frame_header(struct unwind_built *built)
{
	const uint8_t head[] = { 1, UNWIND_PCREL_S32, 0xff, 0xff };
	const int32_t distance = (int32_t)(UNWIND_FRAMES_VADDR -
					   (HEADERS_VADDR + FRAME_HEADER_OFFSET + 4));
	Elf64_Phdr *segment = unwind_built_segment(built, UNWIND_BUILT_FRAME_HEADER);

	put_segment(built, UNWIND_BUILT_FRAME_HEADER, PF_R, FRAME_HEADER_OFFSET,
		    HEADERS_VADDR + FRAME_HEADER_OFFSET, sizeof(head) + sizeof(distance));
	segment->p_type = PT_GNU_EH_FRAME;
	memcpy(built->file.bytes + FRAME_HEADER_OFFSET, head, sizeof(head));
	memcpy(built->file.bytes + FRAME_HEADER_OFFSET + sizeof(head), &distance, sizeof(distance));
}

void unwind_build(struct unwind_built *ret)
{
	static const uint8_t zeros[UNWIND_FRAMES_OFFSET];

	*ret = (struct unwind_built){ 0 };
	packed_bytes_put(&ret->file, zeros, sizeof(zeros));
	put_header(ret);
	put_segment(ret, UNWIND_BUILT_HEADERS, PF_R, 0, HEADERS_VADDR, UNWIND_TEXT_OFFSET);
	put_segment(ret, UNWIND_BUILT_TEXT, PF_R | PF_X, UNWIND_TEXT_OFFSET, UNWIND_TEXT_VADDR,
		    UNWIND_TEXT_BYTES);
	put_segment(ret, UNWIND_BUILT_DATA, PF_R, UNWIND_FRAMES_OFFSET, UNWIND_FRAMES_VADDR, 0);
	put_sections(ret);
	put_frame_header(ret);
}

void unwind_built_free(struct unwind_built *built)
{
	packed_bytes_free(&built->file);
}

/* ---- Entries ---- */

static uint32_t frames_bytes(const struct unwind_built *built)
{
	return (uint32_t)(built->file.size - UNWIND_FRAMES_OFFSET);
}

void unwind_put(struct unwind_built *built, const void *bytes, size_t size)
{
	Elf64_Phdr *segment;

	packed_bytes_put(&built->file, bytes, size);
	segment = unwind_built_segment(built, UNWIND_BUILT_DATA);
	segment->p_filesz = segment->p_memsz = frames_bytes(built);
	unwind_built_section(built, UNWIND_BUILT_FRAMES)->sh_size = frames_bytes(built);
}

static void put_number(struct packed_bytes *to, uint64_t value, size_t size)
{
	packed_bytes_put(to, &value, size); /* little-endian, as we are */
}

static void put_entry(struct unwind_built *built, const struct packed_bytes *rest)
{
	struct packed_bytes entry = { 0 };

	put_number(&entry, rest->size, 4);
	packed_bytes_put(&entry, rest->bytes, rest->size);
	unwind_put(built, entry.bytes, entry.size);
	packed_bytes_free(&entry);
}

void unwind_put_common(struct unwind_built *built, const struct unwind_built_common *common)
{
	struct packed_bytes rest = { 0 };

	built->common = frames_bytes(built);
	built->encoding = common->encoding;
	built->has_data = common->letters[0] == 'z';
	put_number(&rest, 0, 4);
	put_number(&rest, common->version, 1);
	packed_bytes_put(&rest, common->letters, strlen(common->letters) + 1);
	put_number(&rest, common->code_factor, 1);
	put_number(&rest, common->data_factor ? common->data_factor : 0x78, 1);
	put_number(&rest, common->address_register, 1);
	if (built->has_data) {
		put_number(&rest, common->data_bytes, 1);
		packed_bytes_put(&rest, common->data, common->data_bytes);
	}
	packed_bytes_put(&rest, common->program, common->program_bytes);
	put_entry(built, &rest);
	packed_bytes_free(&rest);
}

const struct unwind_built_common unwind_built_usual = {
	.letters = "zR",
	.data = "\x1b",
	.data_bytes = 1,
	.version = 1,
	.address_register = 16,
	.code_factor = 1,
	.encoding = UNWIND_PCREL_S32,
	.program = "\x0c\x07\x08\x90\x01",
	.program_bytes = 5,
};

void unwind_put_usual(struct unwind_built *built)
{
	unwind_put_common(built, &unwind_built_usual);
}

/* Of the formats of DW_EH_PE_*: how many bytes. */
static size_t bytes_of(uint8_t encoding)
{
	switch (encoding & 7) {
	case 2:
		return 2;
	case 3:
		return 4;
	default:
		return 8;
	}
}

void unwind_put_function(struct unwind_built *built, uint64_t vaddr, uint64_t bytes,
			 const void *program, size_t program_bytes)
{
	uint32_t at = frames_bytes(built);
	size_t size = bytes_of(built->encoding);
	struct packed_bytes rest = { 0 };

	put_number(&rest, at + 4 - built->common, 4);
	if ((built->encoding & 0x70) == 0x10)
		vaddr -= UNWIND_FRAMES_VADDR + at + 8;
	put_number(&rest, vaddr, size);
	put_number(&rest, bytes, size);
	if (built->has_data)
		put_number(&rest, 0, 1);
	packed_bytes_put(&rest, program, program_bytes);
	put_entry(built, &rest);
	packed_bytes_free(&rest);
}

/* ---- Symbols ---- */

void unwind_put_symbol(struct unwind_built *built, enum unwind_built_section table,
		       const char *name, uint64_t vaddr, uint64_t size, uint8_t info)
{
	Elf64_Shdr *symbols = unwind_built_section(built, table);
	Elf64_Shdr *names = unwind_built_section(built, table + 1);
	const Elf64_Sym symbol = {
		.st_name = (uint32_t)names->sh_size,
		.st_value = vaddr,
		.st_size = size,
		.st_info = info,
		.st_shndx = 1,
	};

	memcpy(built->file.bytes + symbols->sh_offset + symbols->sh_size, &symbol, sizeof(symbol));
	memcpy(built->file.bytes + names->sh_offset + names->sh_size, name, strlen(name) + 1);
	symbols->sh_size += sizeof(symbol);
	names->sh_size += strlen(name) + 1;
}

int unwind_built_open(const struct unwind_built *built, uint64_t size)
{
	int fd = memfd_create("unwind", MFD_CLOEXEC);

	if (fd < 0 ||
	    pwrite(fd, built->file.bytes, built->file.size, 0) != (ssize_t)built->file.size ||
	    (size > built->file.size && ftruncate(fd, (off_t)size)))
		abort();
	return fd;
}
