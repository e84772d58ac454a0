/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads one ELF file for x86-64 or arm64: segments, symbols, the bytes at a file address, the
 * dynamic section. What the symbols mean is for the callers. The file is hostile: every size and
 * offset is checked against the file's size and a limit before anything is allocated; contents are
 * read with pread and never mapped, so that a file which shrinks is an error, not a SIGBUS; and all
 * tables and text that are read of one open file have a budget of bytes together.
 */
#ifndef MEMPROBE_ELF_FILE_H
#define MEMPROBE_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_file;
struct elf_functions;

/* The largest of CPython with its symbols takes 15 MB (3.12 --enable-shared: text 12.7 MB). */
#define ELF_MAX_READ_BYTES (256UL << 20)
#define ELF_MAX_TEXT_BYTES 4096 /* of a name in the dynamic section; longer ones are left out */

struct elf_segment {
	uint64_t vaddr;
	uint64_t offset;
	uint64_t file_bytes;
	uint64_t memory_bytes; /* >= file_bytes; the rest is zero: .bss */
	bool is_executable;
	bool is_writable;
};

enum elf_symbol_table {
	ELF_DYNSYM, /* survives stripping */
	ELF_SYMTAB,
};

struct elf_symbol {
	const char *name; /* wanted; set by the caller */
	uint64_t vaddr;	  /* 0: not defined in this file */
	uint64_t size;	  /* as the file claims, possibly 0 */
};

struct elf_note {
	const char *owner;
	const void *description; /* without alignment */
	size_t description_bytes;
	uint32_t type;
};

/* e_machine of what runs on this machine, or on one of that kind (<elf.h>). */
#if defined(__x86_64__)
#define ELF_MACHINE_HERE EM_X86_64
#define ELF_MACHINE_NAME "x86_64" /* as folders and files are named after it */
#elif defined(__aarch64__)
#define ELF_MACHINE_HERE EM_AARCH64
#define ELF_MACHINE_NAME "aarch64"
#endif

/*
 * Opens a file for the machine that we are compiled for. Borrows fd, which must stay open.
 * -ENOEXEC: not a regular file, not ELF for that machine, or an ELF header without sense.
 */
int elf_file_open(int fd, struct elf_file **ret);
/* The same for EM_X86_64 or EM_AARCH64; what is known of either is known everywhere. */
int elf_file_open_for(int fd, uint16_t machine, struct elf_file **ret);
/* EM_X86_64 or EM_AARCH64. */
uint16_t elf_file_machine(const struct elf_file *file);
void elf_file_free(struct elf_file *file);
void elf_file_freep(struct elf_file **file);

/* Takes bytes that are going to be read out of the budget. -E2BIG: they are more than it has. */
int elf_file_charge(struct elf_file *file, uint64_t bytes);
/* Was something left out because it is larger than what is read? */
bool elf_file_is_over(const struct elf_file *file);

/*
 * Fills in every symbol not found yet that the table defines; the first definition counts. A local
 * variable also matches with a compiler's suffix: `key.lto_priv.0` for `key`. Returns how many it
 * found.
 */
size_t elf_file_find_symbols(struct elf_file *file, enum elf_symbol_table table,
			     struct elf_symbol *symbols, size_t nr_symbols);

struct elf_function {
	const char *name; /* until the walk is freed; as it is in the file, its version and all */
	uint64_t vaddr, size;
	uint8_t binding; /* STB_* */
};

/* A walk through the functions that a table defines, in its order. NULL: it has no such table. */
struct elf_functions *elf_functions_new(struct elf_file *file, enum elf_symbol_table table);
void elf_functions_free(struct elf_functions *functions);
bool elf_functions_next(struct elf_functions *functions, struct elf_function *ret);

/*
 * Whether .symtab shows that a source file was compiled by itself, so that no other source's code
 * has copies of its functions: it is named there, and no symbol has a suffix of the link-time
 * optimizers.
 */
bool elf_file_is_compiled_apart(struct elf_file *file, const char *source);

