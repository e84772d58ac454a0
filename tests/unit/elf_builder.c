/* SPDX-License-Identifier: BSD-2-Clause */
/* An ELF file by hand; see elf_builder.h. */
#include "elf_builder.h"

#include <string.h>

#include "debug_offsets.h"
#include "elf_builder_layout.h"
#include "memory.h"
#include "offset_table.h"

static uint8_t *text_at(struct elf_built *built, size_t at)
{
	return built->bytes + TEXT_OFFSET + at;
}

static uint8_t *data_at(struct elf_built *built, size_t at)
{
	return built->bytes + DATA_OFFSET + at;
}

/* An instruction that ends in the distance to an address. */
static uint8_t *put_reference(struct elf_built *built, uint8_t *at, const char *opcode, size_t size,
			      uint64_t target)
{
	int32_t distance;

	memcpy(at, opcode, size);
	at += size;
	distance = (int32_t)(target - (uint64_t)(at + sizeof(distance) - built->bytes));
	memcpy(at, &distance, sizeof(distance));
	return at + sizeof(distance);
}

#define REFERENCE(built, at, opcode, target) \
	put_reference(built, at, opcode, sizeof(opcode) - 1, target)

/* nop, where the note is; cmpw $0, semaphore(%rip); mov %rax, %rbx; jne. */
static void put_eval(struct elf_built *built)
{
	uint8_t *at = text_at(built, AT_EVAL);

	*at++ = 0x90;
	at = put_reference(built, at, "\x66\x83\x3d", 3, elf_built_semaphore() - 1);
	memcpy(at, "\x00\x48\x89\xc3\x75\x10\xc3", 7);
}

static void put_get_tstate(struct elf_built *built)
{
	uint8_t *at = text_at(built, AT_GET_TSTATE);

	if (built->minor < 15)
		REFERENCE(built, at, "\x8b\x3d", DATA_VADDR + AT_TLS_KEY);
	else
		memcpy(at, "\x64\x48\x8b\x04\x25\xf8\xff\xff\xff\xc3", 10);
}

static void put_dict(struct elf_built *built, size_t function)
{
	uint8_t *at = text_at(built, function);

	at = REFERENCE(built, at, "\x48\x8b\x05", DICT_VERSION_VADDR);
	at = REFERENCE(built, at, "\x48\x89\x05", DICT_VERSION_VADDR);
	memcpy(at, "\x48\x89\x43\x18\xc3", 5);
}

/* push %rbx; call; ret. */
static void put_caller(struct elf_built *built, size_t function, size_t called)
{
	uint8_t *at = text_at(built, function);

	at = REFERENCE(built, at, "\x53\xe8", TEXT_OFFSET + called);
	*at = 0xc3;
}

/* Py_RunMain as of a compiler that has taken in what only goes on. */
static void put_ends(struct elf_built *built)
{
	size_t whole = built->minor < FIRST_FINALIZER ? AT_FINALIZE : AT_FINALIZER;

	if (whole != AT_FINALIZE)
		REFERENCE(built, text_at(built, AT_FINALIZE), "\xe9", TEXT_OFFSET + whole);
	memcpy(text_at(built, whole), "\xf3\x0f\x1e\xfa\x55\xc3", 6);
	put_caller(built, AT_EXIT, whole);
	put_caller(built, AT_RUN_MAIN, whole);
}

static void put_code(struct elf_built *built)
{
	uint8_t *at = text_at(built, AT_CODE_NEW);

	put_eval(built);
	REFERENCE(built, text_at(built, AT_GET_VERSION), "\x48\x8d\x05",
		  TEXT_OFFSET + AT_VERSION_TEXT);
	put_get_tstate(built);
	at = REFERENCE(built, at, "\x8b\x05", DATA_VADDR + AT_CODE_VERSION);
	memcpy(at, "\x89\x43\x5c\xc3", 4);
	put_dict(built, AT_DICT_NEW);
	put_dict(built, AT_DICT_CLEAR);
	memcpy(text_at(built, AT_CODE_DEALLOC), "\xf3\x0f\x1e\xfa\x55\xc3", 6);
	memcpy(text_at(built, AT_FRAME_CLEAR), "\x55\xc3", 2);
	put_ends(built);
}

