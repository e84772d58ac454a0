/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reader of Python's objects under arbitrary memory. An input is the version, where the object
 * is, and the memory from OBJECT_MEMORY_BASE on; what it lacks is zero. Whatever that holds, a
 * question must end after a bounded number of reads, with an answer or an error.
 */
#include "fuzz_target.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "object_memory.h"
#include "python_cells.h"
#include "python_class.h"
#include "python_object.h"
#include "python_string.h"

#define HEAD_BYTES 3

static void expect(bool is_good, const char *what)
{
	if (is_good)
		return;
	fprintf(stderr, "fuzz_object: %s\n", what);
	abort();
}

static void ask_attribute(struct object_memory *memory, uint64_t object, const char *name)
{
	_cleanup_(freep) char *text = NULL;
	int err = python_object_attribute(&memory->reader, object, name, &text);

	expect(err <= 0 && (err == 0) == (text != NULL), "an error with an answer");
	expect(memory->nr_reads <= PYTHON_READS_MAX + 1, "an attribute takes too many reads");
	memory->nr_reads = 0;
}

static void ask_type(struct object_memory *memory, uint64_t object)
{
	struct python_type type = { 0 };
	int err = python_object_type(&memory->reader, object, &type);

	expect(err || (type.name && type.module && type.qualname), "a type without names");
	expect(memory->nr_reads <= PYTHON_READS_MAX, "a type takes too many reads");
	python_type_clear(&type);
	(void)python_class_derives(&memory->reader, object, "module", "Class");
	memory->nr_reads = 0;
}

static void ask_cell(struct object_memory *memory, uint64_t modules)
{
	_cleanup_(freep) char *text = NULL;
	uint32_t number;

	(void)python_cell_text(&memory->reader, modules, 1, &text);
	(void)python_cell_number(&memory->reader, modules, "a0", &number);
	expect(memory->nr_reads <= 16 * PYTHON_READS_MAX, "a cell takes too many reads");
	memory->nr_reads = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct object_memory memory;
	_cleanup_(freep) char *text = NULL;
	uint64_t object, content;

	if (size < HEAD_BYTES)
		return 0;
	object_memory_init(&memory,
			   OBJECT_MEMORY_FIRST_MINOR + bytes[0] % OBJECT_MEMORY_NR_VERSIONS);
	object = OBJECT_MEMORY_BASE + (bytes[1] | bytes[2] << 8);
	size -= HEAD_BYTES;
	memset(memory.bytes, 0, sizeof(memory.bytes));
	memcpy(memory.bytes, bytes + HEAD_BYTES,
	       size < sizeof(memory.bytes) ? size : sizeof(memory.bytes));
	ask_attribute(&memory, object, "pathname");
	ask_attribute(&memory, object,
		      "gr\xc3\xb6\xc3\x9f"
		      "e");
	ask_type(&memory, object);
	ask_cell(&memory, object);
	(void)python_string_read(&memory.reader, object, 4096, &text);
	(void)python_object_uncell(&memory.reader, object, memory.str_type, &content);
	return 0;
}

/* An object of each version and way. */
uint8_t *fuzz_seed(unsigned int number, size_t *ret_size)
{
	static struct object_memory memory;
	unsigned int version = number / OBJECT_NR_WAYS;
	uint64_t object;
	uint8_t *input;

	if (version >= OBJECT_MEMORY_NR_VERSIONS)
		return NULL;
	object_memory_init(&memory, OBJECT_MEMORY_FIRST_MINOR + version);
	object = object_memory_instance(&memory, number % OBJECT_NR_WAYS) - OBJECT_MEMORY_BASE;
	input = xmalloc(HEAD_BYTES + memory.used);
	input[0] = (uint8_t)version;
	input[1] = (uint8_t)object;
	input[2] = (uint8_t)(object >> 8);
	memcpy(input + HEAD_BYTES, memory.bytes, memory.used);
	*ret_size = HEAD_BYTES + memory.used;
	return input;
}
