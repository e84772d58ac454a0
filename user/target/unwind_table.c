/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See unwind_table.h. Functions are put in order first, so that their rows come out in order: the
 * whole is as long as the section, but for the sorting.
 */
#include "unwind_table.h"

#include <errno.h>
#include <string.h>

#include "cfi_entries.h"
#include "elf_file.h"
#include "hash_table.h"
#include "memory.h"

#define NO_RULE 0 /* index of UNWIND_CFA_NONE */

struct function {
	uint32_t begin, end; /* offsets in the file */
	uint32_t common, program, program_bytes;
};

struct builder {
	struct elf_file *file;
	uint8_t *bytes;
	struct cfi_section section;
	struct cfi_entries entries;
	struct function *functions;
	size_t nr_functions, functions_capacity;
	const struct elf_segment *last; /* where a function was found last */
	struct hash_table rule_ids;
	struct unwind_table table;
	size_t rows_capacity, rules_capacity;
};

static void builder_clear(struct builder *builder)
{
	elf_file_free(builder->file);
	free(builder->bytes);
	cfi_entries_clear(&builder->entries);
	free(builder->functions);
	hash_table_free(&builder->rule_ids);
	unwind_table_clear(&builder->table);
}

/* ---- The section ---- */

#define HEADER_VERSION 1

/* Where .eh_frame_hdr says that it begins: LSB Core, Exception Frames. 0: nowhere. */
static uint64_t read_header(const struct elf_file *file)
{
	uint8_t header[16];
	uint64_t vaddr = elf_file_unwind_header(file), at;
	struct cfi_bytes from = { header, header + sizeof(header), false };

	if (!vaddr || elf_file_read(file, vaddr, header, sizeof(header)) ||
	    cfi_fixed(&from, 1) != HEADER_VERSION)
		return 0;
	from.at += 3; /* encodings */
	return cfi_address(&from, header[1], vaddr + 4, &at) ? at : 0;
}

/* How many bytes are in the file from an address on. */
static uint64_t bytes_behind(const struct elf_file *file, uint64_t vaddr)
{
	const struct elf_segment *segment = elf_file_segment(file, vaddr);
	uint64_t skip = segment ? vaddr - segment->vaddr : 0;

	return segment && skip < segment->file_bytes ? segment->file_bytes - skip : 0;
}

/* By its name; or else by its header, which has no size: it lies somewhere in that segment. */
static int locate_section(struct builder *builder)
{
	struct cfi_section *section = &builder->section;
	uint64_t bytes, most;

	section->has_end = elf_file_section_range(builder->file, ".eh_frame", &section->vaddr,
						  &bytes) &&
			   bytes <= bytes_behind(builder->file, section->vaddr);
	if (!section->has_end) {
		section->vaddr = read_header(builder->file);
		most = section->vaddr ? bytes_behind(builder->file, section->vaddr) : 0;
		bytes = most < UNWIND_MAX_SECTION_BYTES ? most : UNWIND_MAX_SECTION_BYTES;
	}
	section->size = bytes;
	if (!bytes)
		return -ENODATA;
	return bytes <= UNWIND_MAX_SECTION_BYTES ? elf_file_charge(builder->file, bytes) : -E2BIG;
}

static int load_section(struct builder *builder)
{
	int error = locate_section(builder);

	if (error)
		return error;
	builder->bytes = xmalloc(builder->section.size);
	builder->section.bytes = builder->bytes;
	builder->entries.section = &builder->section;
	return elf_file_read(builder->file, builder->section.vaddr, builder->bytes,
			     builder->section.size);
}

/* ---- Functions ---- */

static const struct elf_segment *segment_of(struct builder *builder, uint64_t vaddr)
{
	const struct elf_segment *last = builder->last;

	if (!last || vaddr < last->vaddr || vaddr - last->vaddr >= last->memory_bytes)
		builder->last = elf_file_segment(builder->file, vaddr);
	return builder->last;
}

/* False: it has no code in the file. */
static bool place_function(struct builder *builder, const struct cfi_function *from,
			   struct function *ret)
{
	const struct elf_segment *segment = segment_of(builder, from->vaddr);
	uint64_t skip = segment ? from->vaddr - segment->vaddr : 0, begin, bytes;

	if (!segment || !segment->is_executable || skip >= segment->file_bytes)
		return false;
	begin = segment->offset + skip;
	bytes = segment->file_bytes - skip < from->bytes ? segment->file_bytes - skip : from->bytes;
	if (!bytes || begin >= UINT32_MAX)
		return false;
	*ret = (struct function){
		.begin = (uint32_t)begin,
		.end = bytes < UINT32_MAX - begin ? (uint32_t)(begin + bytes) : UINT32_MAX,
		.common = from->common,
		.program = from->program,
		.program_bytes = from->program_bytes,
	};
	return true;
}

static int compare_functions(const void *left, const void *right)
{
	const struct function *one = left, *other = right;

	if (one->begin != other->begin)
		return one->begin < other->begin ? -1 : 1;
	return (one->program > other->program) - (one->program < other->program);
}

static int collect_functions(struct builder *builder)
{
	struct cfi_function found;
	struct function function;

	while (cfi_entries_next(&builder->entries, &found)) {
		if (!place_function(builder, &found, &function))
			continue;
		if (builder->nr_functions == UNWIND_MAX_FUNCTIONS)
			return -E2BIG;
		builder->functions = array_reserve(builder->functions, &builder->functions_capacity,
						   builder->nr_functions + 1,
						   sizeof(*builder->functions));
		builder->functions[builder->nr_functions++] = function;
	}
	return builder->nr_functions ? 0 : -ENODATA;
}

