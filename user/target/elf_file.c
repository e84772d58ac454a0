/* SPDX-License-Identifier: BSD-2-Clause */
/* One ELF file; see elf_file.h. libelf reads tables, segments are read by hand. */
#include "elf_file.h"

#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

/* A table that claims more is not read: libelf would allocate it. The largest .dynstr and .symtab
 * of programs seen in the wild (browsers, torch) stay below. */
#define MAX_SECTION_BYTES (512UL << 20)
#define MAX_SEGMENTS 256

#define PAGE_BYTES 4096UL

struct elf_file {
	int fd;
	Elf *elf;
	size_t nr_segments;
	struct elf_segment segments[MAX_SEGMENTS];
};

static int check_header(Elf *elf)
{
	GElf_Ehdr header;

	if (elf_kind(elf) != ELF_K_ELF || gelf_getclass(elf) != ELFCLASS64)
		return -ENOEXEC;
	if (!gelf_getehdr(elf, &header) || header.e_ident[EI_DATA] != ELFDATA2LSB ||
	    header.e_machine != EM_X86_64)
		return -ENOEXEC;
	if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
		return -ENOEXEC;
	return 0;
}

/* A segment that wraps around has no byte that can be read. */
static bool is_sane(const GElf_Phdr *header)
{
	uint64_t end;

	return header->p_filesz <= header->p_memsz &&
	       !__builtin_add_overflow(header->p_vaddr, header->p_memsz, &end) &&
	       !__builtin_add_overflow(header->p_offset, header->p_memsz, &end) && end <= LLONG_MAX;
}

static void add_segment(struct elf_file *file, const GElf_Phdr *header)
{
	if (!is_sane(header) || file->nr_segments == MAX_SEGMENTS)
		return;
	file->segments[file->nr_segments++] = (struct elf_segment){
		.vaddr = header->p_vaddr,
		.offset = header->p_offset,
		.file_bytes = header->p_filesz,
		.memory_bytes = header->p_memsz,
		.is_executable = header->p_flags & PF_X,
		.is_writable = header->p_flags & PF_W,
	};
}

static int read_segments(struct elf_file *file)
{
	GElf_Phdr header;
	size_t count;

	if (elf_getphdrnum(file->elf, &count))
		return -ENOEXEC;
	for (size_t i = 0; i < count && i < MAX_SEGMENTS; i++) {
		if (!gelf_getphdr(file->elf, (int)i, &header))
			return -ENOEXEC;
		if (header.p_type == PT_LOAD)
			add_segment(file, &header);
	}
	return 0;
}

int elf_file_open(int fd, struct elf_file **ret)
{
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	struct stat status;
	int err;

	if (fstat(fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode) || elf_version(EV_CURRENT) == EV_NONE)
		return -ENOEXEC;
	file = xcalloc(1, sizeof(*file));
	file->fd = fd;
	file->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!file->elf)
		return -ENOEXEC;
	err = check_header(file->elf);
	if (!err)
		err = read_segments(file);
	if (err)
		return err;
	*ret = TAKE(file);
	return 0;
}

void elf_file_free(struct elf_file *file)
{
	if (!file)
		return;
	elf_end(file->elf);
	free(file);
}

void elf_file_freep(struct elf_file **file)
{
	elf_file_free(*file);
}

static bool is_readable(Elf_Scn *section)
{
	GElf_Shdr header;

	return section && gelf_getshdr(section, &header) && header.sh_size <= MAX_SECTION_BYTES &&
	       !(header.sh_flags & SHF_COMPRESSED) && header.sh_type != SHT_NOBITS;
}

/* The first section of a type whose contents and strings can be read, with its header. */
static Elf_Data *find_table(struct elf_file *file, unsigned int type, GElf_Shdr *ret_header)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(file->elf, section))) {
		if (!gelf_getshdr(section, &header) || header.sh_type != type)
			continue;
		if (!is_readable(section) || !is_readable(elf_getscn(file->elf, header.sh_link)))
			return NULL;
		*ret_header = header;
		return elf_getdata(section, NULL);
	}
	return NULL;
}

