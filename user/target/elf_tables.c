/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sections of one ELF file: symbols and notes; see elf_file.h. Read by hand: libelf allocates as
 * many sections as a header claims (20 million in a file of 8 KB: 5.3 GB), and looks for the end of
 * every name from its begin.
 *
 * The limits are some times what the largest files had of 14,000 on a developer's machine: 74
 * sections (debug files), .strtab 20 MB (rustc), .symtab 6 MB and .dynstr 5 MB (LLVM, node),
 * .note.stapsdt 56 KB (libjvm). The largest of a CPython were 368 KB of .symtab and 968 bytes of
 * notes.
 */
#include <errno.h>
#include <string.h>

#include "elf_state.h"
#include "memory.h"

#define MAX_SECTIONS 1024
#define MAX_NAMES_BYTES (1UL << 20) /* of the names of sections */
#define MAX_NOTES_BYTES (1UL << 20)
#define MAX_TABLE_BYTES (64UL << 20)

static bool is_inside(const struct elf_file *file, uint64_t offset, uint64_t bytes)
{
	return offset <= file->size && bytes <= file->size - offset;
}

/* More sections than fit into the header's field are counted in the first of them. */
static uint64_t count_sections(const struct elf_file *file, const Elf64_Ehdr *header)
{
	Elf64_Shdr first;

	if (header->e_shnum || !header->e_shoff)
		return header->e_shnum;
	if (!is_inside(file, header->e_shoff, sizeof(first)) ||
	    elf_pread(file, header->e_shoff, &first, sizeof(first)))
		return 0;
	return first.sh_size;
}

void elf_read_sections(struct elf_file *file, const Elf64_Ehdr *header)
{
	uint64_t count = count_sections(file, header);

	if (count > MAX_SECTIONS) {
		file->is_over = true;
		return;
	}
	if (!count || header->e_shentsize != sizeof(Elf64_Shdr) ||
	    !is_inside(file, header->e_shoff, count * sizeof(Elf64_Shdr)))
		return;
	file->sections = xcalloc(count, sizeof(Elf64_Shdr));
	if (elf_pread(file, header->e_shoff, file->sections, count * sizeof(Elf64_Shdr)))
		return;
	file->nr_sections = count;
	file->names = header->e_shstrndx == SHN_XINDEX ? file->sections[0].sh_link
						       : header->e_shstrndx;
}

/* A section whose contents are in the file, and not more of them than `limit`; else NULL. */
static const Elf64_Shdr *readable_section(struct elf_file *file, uint64_t index, uint64_t limit)
{
	const Elf64_Shdr *section;

	if (index >= file->nr_sections)
		return NULL;
	section = &file->sections[index];
	if (section->sh_type == SHT_NOBITS || (section->sh_flags & SHF_COMPRESSED) ||
	    !is_inside(file, section->sh_offset, section->sh_size))
		return NULL;
	if (section->sh_size <= limit)
		return section;
	file->is_over = true;
	return NULL;
}

/* A section's bytes with a NUL behind them, owned by the caller. NULL: it cannot be read. */
static char *load_section(struct elf_file *file, uint64_t index, uint64_t limit)
{
	const Elf64_Shdr *section = readable_section(file, index, limit);
	char *bytes;

	if (!section || elf_file_charge(file, section->sh_size))
		return NULL;
	bytes = xmalloc(section->sh_size + 1);
	if (elf_pread(file, section->sh_offset, bytes, section->sh_size)) {
		free(bytes);
		return NULL;
	}
	bytes[section->sh_size] = '\0';
	return bytes;
}

/* ---- Symbols ---- */

struct symbols {
	char *names;
	uint64_t names_bytes;
	struct elf_cursor cursor;
};