static void put_text(struct elf_built *built)
{
	static const char version[] = "3.0.1 (built)";

	if (built->machine == EM_AARCH64)
		elf_build_arm64(built);
	else
		put_code(built);
	memcpy(text_at(built, AT_VERSION_TEXT), version, sizeof(version));
	if (built->minor < 10)
		*text_at(built, AT_VERSION_TEXT + 2) = (uint8_t)('0' + built->minor);
	else /* "3.10 (built)", without the release */
		memcpy(text_at(built, AT_VERSION_TEXT + 2), "10 ", 3);
}

static void put_debug_offsets(struct elf_built *built)
{
	static const struct {
		size_t member;
		uint16_t positions[3];
	} fields[] = {
#define FIELD(name, ...) { offsetof(struct offset_table, name), { __VA_ARGS__ } },
#include "debug_offsets.def"
#undef FIELD
	};
	uint64_t head[] = { 0, 0x030000f0 | built->minor << 16, 0 };
	uint8_t *words = data_at(built, AT_RUNTIME);
	struct offset_table table;

	if (built->minor < 13 || offset_table_find((uint32_t)head[1], false, &table))
		return;
	offset_table_adapt(&table, built->machine);
	memcpy(head, "xdebugpy", 8);
	memcpy(words, head, sizeof(head));
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		uint16_t position = fields[i].positions[built->minor - 13];

		if (position)
			memcpy(words + position, (char *)&table + fields[i].member, 2);
	}
}

static void put_data(struct elf_built *built)
{
	const uint32_t version = 0x030001f0 | built->minor << 16, code_version = 5;
	const int32_t no_key = -1;

	memcpy(data_at(built, AT_VERSION), &version, sizeof(version));
	memcpy(data_at(built, AT_TLS_KEY), &no_key, sizeof(no_key));
	memcpy(data_at(built, AT_CODE_VERSION), &code_version, sizeof(code_version));
	put_debug_offsets(built);
}

static const struct built_symbol {
	const char *name;
	uint64_t vaddr, size;
	unsigned int first_minor, last_minor;
} exported[] = {
	{ "", 0, 0, 0, 99 },
	{ "_PyEval_EvalFrameDefault", TEXT_OFFSET + AT_EVAL, 0x40, 0, 99 },
	{ "Py_GetVersion", TEXT_OFFSET + AT_GET_VERSION, 0x40, 0, 99 },
	{ "PyGILState_GetThisThreadState", TEXT_OFFSET + AT_GET_TSTATE, 0x40, 0, 99 },
	{ "_PyCode_New", TEXT_OFFSET + AT_CODE_NEW, 0x40, 12, 12 },
	{ "PyDict_New", TEXT_OFFSET + AT_DICT_NEW, 0x40, 0, 99 },
	{ "PyDict_Clear", TEXT_OFFSET + AT_DICT_CLEAR, 0x40, 0, 99 },
	{ "_PyEval_FrameClearAndPop", TEXT_OFFSET + AT_FRAME_CLEAR, 0x10, 13, 99 },
	{ "Py_FinalizeEx", TEXT_OFFSET + AT_FINALIZE, 0x10, 0, 99 },
	{ "Py_Exit", TEXT_OFFSET + AT_EXIT, 0x10, 0, 99 },
	{ "Py_RunMain", TEXT_OFFSET + AT_RUN_MAIN, 0x10, 8, 99 },
	{ "PyCode_Type", DATA_VADDR + AT_CODE_TYPE, 0x80, 0, 99 },
	{ "Py_Version", DATA_VADDR + AT_VERSION, 4, 11, 99 },
	{ "_PyRuntime", RUNTIME_VADDR, 0x80000, 7, 99 },
	{ "_PyThreadState_Current", RUNTIME_VADDR, 8, 0, 6 },
};

static const struct built_symbol local[] = {
	{ "", 0, 0, 0, 99 },
	{ "pystate.c", 0, 0, 0, 99 },
	{ "_PyFrame_Clear", TEXT_OFFSET + AT_FRAME_CLEAR, 0x10, 11, 11 },
	{ "_PyFrame_ClearExceptCode", TEXT_OFFSET + AT_FRAME_CLEAR, 0x10, 12, 12 },
	{ "autoTLSkey", DATA_VADDR + AT_TLS_KEY, 4, 0, 6 },
};

/* Space in the file for what the headers point to. */
static void place(struct elf_built *built, enum built_section index, uint32_t type,
		  const void *from, size_t bytes)
{
	Elf64_Shdr *section = elf_built_section(built, index);

	section->sh_type = type;
	section->sh_offset = TABLES_OFFSET + built->used;
	section->sh_size = bytes;
	memcpy(built->bytes + section->sh_offset, from, bytes);
	built->used += (bytes + 15) / 16 * 16;
}

