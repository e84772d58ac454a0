/* SPDX-License-Identifier: BSD-2-Clause */
/* A process as a census reads it; see census_reader.h. */
#include "census_reader.h"

#include <errno.h>

#define ALIGNMENT 8 /* of objects; 16 from 3.8 on where pymalloc gave them */
#define LOW_HEAP (1 << 20)

/* Texts of C, and types that were made read-only, are in no writable mapping. */
static int read_for_python(void *context, uint64_t address, void *to, size_t size)
{
	struct census_memory *memory = context;

	if (heap_memory_range(memory->heap, address))
		return census_memory_read(memory, address, to, size) ? 0 : -ENODATA;
	return heap_memory_read_variable(memory->heap, address, to, size);
}

int census_reader_init(struct census_reader *reader, const struct wire_layout *wire,
		       struct heap_memory *heap, uint64_t max_bytes)
{
	int err = python_reader_init(&reader->python, wire);

	if (!err)
		err = census_layout_find(wire->version, &reader->layout);
	if (err)
		return err;
	census_memory_init(&reader->memory, heap, max_bytes);
	reader->python.read = read_for_python;
	reader->python.context = &reader->memory;
	return 0;
}

void census_reader_clear(struct census_reader *reader)
{
	census_memory_clear(&reader->memory);
}

/* A program that is not position-independent has its heap below 4 GiB, and addresses look like
 * counts of references there. */
static bool is_refcount(const struct census_reader *reader, uint64_t word)
{
	return census_layout_is_refcount(reader->python.wire.version, word) &&
	       (word < LOW_HEAP || !heap_memory_range(reader->memory.heap, word));
}

bool census_reader_head(struct census_reader *reader, uint64_t object, struct census_head *ret)
{
	struct census_head head = { 0 };

	if (!object || object % ALIGNMENT)
		return false;
	/* None and others may end with a mapping: they have no size. */
	if (!census_memory_read(&reader->memory, object, &head, sizeof(head)) &&
	    !census_memory_read(&reader->memory, object, &head, OBJECT_BYTES))
		return false;
	if (!is_refcount(reader, head.refcount))
		return false;
	*ret = head;
	return true;
}

uint64_t census_reader_word(struct census_reader *reader, uint64_t address)
{
	uint64_t value;

	return census_memory_u64(&reader->memory, address, &value) ? value : 0;
}

uint32_t census_reader_u32(struct census_reader *reader, uint64_t address)
{
	uint32_t value;

	return census_memory_read(&reader->memory, address, &value, sizeof(value)) ? value : 0;
}