/* Begins a walk through the first table of a type; names must be freed. */
static bool begin_symbols(struct elf_file *file, unsigned int type, struct symbols *ret)
{
	const Elf64_Shdr *table;
	size_t i = 0;

	while (i < file->nr_sections && file->sections[i].sh_type != type)
		i++;
	table = readable_section(file, i, MAX_TABLE_BYTES);
	if (!table)
		return false;
	ret->names = load_section(file, table->sh_link, MAX_TABLE_BYTES);
	if (!ret->names)
		return false;
	ret->names_bytes = file->sections[table->sh_link].sh_size;
	if (elf_cursor_begin(file, table->sh_offset, table->sh_size, sizeof(Elf64_Sym),
			     &ret->cursor))
		return true;
	free(ret->names);
	return false;
}

/* The next symbol that has a name. */
static bool next_symbol(struct symbols *symbols, Elf64_Sym *ret, const char **ret_name)
{
	do {
		if (!elf_cursor_next(&symbols->cursor, ret))
			return false;
	} while (ret->st_name >= symbols->names_bytes);
	*ret_name = symbols->names + ret->st_name;
	return true;
}

/* Looks at no more of `name` than `wanted` has. */
static bool name_matches(const char *name, const char *wanted, const Elf64_Sym *symbol)
{
	size_t length;

	if (*name != *wanted)
		return false;
	length = strlen(wanted);
	if (strncmp(name, wanted, length) != 0)
		return false;
	return !name[length] ||
	       (name[length] == '.' && ELF64_ST_TYPE(symbol->st_info) == STT_OBJECT &&
		ELF64_ST_BIND(symbol->st_info) == STB_LOCAL);
}

static size_t match_symbol(const char *name, const Elf64_Sym *symbol, struct elf_symbol *symbols,
			   size_t nr_symbols)
{
	size_t found = 0;

	for (size_t i = 0; i < nr_symbols; i++) {
		if (symbols[i].vaddr || !name_matches(name, symbols[i].name, symbol))
			continue;
		symbols[i].vaddr = symbol->st_value;
		symbols[i].size = symbol->st_size;
		found++;
	}
	return found;
}

static bool is_defined(const Elf64_Sym *symbol)
{
	unsigned int type = ELF64_ST_TYPE(symbol->st_info);

	return symbol->st_shndx != SHN_UNDEF && symbol->st_value &&
	       (type == STT_OBJECT || type == STT_FUNC || type == STT_NOTYPE);
}

size_t elf_file_find_symbols(struct elf_file *file, enum elf_symbol_table table,
			     struct elf_symbol *symbols, size_t nr_symbols)
{
	struct symbols all;
	const char *name;
	size_t found = 0;
	Elf64_Sym symbol;

	if (!begin_symbols(file, table == ELF_DYNSYM ? SHT_DYNSYM : SHT_SYMTAB, &all))
		return 0;
	while (next_symbol(&all, &symbol, &name)) {
		if (is_defined(&symbol))
			found += match_symbol(name, &symbol, symbols, nr_symbols);
	}
	free(all.names);
	return found;
}

struct elf_functions {
	struct symbols all;
};

struct elf_functions *elf_functions_new(struct elf_file *file, enum elf_symbol_table table)
{
	struct elf_functions *functions = xmalloc(sizeof(*functions));

	if (begin_symbols(file, table == ELF_DYNSYM ? SHT_DYNSYM : SHT_SYMTAB, &functions->all))
		return functions;
	free(functions);
	return NULL;
}

void elf_functions_free(struct elf_functions *functions)
{
	if (!functions)
		return;
	free(functions->all.names);
	free(functions);
}

static bool is_function(const Elf64_Sym *symbol)
{
	unsigned int type = ELF64_ST_TYPE(symbol->st_info);

	return symbol->st_shndx != SHN_UNDEF && symbol->st_value &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC);
}

bool elf_functions_next(struct elf_functions *functions, struct elf_function *ret)
{
	const char *name;
	Elf64_Sym symbol;

	while (next_symbol(&functions->all, &symbol, &name)) {
		if (!is_function(&symbol) || !*name)
			continue;
		*ret = (struct elf_function){
			.name = name,
			.vaddr = symbol.st_value,
			.size = symbol.st_size,
			.binding = ELF64_ST_BIND(symbol.st_info),
		};
		return true;
	}
	return false;
}