static void put_symbols(struct elf_built *built, const struct built_symbol *symbols, size_t count,
			enum built_section index)
{
	Elf64_Sym table[16] = { 0 };
	char names[512] = "";
	size_t nr_symbols = 0, used = 0;
	bool is_dynamic = index == BUILT_DYNSYM;

	for (size_t i = 0; i < count; i++) {
		Elf64_Sym *symbol = &table[nr_symbols];

		if (built->minor < symbols[i].first_minor || built->minor > symbols[i].last_minor)
			continue;
		nr_symbols++;
		symbol->st_name = (uint32_t)used;
		symbol->st_value = symbols[i].vaddr;
		symbol->st_size = symbols[i].size;
		symbol->st_shndx = i ? 1 : SHN_UNDEF;
		symbol->st_info = ELF64_ST_INFO(is_dynamic ? STB_GLOBAL : STB_LOCAL,
						symbols[i].vaddr ? STT_FUNC : STT_FILE);
		memcpy(names + used, symbols[i].name, strlen(symbols[i].name) + 1);
		used += strlen(symbols[i].name) + 1;
	}
	place(built, index, is_dynamic ? SHT_DYNSYM : SHT_SYMTAB, table,
	      nr_symbols * sizeof(*table));
	elf_built_section(built, index)->sh_link = index + 1;
	/* Behind the names of symbols: what the dynamic section names. */
	memcpy(names + used, "libc.so.6", 10);
	place(built, index + 1, SHT_STRTAB, names, used + 10);
}

void elf_build_note(const struct elf_built *built, uint64_t semaphore, uint8_t *ret)
{
	const Elf64_Nhdr header = { .n_namesz = 8, .n_descsz = 24 + 7 + 17 + 1, .n_type = 3 };
	const uint64_t addresses[] = { TEXT_OFFSET + AT_EVAL, 0x900, semaphore };

	memset(ret, 0, ELF_BUILT_NOTE_BYTES);
	memcpy(ret, &header, sizeof(header));
	memcpy(ret + 12, "stapsdt", 8);
	memcpy(ret + 20, addresses, sizeof(addresses));
	memcpy(ret + 44, "python", 7);
	memcpy(ret + 51, built->minor == 11 ? "function__return" : "function__entry", 16);
}

static void put_notes(struct elf_built *built)
{
	uint8_t notes[2 * ELF_BUILT_NOTE_BYTES];

	elf_build_note(built, elf_built_semaphore(), notes);
	elf_build_note(built, elf_built_semaphore(), notes + ELF_BUILT_NOTE_BYTES);
	place(built, BUILT_NOTES, SHT_NOTE, notes, sizeof(notes));
	place(built, BUILT_BASE, SHT_PROGBITS, "", 1);
	elf_built_section(built, BUILT_BASE)->sh_addr = 0x900;
}

/* Tables that the loader finds by their addresses: copies in the first segment. */
static uint64_t copy_loaded(struct elf_built *built, enum built_section index, uint64_t offset)
{
	Elf64_Shdr *section = elf_built_section(built, index);

	memcpy(built->bytes + offset, built->bytes + section->sh_offset, section->sh_size);
	section->sh_addr = offset;
	section->sh_offset = offset;
	return section->sh_size;
}

static void put_dynamic(struct elf_built *built)
{
	const Elf64_Rela rela = {
		.r_offset = DATA_VADDR + AT_CODE_TYPE + 48,
		.r_info = built->machine == EM_AARCH64 ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE,
		.r_addend = TEXT_OFFSET + AT_CODE_DEALLOC,
	};
	uint64_t strings = copy_loaded(built, BUILT_DYNSTR, 0xa00);
	Elf64_Dyn entries[] = {
		{ DT_NEEDED, { strings - 10 } }, { DT_STRTAB, { 0xa00 } },
		{ DT_STRSZ, { strings } },	 { DT_RELA, { 0xc00 } },
		{ DT_RELASZ, { sizeof(rela) } }, { DT_NULL, { 0 } },
	};
	Elf64_Shdr *section = elf_built_section(built, BUILT_DYNAMIC);

	place(built, BUILT_RELA, SHT_RELA, &rela, sizeof(rela));
	copy_loaded(built, BUILT_RELA, 0xc00);
	place(built, BUILT_DYNAMIC, SHT_DYNAMIC, entries, sizeof(entries));
	section->sh_link = BUILT_DYNSTR;
	section->sh_addr = DATA_VADDR + AT_DYNAMIC;
	memcpy(data_at(built, AT_DYNAMIC), entries, sizeof(entries));
	section->sh_offset = DATA_OFFSET + AT_DYNAMIC;
}