static bool name_matches(const char *name, const char *wanted, const GElf_Sym *symbol)
{
	size_t length = strlen(wanted);

	if (strncmp(name, wanted, length) != 0)
		return false;
	return !name[length] ||
	       (name[length] == '.' && GELF_ST_TYPE(symbol->st_info) == STT_OBJECT &&
		GELF_ST_BIND(symbol->st_info) == STB_LOCAL);
}

static size_t match_symbol(const char *name, const GElf_Sym *symbol, struct elf_symbol *symbols,
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

static bool is_defined(const GElf_Sym *symbol)
{
	unsigned int type = GELF_ST_TYPE(symbol->st_info);

	return symbol->st_shndx != SHN_UNDEF && symbol->st_value &&
	       (type == STT_OBJECT || type == STT_FUNC || type == STT_NOTYPE);
}

size_t elf_file_find_symbols(struct elf_file *file, enum elf_symbol_table table,
			     struct elf_symbol *symbols, size_t nr_symbols)
{
	GElf_Shdr header;
	Elf_Data *data = find_table(file, table == ELF_DYNSYM ? SHT_DYNSYM : SHT_SYMTAB, &header);
	size_t found = 0, count = data ? data->d_size / sizeof(Elf64_Sym) : 0;
	GElf_Sym symbol;

	for (size_t i = 0; i < count && i <= INT_MAX; i++) {
		if (!gelf_getsym(data, (int)i, &symbol))
			break;
		if (!is_defined(&symbol))
			continue;
		const char *name = elf_strptr(file->elf, header.sh_link, symbol.st_name);

		if (name)
			found += match_symbol(name, &symbol, symbols, nr_symbols);
	}
	return found;
}

/* GCC's and Clang's names for a static symbol that other files' code now uses. */
static bool is_from_link_time(const char *name)
{
	return strstr(name, ".lto_priv.") || strstr(name, ".llvm.");
}

bool elf_file_is_compiled_apart(struct elf_file *file, const char *source)
{
	GElf_Shdr header;
	Elf_Data *data = find_table(file, SHT_SYMTAB, &header);
	size_t count = data ? data->d_size / sizeof(Elf64_Sym) : 0;
	bool is_named = false;
	GElf_Sym symbol;

	for (size_t i = 0; i < count && i <= INT_MAX; i++) {
		if (!gelf_getsym(data, (int)i, &symbol))
			break;
		const char *name = elf_strptr(file->elf, header.sh_link, symbol.st_name);

		if (!name)
			continue;
		if (is_from_link_time(name))
			return false;
		is_named |= GELF_ST_TYPE(symbol.st_info) == STT_FILE && !strcmp(name, source);
	}
	return is_named;
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

const struct elf_segment *elf_file_text(const struct elf_file *file)
{
	for (size_t i = 0; i < file->nr_segments; i++)
		if (file->segments[i].is_executable)
			return &file->segments[i];
	return NULL;
}

static int read_all(int fd, uint64_t offset, char *ret, size_t size)
{
	while (size) {
		ssize_t got = pread(fd, ret, size, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EIO;
		ret += got;
		offset += (size_t)got;
		size -= (size_t)got;
	}
	return 0;
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
	return read_all(file->fd, segment->offset + skip, ret, stored);
}

/* The addend of the relative relocation of an address, 0: there is none. */
static uint64_t find_addend(Elf_Data *data, uint64_t vaddr)
{
	size_t count = data ? data->d_size / sizeof(Elf64_Rela) : 0;
	GElf_Rela entry;

	for (size_t i = 0; i < count && i <= INT_MAX; i++) {
		if (gelf_getrela(data, (int)i, &entry) && entry.r_offset == vaddr)
			return GELF_R_TYPE(entry.r_info) == R_X86_64_RELATIVE
				       ? (uint64_t)entry.r_addend
				       : 0;
	}
	return 0;
}

int elf_file_read_pointer(struct elf_file *file, uint64_t vaddr, uint64_t *ret)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	int err = elf_file_read(file, vaddr, ret, sizeof(*ret));

	if (err)
		return err;
	while (!*ret && (section = elf_nextscn(file->elf, section))) {
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_RELA &&
		    is_readable(section))
			*ret = find_addend(elf_getdata(section, NULL), vaddr);
	}
	return *ret ? 0 : -ENOENT;
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

int elf_file_bias(const struct elf_segment *segment, uint64_t start, uint64_t pgoff,
		  uint64_t *ret_bias)
{
	/* A segment's first mapping begins at its page, not at its first byte. */
	uint64_t first = segment->offset & ~(PAGE_BYTES - 1);

	if (pgoff < first || pgoff >= segment->offset + segment->file_bytes)
		return -EINVAL;
	*ret_bias = start - (segment->vaddr - segment->offset + pgoff);
	return 0;
}

void elf_file_visit_dynamic(struct elf_file *file,
			    void (*visit)(int64_t tag, const char *text, void *context),
			    void *context)
{
	GElf_Shdr header;
	Elf_Data *data = find_table(file, SHT_DYNAMIC, &header);
	size_t count = data ? data->d_size / sizeof(Elf64_Dyn) : 0;
	GElf_Dyn entry;

	for (size_t i = 0; i < count && i <= INT_MAX; i++) {
		if (!gelf_getdyn(data, (int)i, &entry) || entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag != DT_NEEDED && entry.d_tag != DT_RPATH &&
		    entry.d_tag != DT_RUNPATH)
			continue;
		const char *text = elf_strptr(file->elf, header.sh_link, entry.d_un.d_val);

		if (text)
			visit(entry.d_tag, text, context);
	}
}

static Elf_Scn *find_section(struct elf_file *file, const char *name, GElf_Shdr *ret_header)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	size_t names;

	if (elf_getshdrstrndx(file->elf, &names) || !is_readable(elf_getscn(file->elf, names)))
		return NULL;
	while ((section = elf_nextscn(file->elf, section))) {
		if (!gelf_getshdr(section, &header))
			continue;
		const char *found = elf_strptr(file->elf, names, header.sh_name);

		if (found && !strcmp(found, name)) {
			*ret_header = header;
			return section;
		}
	}
	return NULL;
}

uint64_t elf_file_section_vaddr(struct elf_file *file, const char *name)
{
	GElf_Shdr header;

	return find_section(file, name, &header) ? header.sh_addr : 0;
}

/* Whether name and description lie in the section and the name ends there. */
static bool is_note_whole(const Elf_Data *data, const GElf_Nhdr *header, size_t name,
			  size_t description)
{
	return name <= data->d_size && header->n_namesz <= data->d_size - name &&
	       description <= data->d_size && header->n_descsz <= data->d_size - description &&
	       memchr((const char *)data->d_buf + name, '\0', header->n_namesz);
}

void elf_file_visit_notes(struct elf_file *file, const char *section,
			  void (*visit)(const struct elf_note *note, void *context), void *context)
{
	GElf_Shdr section_header;
	Elf_Scn *found = find_section(file, section, &section_header);
	Elf_Data *data = NULL;
	size_t next = 0, name, description;
	GElf_Nhdr header;

	if (found && section_header.sh_type == SHT_NOTE && is_readable(found))
		data = elf_getdata(found, NULL);
	if (!data || !data->d_buf)
		return;
	while ((next = gelf_getnote(data, next, &header, &name, &description))) {
		if (!is_note_whole(data, &header, name, description))
			return;
		visit(&(struct elf_note){ .owner = (const char *)data->d_buf + name,
					  .description = (const char *)data->d_buf + description,
					  .description_bytes = header.n_descsz,
					  .type = header.n_type },
		      context);
	}
}