/* Of those that begin at the same place the first in the section is left. */
static void order_functions(struct builder *builder)
{
	struct function *functions = builder->functions;
	size_t kept = 1;

	qsort(functions, builder->nr_functions, sizeof(*functions), compare_functions);
	for (size_t i = 1; i < builder->nr_functions; i++)
		if (functions[i].begin != functions[kept - 1].begin)
			functions[kept++] = functions[i];
	builder->nr_functions = kept;
}

/* ---- Rows ---- */

/* The index of a rule. */
static uint32_t rule_id(struct builder *builder, struct wire_unwind_rule rule)
{
	struct unwind_table *table = &builder->table;
	uint32_t id = (uint32_t)table->nr_rules;
	uint64_t key;

	_Static_assert(sizeof(key) == sizeof(rule), "a rule is its own key");
	memcpy(&key, &rule, sizeof(key));
	if (hash_table_get(&builder->rule_ids, key, &id))
		return id;
	if (id == UNWIND_MAX_RULES)
		return NO_RULE;
	table->rules = array_reserve(table->rules, &builder->rules_capacity, table->nr_rules + 1,
				     sizeof(*table->rules));
	table->rules[table->nr_rules++] = rule;
	hash_table_put(&builder->rule_ids, key, id);
	return id;
}

static uint32_t rule_at(const struct unwind_table *table, size_t row)
{
	return table->rows[row].rule & (UNWIND_MAX_RULES - 1);
}

/* `first` is the row of its function's begin, or its own. */
static int add_row(struct builder *builder, uint32_t offset, uint32_t rule, size_t first)
{
	struct unwind_table *table = &builder->table;

	if (table->nr_rows == UNWIND_MAX_ROWS)
		return -E2BIG;
	table->rows = array_reserve(table->rows, &builder->rows_capacity, table->nr_rows + 1,
				    sizeof(*table->rows));
	table->rows[table->nr_rows] = (struct wire_unwind_row){
		.offset = offset,
		.rule = (uint32_t)(table->nr_rows - first) << UNWIND_RULE_BITS | rule,
	};
	table->nr_rows++;
	return 0;
}

/* The rows of a function that are before `end`. */
static int add_function(struct builder *builder, const struct function *function, uint32_t end)
{
	const struct cfi_function from = {
		.bytes = end - function->begin,
		.common = function->common,
		.program = function->program,
		.program_bytes = function->program_bytes,
	};
	struct unwind_table *table = &builder->table;
	size_t first = table->nr_rows;
	struct wire_unwind_rule rule;
	struct cfi_run run;
	uint64_t at;
	int error = 0;

	cfi_entries_run(&builder->entries, &from, &run);
	while (!error && cfi_program_next(&run, &at, &rule)) {
		uint32_t id = rule_id(builder, rule);

		if (table->nr_rows > first && rule_at(table, table->nr_rows - 1) == id)
			continue;
		if (table->nr_rows - first > UNWIND_MAX_BACK)
			first = table->nr_rows;
		error = add_row(builder, function->begin + (uint32_t)at, id, first);
	}
	return error;
}

static int add_functions(struct builder *builder)
{
	int error = 0;

	rule_id(builder, (struct wire_unwind_rule){ .cfa = UNWIND_CFA_NONE });
	for (size_t i = 0; i < builder->nr_functions && !error; i++) {
		const struct function *function = &builder->functions[i];
		uint32_t next = i + 1 < builder->nr_functions ? function[1].begin : UINT32_MAX;
		uint32_t end = function->end < next ? function->end : next;

		error = add_function(builder, function, end);
		if (!error && end < next)
			error = add_row(builder, end, NO_RULE, builder->table.nr_rows);
	}
	return error;
}

int unwind_table_read(int fd, struct unwind_table *ret)
{
	_cleanup_(builder_clear) struct builder builder = { 0 };
	int error = elf_file_open_for(fd, EM_X86_64, &builder.file);

	if (!error)
		error = load_section(&builder);
	if (!error)
		error = collect_functions(&builder);
	if (error)
		return error;
	order_functions(&builder);
	error = add_functions(&builder);
	if (error)
		return error;
	*ret = builder.table;
	builder.table = (struct unwind_table){ 0 };
	return 0;
}

static bool is_sane_rule(const struct wire_unwind_rule *rule)
{
	return rule->cfa < NR_UNWIND_CFAS && rule->rbp < NR_UNWIND_RBPS &&
	       (rule->cfa != UNWIND_CFA_PLT || (rule->cfa_offset >= 0 && rule->cfa_offset < 16));
}

bool unwind_table_is_sane(const struct unwind_table *table)
{
	uint32_t back, before = 0;

	if (table->nr_rows > UNWIND_MAX_ROWS || table->nr_rules > UNWIND_MAX_RULES)
		return false;
	for (size_t i = 0; i < table->nr_rules; i++)
		if (!is_sane_rule(&table->rules[i]))
			return false;
	for (size_t i = 0; i < table->nr_rows; i++, before = back) {
		back = table->rows[i].rule >> UNWIND_RULE_BITS;
		if (rule_at(table, i) >= table->nr_rules || (back && (!i || back != before + 1)) ||
		    (i && table->rows[i].offset <= table->rows[i - 1].offset))
			return false;
	}
	return true;
}

void unwind_table_clear(struct unwind_table *table)
{
	free(table->rows);
	free(table->rules);
	*table = (struct unwind_table){ 0 };
}