static void put_names(struct elf_built *built)
{
	static const char *const wanted[NR_BUILT_SECTIONS] = {
		"",	    ".dynsym",	     ".dynstr",	      ".symtab",
		".strtab",  ".note.stapsdt", ".stapsdt.base", ".rela.dyn",
		".dynamic", ".shstrtab",
	};
	char names[128] = "";
	size_t used = 0;

	for (size_t i = 0; i < NR_BUILT_SECTIONS; i++) {
		elf_built_section(built, i)->sh_name = (uint32_t)used;
		memcpy(names + used, wanted[i], strlen(wanted[i]) + 1);
		used += strlen(wanted[i]) + 1;
	}
	place(built, BUILT_NAMES, SHT_STRTAB, names, used);
}

static void put_headers(struct elf_built *built)
{
	const Elf64_Phdr segments[] = {
		{ .p_type = PT_LOAD,
		  .p_flags = PF_R | PF_X,
		  .p_filesz = DATA_OFFSET,
		  .p_memsz = DATA_OFFSET },
		{ .p_type = PT_LOAD,
		  .p_flags = PF_R | PF_W,
		  .p_offset = DATA_OFFSET,
		  .p_vaddr = DATA_VADDR,
		  .p_filesz = DATA_BYTES,
		  .p_memsz = DATA_BYTES + BSS_BYTES },
		{ .p_type = PT_DYNAMIC,
		  .p_flags = PF_R,
		  .p_offset = DATA_OFFSET + AT_DYNAMIC,
		  .p_vaddr = DATA_VADDR + AT_DYNAMIC,
		  .p_filesz = 0x100,
		  .p_memsz = 0x100 },
	};
	const Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = built->machine,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = ARRAY_SIZE(segments),
		.e_shoff = ELF_BUILT_BYTES - NR_BUILT_SECTIONS * sizeof(Elf64_Shdr),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = NR_BUILT_SECTIONS,
		.e_shstrndx = BUILT_NAMES,
	};

	memcpy(built->bytes, &header, sizeof(header));
	memcpy(built->bytes + sizeof(header), segments, sizeof(segments));
}

void elf_build(struct elf_built *ret, unsigned int minor)
{
	elf_build_for(ret, minor, EM_X86_64);
}

void elf_build_for(struct elf_built *ret, unsigned int minor, uint16_t machine)
{
	*ret = (struct elf_built){ .minor = minor, .machine = machine };
	put_headers(ret);
	put_text(ret);
	put_data(ret);
	put_symbols(ret, exported, ARRAY_SIZE(exported), BUILT_DYNSYM);
	put_symbols(ret, local, ARRAY_SIZE(local), BUILT_SYMTAB);
	put_notes(ret);
	put_dynamic(ret);
	put_names(ret);
}

Elf64_Ehdr *elf_built_header(struct elf_built *built)
{
	return (Elf64_Ehdr *)built->bytes;
}

Elf64_Shdr *elf_built_section(struct elf_built *built, enum built_section section)
{
	return (Elf64_Shdr *)(built->bytes + elf_built_header(built)->e_shoff) + section;
}

Elf64_Dyn *elf_built_dynamic(struct elf_built *built, int64_t tag)
{
	Elf64_Dyn *entry = (Elf64_Dyn *)data_at(built, AT_DYNAMIC);

	while (entry->d_tag != tag)
		entry++;
	return entry;
}

Elf64_Sym *elf_built_exported(struct elf_built *built, const char *name)
{
	const Elf64_Shdr *table = elf_built_section(built, BUILT_DYNSYM);
	const Elf64_Shdr *strings = elf_built_section(built, BUILT_DYNSTR);
	Elf64_Sym *symbol = (Elf64_Sym *)(built->bytes + table->sh_offset);

	while (strcmp((char *)built->bytes + strings->sh_offset + symbol->st_name, name) != 0)
		symbol++;
	return symbol;
}

uint64_t elf_built_finalizer(void)
{
	return TEXT_OFFSET + AT_FINALIZER;
}

uint64_t elf_built_semaphore(void)
{
	return DATA_VADDR + AT_SEMAPHORE;
}
