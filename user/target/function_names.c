/* SPDX-License-Identifier: BSD-2-Clause */
/* See function_names.h. */
#include "function_names.h"

#include <elf.h>
#include <string.h>

#include "demangle.h"
#include "elf_file.h"
#include "memory.h"
#include "terminal.h"

#define CUT_MARK "…"
#define MANGLED_BYTES 8192 /* of a symbol; a longer one is not demangled */
#define MOST_ESCAPED 10	   /* \U0010ffff of a byte */

/* The best symbol so far; without name: none. */
struct choice {
	struct elf_function function;
	bool is_exact; /* or else it only reaches there */
};

static int rank_of_binding(uint8_t binding)
{
	if (binding == STB_GLOBAL || binding == STB_GNU_UNIQUE)
		return 2;
	return binding == STB_LOCAL ? 1 : 0;
}

static bool is_better(const struct choice *one, const struct choice *than)
{
	const struct elf_function *left = &one->function, *right = &than->function;
	int ranks[] = { rank_of_binding(left->binding), rank_of_binding(right->binding) };

	if (!right->name)
		return true;
	if (left->vaddr != right->vaddr)
		return left->vaddr > right->vaddr;
	if (ranks[0] != ranks[1])
		return ranks[0] > ranks[1];
	return *left->name != '_' && *right->name == '_';
}

/* One with that address is also the nearest. */
static void consider(struct choice *choice, const struct elf_function *function, uint64_t vaddr)
{
	const struct choice other = { *function, function->vaddr == vaddr };

	if (function->vaddr > vaddr ||
	    (!other.is_exact && vaddr - function->vaddr >= function->size))
		return;
	if (is_better(&other, choice))
		*choice = other;
}

/* The name as the source has it, without its version: `name@VERSION`, and `name@@VERSION` of the
 * default one. As much of it as is kept, and one byte more. */
static void read_name(const char *from, char raw[FUNCTION_NAME_BYTES + 1])
{
	char symbol[MANGLED_BYTES];
	size_t length = strnlen(from, sizeof(symbol) - 1);
	const char *version = memchr(from, '@', length);

	if (version && version > from)
		length = (size_t)(version - from);
	memcpy(symbol, from, length);
	symbol[length] = '\0';
	if (demangle(symbol, raw, FUNCTION_NAME_BYTES + 1))
		return;
	length = length < FUNCTION_NAME_BYTES ? length : FUNCTION_NAME_BYTES;
	memcpy(raw, symbol, length);
	raw[length] = '\0';
}

static void put_name(const char *from, char *ret)
{
	char raw[FUNCTION_NAME_BYTES + 1], escaped[FUNCTION_NAME_BYTES * MOST_ESCAPED + 1];
	size_t length;

	read_name(from, raw);
	if (terminal_escape(raw, escaped, sizeof(escaped)) < FUNCTION_NAME_BYTES) {
		memcpy(ret, escaped, strlen(escaped) + 1);
		return;
	}
	length = terminal_escape(raw, ret, FUNCTION_NAME_BYTES - strlen(CUT_MARK));
	memcpy(ret + length, CUT_MARK, sizeof(CUT_MARK));
}

/* Of those that have no name yet. */
static void name_by(struct elf_file *file, enum elf_symbol_table table, struct function_name *names,
		    size_t count)
{
	struct elf_functions *functions = elf_functions_new(file, table);
	struct choice choices[FUNCTION_NAMES_BATCH] = { 0 };
	struct elf_function function;

	while (functions && elf_functions_next(functions, &function)) {
		for (size_t i = 0; i < count; i++)
			if (names[i].vaddr)
				consider(&choices[i], &function, names[i].vaddr);
	}
	for (size_t i = 0; i < count; i++)
		if (choices[i].function.name && !names[i].name[0])
			put_name(choices[i].function.name, names[i].name);
	elf_functions_free(functions);
}

/* 0: it is in no segment. */
static uint64_t vaddr_of(const struct elf_file *file, uint32_t offset)
{
	const struct elf_segment *segment;

	for (size_t i = 0; (segment = elf_file_segment_at(file, i)); i++)
		if (segment->is_executable && offset >= segment->offset &&
		    offset - segment->offset < segment->file_bytes)
			return segment->vaddr + (offset - segment->offset);
	return 0;
}

int function_names_read(int fd, const uint32_t *begins, size_t count, struct function_name *ret)
{
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	int error = elf_file_open(fd, &file);

	memset(ret, 0, count * sizeof(*ret));
	if (error)
		return error;
	for (size_t i = 0; i < count; i++)
		ret[i].vaddr = vaddr_of(file, begins[i]);
	name_by(file, ELF_SYMTAB, ret, count);
	name_by(file, ELF_DYNSYM, ret, count);
	return 0;
}

bool function_name_is_sane(const struct function_name *name)
{
	char escaped[FUNCTION_NAME_BYTES * MOST_ESCAPED + 1];

	if (!memchr(name->name, '\0', sizeof(name->name)))
		return false;
	terminal_escape(name->name, escaped, sizeof(escaped));
	return !strcmp(escaped, name->name);
}