/* The PT_LOAD that holds the address, or NULL. */
const struct elf_segment *elf_file_segment(const struct elf_file *file, uint64_t vaddr);
/* Whether the program may write there, and the address is a multiple of `size`. */
bool elf_file_is_variable(const struct elf_file *file, uint64_t vaddr, size_t size);
/* Each PT_LOAD in turn, from 0 on; NULL behind the last. */
const struct elf_segment *elf_file_segment_at(const struct elf_file *file, size_t index);
/* How many PT_LOADs are executable: linkers make one. */
size_t elf_file_nr_texts(const struct elf_file *file);
/* The first executable PT_LOAD, or NULL. */
const struct elf_segment *elf_file_text(const struct elf_file *file);

/*
 * Reads the initial contents of memory at a file address. -EFAULT: not all inside one segment;
 * -EIO: the file is shorter than it claims. On failure the buffer holds anything.
 */
int elf_file_read(const struct elf_file *file, uint64_t vaddr, void *ret, size_t size);
/*
 * The file address that a pointer in memory holds, before the load address is added to it: what the
 * file has there, or what a relative relocation will put there. -ENOENT: neither; else as
 * elf_file_read.
 */
int elf_file_read_pointer(struct elf_file *file, uint64_t vaddr, uint64_t *ret);
/*
 * Calls visit with each address that a relative relocation of DT_RELA gives a value to, until it
 * returns false. Those of DT_RELR have theirs in the file already, where elf_file_read finds them.
 */
void elf_file_visit_relative(struct elf_file *file,
			     bool (*visit)(uint64_t at, uint64_t value, void *context),
			     void *context);
/*
 * The file address of this file's own symbol whose address the loader puts into a place of the
 * global offset table, though another file's of that name may come before it. 0: none.
 */
uint64_t elf_file_bound_symbol(struct elf_file *file, uint64_t at);
/* The other way round: the first place that a function's address is put into, by which the file
 * calls it. 0: none. */
uint64_t elf_file_bound_slot(struct elf_file *file, uint64_t vaddr);
/* What a relocation puts into the GOT of a thread-local variable. */
enum elf_tls {
	ELF_TLS_DESCRIPTOR, /* two words, the first of them a function */
	ELF_TLS_OFFSET,	    /* its offset from the thread pointer */
};
bool elf_file_fills_in_tls(struct elf_file *file, uint64_t at, enum elf_tls what);
/* The NUL-terminated string at an address. -ENAMETOOLONG: no NUL within size. */
int elf_file_read_string(const struct elf_file *file, uint64_t vaddr, char *ret, size_t size);

/*
 * What to add to a file address in a process of this machine that maps file offset `pgoff` at
 * `start`, given the segment that the mapping shows. -EINVAL when the mapping does not show the
 * segment.
 */
int elf_file_bias(const struct elf_segment *segment, uint64_t start, uint64_t pgoff,
		  uint64_t *ret_bias);

/* The loader that a program names (PT_INTERP). -ENOENT: it names none; else as
 * elf_file_read_string. */
int elf_file_loader(const struct elf_file *file, char *ret, size_t size);

/* The file address of .eh_frame_hdr (PT_GNU_EH_FRAME), 0 when there is none. */
uint64_t elf_file_unwind_header(const struct elf_file *file);

/* Calls visit with the string of each DT_NEEDED, DT_RPATH and DT_RUNPATH, in the file's order. */
void elf_file_visit_dynamic(struct elf_file *file,
			    void (*visit)(int64_t tag, const char *text, void *context),
			    void *context);

/* The file address of a section, 0 when there is none. */
uint64_t elf_file_section_vaddr(struct elf_file *file, const char *name);
/* The same, and how many bytes it has. False: there is none that is loaded. */
bool elf_file_section_range(struct elf_file *file, const char *name, uint64_t *ret_vaddr,
			    uint64_t *ret_bytes);
/* Calls visit with each note of a section until one is damaged; it lives until visit returns. */
void elf_file_visit_notes(struct elf_file *file, const char *section,
			  void (*visit)(const struct elf_note *note, void *context), void *context);

#endif
