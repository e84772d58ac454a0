/* SPDX-License-Identifier: BSD-2-Clause */
/* The segments of an ELF file, and what they hold; see elf_file.h. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_state.h"
#include "memory.h"

/* The largest seen has 61 (qemu). */
#define MAX_DYNAMIC_BYTES (64UL << 10)

static const struct elf_relocation_types *types_of(uint16_t machine)
{
	static const struct elf_relocation_types x86 = {
		.relative = R_X86_64_RELATIVE,
		.jump_slot = R_X86_64_JUMP_SLOT,
		.glob_dat = R_X86_64_GLOB_DAT,
		.tls_descriptor = R_X86_64_TLSDESC,
		.tls_offset = R_X86_64_TPOFF64,
	};
	static const struct elf_relocation_types arm64 = {
		.relative = R_AARCH64_RELATIVE,
		.jump_slot = R_AARCH64_JUMP_SLOT,
		.glob_dat = R_AARCH64_GLOB_DAT,
		.tls_descriptor = R_AARCH64_TLSDESC,
		.tls_offset = R_AARCH64_TLS_TPREL,
	};

	return machine == EM_AARCH64 ? &arm64 : &x86;
}

static bool is_header(const Elf64_Ehdr *header, uint16_t machine)
{
	return !memcmp(header->e_ident, ELFMAG, SELFMAG) &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == ELFDATA2LSB &&
	       header->e_ident[EI_VERSION] == EV_CURRENT && header->e_machine == machine &&
	       (header->e_type == ET_EXEC || header->e_type == ET_DYN);
}

/* A segment that wraps around has no byte that can be read. */
static bool is_sane(const Elf64_Phdr *header)
{
	uint64_t end;

	return header->p_filesz <= header->p_memsz &&
	       !__builtin_add_overflow(header->p_vaddr, header->p_memsz, &end) &&
	       !__builtin_add_overflow(header->p_offset, header->p_memsz, &end) && end <= LLONG_MAX;
}

static void add_segment(struct elf_file *file, const Elf64_Phdr *header)
{
	file->segments[file->nr_segments++] = (struct elf_segment){
		.vaddr = header->p_vaddr,
		.offset = header->p_offset,
		.file_bytes = header->p_filesz,
		.memory_bytes = header->p_memsz,
		.is_executable = header->p_flags & PF_X,
		.is_writable = header->p_flags & PF_W,
	};
}

static int read_segments(struct elf_file *file, const Elf64_Ehdr *header)
{
	size_t count = header->e_phnum < MAX_SEGMENTS ? header->e_phnum : MAX_SEGMENTS;
	Elf64_Phdr headers[MAX_SEGMENTS];

	if (header->e_phnum && header->e_phentsize != sizeof(*headers))
		return -ENOEXEC;
	if (header->e_phoff > file->size ||
	    count * sizeof(*headers) > file->size - header->e_phoff ||
	    elf_pread(file, header->e_phoff, headers, count * sizeof(*headers)))
		return -ENOEXEC;
	for (size_t i = 0; i < count; i++) {
		if (!is_sane(&headers[i]))
			continue;
		if (headers[i].p_type == PT_LOAD)
			add_segment(file, &headers[i]);
		if (headers[i].p_type == PT_INTERP)
			file->loader_vaddr = headers[i].p_vaddr;
		if (headers[i].p_type == PT_GNU_EH_FRAME)
			file->unwind_vaddr = headers[i].p_vaddr;
		if (headers[i].p_type == PT_DYNAMIC) {
			file->dynamic_offset = headers[i].p_offset;
			file->dynamic_bytes = headers[i].p_filesz;
		}
	}
	return 0;
}