/* GCC's and Clang's names for a static symbol that other files' code now uses. The table is
 * searched once, for a name may begin at each of its bytes. */
static bool is_from_link_time(const struct symbols *all)
{
	static const char gcc[] = ".lto_priv.", clang[] = ".llvm.";

	return memmem(all->names, all->names_bytes, gcc, strlen(gcc)) ||
	       memmem(all->names, all->names_bytes, clang, strlen(clang));
}

bool elf_file_is_compiled_apart(struct elf_file *file, const char *source)
{
	bool is_named = false;
	struct symbols all;
	const char *name;
	Elf64_Sym symbol;

	if (!begin_symbols(file, SHT_SYMTAB, &all))
		return false;
	while (!is_named && next_symbol(&all, &symbol, &name))
		is_named = ELF64_ST_TYPE(symbol.st_info) == STT_FILE && !strcmp(name, source);
	is_named = is_named && !is_from_link_time(&all);
	free(all.names);
	return is_named;
}

/* ---- Sections by name ---- */

/* nr_sections: there is none. */
static size_t find_section(struct elf_file *file, const char *name)
{
	_cleanup_(freep) char *names = load_section(file, file->names, MAX_NAMES_BYTES);
	size_t i = 0;

	if (!names)
		return file->nr_sections;
	while (i < file->nr_sections &&
	       (file->sections[i].sh_name >= file->sections[file->names].sh_size ||
		strcmp(names + file->sections[i].sh_name, name) != 0))
		i++;
	return i;
}

bool elf_file_section_range(struct elf_file *file, const char *name, uint64_t *ret_vaddr,
			    uint64_t *ret_bytes)
{
	size_t index = find_section(file, name);

	if (index == file->nr_sections || !file->sections[index].sh_addr)
		return false;
	*ret_vaddr = file->sections[index].sh_addr;
	*ret_bytes = file->sections[index].sh_size;
	return true;
}

uint64_t elf_file_section_vaddr(struct elf_file *file, const char *name)
{
	uint64_t vaddr, bytes;

	return elf_file_section_range(file, name, &vaddr, &bytes) ? vaddr : 0;
}

/* The note at a position, and where the next one begins. False: it is not whole, or its owner's
 * name does not end. */
static bool parse_note(const char *bytes, uint64_t size, uint64_t *position, struct elf_note *ret)
{
	uint64_t name = *position + sizeof(Elf64_Nhdr), description, end;
	Elf64_Nhdr header;

	if (*position > size || sizeof(header) > size - *position)
		return false;
	memcpy(&header, bytes + *position, sizeof(header));
	/* Sizes have 32 bits, sums 64. */
	description = name + ((header.n_namesz + 3ULL) & ~3ULL);
	end = description + header.n_descsz;
	if (end > size || name + header.n_namesz > size ||
	    !memchr(bytes + name, '\0', header.n_namesz))
		return false;
	*ret = (struct elf_note){
		.owner = bytes + name,
		.description = bytes + description,
		.description_bytes = header.n_descsz,
		.type = header.n_type,
	};
	*position = description + ((header.n_descsz + 3ULL) & ~3ULL);
	return true;
}

void elf_file_visit_notes(struct elf_file *file, const char *section,
			  void (*visit)(const struct elf_note *note, void *context), void *context)
{
	size_t index = find_section(file, section);
	_cleanup_(freep) char *bytes = NULL;
	uint64_t position = 0;
	struct elf_note note;

	if (index < file->nr_sections && file->sections[index].sh_type == SHT_NOTE)
		bytes = load_section(file, index, MAX_NOTES_BYTES);
	while (bytes && parse_note(bytes, file->sections[index].sh_size, &position, &note))
		visit(&note, context);
}