int elf_file_open_for(int fd, uint16_t machine, struct elf_file **ret)
{
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	struct stat status;
	Elf64_Ehdr header;
	int err;

	if (fstat(fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -ENOEXEC;
	file = xcalloc(1, sizeof(*file));
	file->fd = fd;
	file->machine = machine;
	file->types = types_of(machine);
	file->size = (uint64_t)status.st_size;
	file->budget = ELF_MAX_READ_BYTES;
	if (elf_pread(file, 0, &header, sizeof(header)) || !is_header(&header, machine))
		return -ENOEXEC;
	err = read_segments(file, &header);
	if (err)
		return err;
	elf_read_sections(file, &header);
	*ret = TAKE(file);
	return 0;
}

int elf_file_open(int fd, struct elf_file **ret)
{
	return elf_file_open_for(fd, ELF_MACHINE_HERE, ret);
}

uint16_t elf_file_machine(const struct elf_file *file)
{
	return file->machine;
}

void elf_file_free(struct elf_file *file)
{
	if (!file)
		return;
	free(file->sections);
	free(file);
}

void elf_file_freep(struct elf_file **file)
{
	elf_file_free(*file);
}

const struct elf_segment *elf_file_segment(const struct elf_file *file, uint64_t vaddr)
{
	for (size_t i = 0; i < file->nr_segments; i++) {
		const struct elf_segment *segment = &file->segments[i];

		if (vaddr >= segment->vaddr && vaddr - segment->vaddr < segment->memory_bytes)
			return segment;
	}
	return NULL;
}

bool elf_file_is_variable(const struct elf_file *file, uint64_t vaddr, size_t size)
{
	const struct elf_segment *segment = elf_file_segment(file, vaddr);

	return segment && segment->is_writable && vaddr % size == 0;
}

const struct elf_segment *elf_file_segment_at(const struct elf_file *file, size_t index)
{
	return index < file->nr_segments ? &file->segments[index] : NULL;
}

const struct elf_segment *elf_file_text(const struct elf_file *file)
{
	for (size_t i = 0; i < file->nr_segments; i++)
		if (file->segments[i].is_executable)
			return &file->segments[i];
	return NULL;
}

size_t elf_file_nr_texts(const struct elf_file *file)
{
	size_t count = 0;

	for (size_t i = 0; i < file->nr_segments; i++)
		count += file->segments[i].is_executable;
	return count;
}

int elf_file_read(const struct elf_file *file, uint64_t vaddr, void *ret, size_t size)
{
	const struct elf_segment *segment = elf_file_segment(file, vaddr);
	uint64_t skip = segment ? vaddr - segment->vaddr : 0;
	size_t stored = 0;

	if (!segment || size > segment->memory_bytes - skip)
		return -EFAULT;
	if (skip < segment->file_bytes)
		stored = segment->file_bytes - skip < size ? segment->file_bytes - skip : size;
	memset((char *)ret + stored, 0, size - stored);
	return elf_pread(file, segment->offset + skip, ret, stored);
}

int elf_file_read_string(const struct elf_file *file, uint64_t vaddr, char *ret, size_t size)
{
	const struct elf_segment *segment = elf_file_segment(file, vaddr);
	int err;

	if (!segment)
		return -EFAULT;
	if (size > segment->memory_bytes - (vaddr - segment->vaddr))
		size = segment->memory_bytes - (vaddr - segment->vaddr);
	err = elf_file_read(file, vaddr, ret, size);
	if (err)
		return err;
	return memchr(ret, '\0', size) ? 0 : -ENAMETOOLONG;
}

int elf_file_loader(const struct elf_file *file, char *ret, size_t size)
{
	if (!file->loader_vaddr)
		return -ENOENT;
	return elf_file_read_string(file, file->loader_vaddr, ret, size);
}

uint64_t elf_file_unwind_header(const struct elf_file *file)
{
	return file->unwind_vaddr;
}

int elf_file_bias(const struct elf_segment *segment, uint64_t start, uint64_t pgoff,
		  uint64_t *ret_bias)
{
	/* A segment's first mapping begins at its page, not at its first byte. Pages are the
	 * kernel's: of arm64, whose files are made for 64 KB, 4, 16 or 64 KB. */
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t first = segment->offset & ~(page_bytes - 1);

	if (pgoff < first || pgoff >= segment->offset + segment->file_bytes)
		return -EINVAL;
	*ret_bias = start - (segment->vaddr - segment->offset + pgoff);
	return 0;
}

/* Begins a walk through the dynamic section, which the loader reads and strip leaves. */
static bool begin_dynamic(struct elf_file *file, struct elf_cursor *ret)
{
	if (file->dynamic_bytes > MAX_DYNAMIC_BYTES) {
		file->is_over = true;
		return false;
	}
	return elf_cursor_begin(file, file->dynamic_offset, file->dynamic_bytes, sizeof(Elf64_Dyn),
				ret);
}

/* The value of the first entry with a tag, 0: there is none. */
static uint64_t dynamic_value(struct elf_file *file, int64_t tag)
{
	struct elf_cursor cursor;
	Elf64_Dyn entry;

	if (!begin_dynamic(file, &cursor))
		return 0;
	while (elf_cursor_next(&cursor, &entry) && entry.d_tag != DT_NULL) {
		if (entry.d_tag == tag)
			return entry.d_un.d_val;
	}
	return 0;
}

void elf_file_visit_dynamic(struct elf_file *file,
			    void (*visit)(int64_t tag, const char *text, void *context),
			    void *context)
{
	uint64_t strings = dynamic_value(file, DT_STRTAB);
	char text[ELF_MAX_TEXT_BYTES];
	struct elf_cursor cursor;
	Elf64_Dyn entry;
	uint64_t at;

	if (!strings || !begin_dynamic(file, &cursor))
		return;
	while (elf_cursor_next(&cursor, &entry) && entry.d_tag != DT_NULL) {
		if (entry.d_tag != DT_NEEDED && entry.d_tag != DT_RPATH &&
		    entry.d_tag != DT_RUNPATH)
			continue;
		if (!__builtin_add_overflow(strings, entry.d_un.d_val, &at) &&
		    !elf_file_charge(file, sizeof(text)) &&
		    !elf_file_read_string(file, at, text, sizeof(text)))
			visit(entry.d_tag, text, context);
	}
}

/* The entries of a table of relocations, which the dynamic section tells of. */
static bool begin_relocations(struct elf_file *file, int64_t table_tag, int64_t bytes_tag,
			      struct elf_cursor *ret)
{
	uint64_t table = dynamic_value(file, table_tag), bytes = dynamic_value(file, bytes_tag);
	const struct elf_segment *segment = table ? elf_file_segment(file, table) : NULL;

	return segment && elf_cursor_begin(file, segment->offset + (table - segment->vaddr), bytes,
					   sizeof(Elf64_Rela), ret);
}

void elf_file_visit_relative(struct elf_file *file,
			     bool (*visit)(uint64_t at, uint64_t value, void *context),
			     void *context)
{
	struct elf_cursor cursor;
	Elf64_Rela entry;

	if (!begin_relocations(file, DT_RELA, DT_RELASZ, &cursor))
		return;
	while (elf_cursor_next(&cursor, &entry)) {
		if (ELF64_R_TYPE(entry.r_info) == file->types->relative &&
		    !visit(entry.r_offset, (uint64_t)entry.r_addend, context))
			return;
	}
}

/* By its index in the table that begins at an address; 0: it is another file's. */
static uint64_t symbol_vaddr(const struct elf_file *file, uint64_t at, uint64_t index)
{
	Elf64_Sym symbol;

	if (!at || __builtin_add_overflow(at, index * sizeof(symbol), &at) ||
	    elf_file_read(file, at, &symbol, sizeof(symbol)) || symbol.st_shndx == SHN_UNDEF)
		return 0;
	return symbol.st_value;
}

#define MAX_BOUND 65536 /* symbols that are read one by one; libpython has some 2,000 */

static const int64_t binding_tags[][2] = {
	{ DT_JMPREL, DT_PLTRELSZ },
	{ DT_RELA, DT_RELASZ },
};

uint64_t elf_file_bound_symbol(struct elf_file *file, uint64_t at)
{
	struct elf_cursor cursor;
	Elf64_Rela entry;

	for (size_t i = 0; i < ARRAY_SIZE(binding_tags); i++) {
		if (!begin_relocations(file, binding_tags[i][0], binding_tags[i][1], &cursor))
			continue;
		while (elf_cursor_next(&cursor, &entry)) {
			if (entry.r_offset == at && ELF64_R_SYM(entry.r_info))
				return symbol_vaddr(file, dynamic_value(file, DT_SYMTAB),
						    ELF64_R_SYM(entry.r_info));
		}
	}
	return 0;
}

static bool binds_function(const struct elf_file *file, const Elf64_Rela *entry)
{
	uint32_t type = ELF64_R_TYPE(entry->r_info);

	return type == file->types->jump_slot || type == file->types->glob_dat;
}

uint64_t elf_file_bound_slot(struct elf_file *file, uint64_t vaddr)
{
	uint64_t symbols = dynamic_value(file, DT_SYMTAB);
	size_t nr_read = 0;
	struct elf_cursor cursor;
	Elf64_Rela entry;

	for (size_t i = 0; i < ARRAY_SIZE(binding_tags); i++) {
		if (!begin_relocations(file, binding_tags[i][0], binding_tags[i][1], &cursor))
			continue;
		while (elf_cursor_next(&cursor, &entry) && nr_read < MAX_BOUND) {
			if (!binds_function(file, &entry))
				continue;
			if (symbol_vaddr(file, symbols, ELF64_R_SYM(entry.r_info)) == vaddr)
				return entry.r_offset;
			nr_read++;
		}
	}
	return 0;
}

bool elf_file_fills_in_tls(struct elf_file *file, uint64_t at, enum elf_tls what)
{
	uint32_t type = what == ELF_TLS_DESCRIPTOR ? file->types->tls_descriptor
						   : file->types->tls_offset;
	struct elf_cursor cursor;
	Elf64_Rela entry;

	for (size_t i = 0; i < ARRAY_SIZE(binding_tags); i++) {
		if (!begin_relocations(file, binding_tags[i][0], binding_tags[i][1], &cursor))
			continue;
		while (elf_cursor_next(&cursor, &entry))
			if (entry.r_offset == at && ELF64_R_TYPE(entry.r_info) == type)
				return true;
	}
	return false;
}

struct addend {
	uint64_t at, value; /* 0: there is none */
};

static bool notice_addend(uint64_t at, uint64_t value, void *context)
{
	struct addend *addend = context;

	if (at == addend->at)
		addend->value = value;
	return at != addend->at;
}

int elf_file_read_pointer(struct elf_file *file, uint64_t vaddr, uint64_t *ret)
{
	int err = elf_file_read(file, vaddr, ret, sizeof(*ret));

	if (err)
		return err;
	if (!*ret) {
		struct addend addend = { .at = vaddr };

		elf_file_visit_relative(file, notice_addend, &addend);
		*ret = addend.value;
	}
	return *ret ? 0 : -ENOENT;
}
