/* SPDX-License-Identifier: BSD-2-Clause */
/* Python objects in a piece of memory; see object_memory.h. */
#include "object_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "offset_table.h"

#define NR_ATTRIBUTES 3
#define BEFORE_BYTES 64 /* an object, for what is kept there */
#define AFTER_BYTES 16

static const char *const attribute_names[NR_ATTRIBUTES] = { "a0", "pathname", "a2" };
static const char *const attribute_values[NR_ATTRIBUTES] = { "zero", "the.path", "two" };

static int read_memory(void *context, uint64_t address, void *to, size_t size)
{
	struct object_memory *memory = context;
	uint64_t offset = address - OBJECT_MEMORY_BASE;

	memory->nr_reads++;
	if (memory->nr_reads == memory->replacing)
		object_memory_put(memory, memory->replaced, memory->replacement);
	if (memory->nr_reads == memory->failing || offset >= OBJECT_MEMORY_BYTES ||
	    size > OBJECT_MEMORY_BYTES - offset)
		return -EFAULT;
	memcpy(to, memory->bytes + offset, size);
	return 0;
}

uint64_t object_memory_get(const struct object_memory *memory, uint64_t address)
{
	return python_reader_load64(memory->bytes + (address - OBJECT_MEMORY_BASE));
}

void object_memory_put(struct object_memory *memory, uint64_t address, uint64_t value)
{
	memcpy(memory->bytes + (address - OBJECT_MEMORY_BASE), &value, sizeof(value));
}

static void put8(struct object_memory *memory, uint64_t address, uint8_t value)
{
	memory->bytes[address - OBJECT_MEMORY_BASE] = value;
}

static uint64_t take(struct object_memory *memory, size_t size)
{
	uint64_t address = OBJECT_MEMORY_BASE + memory->used;

	memory->used += (size + 15) & ~(size_t)15;
	if (memory->used > OBJECT_MEMORY_BYTES)
		abort();
	return address;
}

static uint64_t take_c_text(struct object_memory *memory, const char *text)
{
	uint64_t address = take(memory, strlen(text) + 1);

	memcpy(memory->bytes + (address - OBJECT_MEMORY_BASE), text, strlen(text) + 1);
	return address;
}

static uint64_t take_type(struct object_memory *memory, const char *name, uint64_t flags)
{
	uint64_t address = take(memory, 960);

	object_memory_put(memory, address + OBJECT_TYPE, memory->type_type);
	object_memory_put(memory, address + TYPE_NAME, take_c_text(memory, name));
	object_memory_put(memory, address + TYPE_BASICSIZE, OBJECT_BYTES);
	object_memory_put(memory, address + TYPE_FLAGS, flags);
	return address;
}

void object_memory_init(struct object_memory *memory, unsigned int minor)
{
	struct offset_table table;

	memset(memory, 0, sizeof(*memory));
	if (offset_table_find(3U << 24 | minor << 16 | 0x4f0, false, &table) ||
	    python_reader_init(&memory->reader, &table.layout))
		abort();
	memory->reader.read = read_memory;
	memory->reader.context = memory;
	memory->type_type = take_type(memory, "type", TYPE_TYPE_SUBCLASS);
	object_memory_put(memory, memory->type_type + OBJECT_TYPE, memory->type_type);
	memory->str_type = take_type(memory, "str", TYPE_UNICODE_SUBCLASS);
}

uint64_t object_memory_str(struct object_memory *memory, const char *ascii)
{
	const struct wire_layout *wire = &memory->reader.wire;
	uint64_t address = take(memory, wire->str_ascii_data + strlen(ascii) + 1);
	uint64_t offset = address - OBJECT_MEMORY_BASE;

	object_memory_put(memory, address + OBJECT_TYPE, memory->str_type);
	object_memory_put(memory, address + wire->str_length, strlen(ascii));
	object_memory_put(memory, address + wire->str_state,
			  wire->str_compact_mask | wire->str_ascii_mask |
				  1U << wire->str_kind_shift);
	memcpy(memory->bytes + offset + wire->str_ascii_data, ascii, strlen(ascii));
	return address;
}

/* Keys of 8 places; values only when they are to stand in the entries. */
static uint64_t take_keys(struct object_memory *memory, const char *const *names,
			  const char *const *values, size_t count)
{
	const struct python_layout *layout = &memory->reader.layout;
	uint64_t address = take(memory, layout->keys_indices + 8 + count * 24);
	uint64_t entry = address + layout->keys_indices + 8;
	size_t entry_bytes = layout->keys_kind == NO_OFFSET ? 24 : 16;

	if (layout->keys_size != NO_OFFSET) {
		object_memory_put(memory, address + layout->keys_size, 8);
	} else {
		put8(memory, address + layout->keys_log2_size, 3);
		put8(memory, address + layout->keys_log2_indexbytes, 3);
		put8(memory, address + layout->keys_kind, values ? 1 : 2);
	}
	object_memory_put(memory, address + layout->keys_nentries, count);
	for (size_t i = 0; i < count; i++) {
		entry += entry_bytes;
		object_memory_put(memory, entry - 16, object_memory_str(memory, names[i]));
		if (values)
			object_memory_put(memory, entry - 8, object_memory_str(memory, values[i]));
	}
	return address;
}

static uint64_t take_dict(struct object_memory *memory, uint64_t keys, uint64_t values)
{
	uint64_t address = take(memory, 48);

	object_memory_put(memory, address + memory->reader.layout.dict_keys, keys);
	object_memory_put(memory, address + memory->reader.layout.dict_values, values);
	return address;
}

/* Fills in an array of values, and what 3.13 has before it. */
static void put_values(struct object_memory *memory, uint64_t address)
{
	const struct python_layout *layout = &memory->reader.layout;

	if (layout->values_capacity != NO_OFFSET) {
		put8(memory, address + layout->values_capacity, NR_ATTRIBUTES);
		put8(memory, address + layout->values_valid, 1);
	}
	for (size_t i = 0; i < NR_ATTRIBUTES; i++)
		object_memory_put(memory, address + layout->values_items + 8 * i,
				  object_memory_str(memory, attribute_values[i]));
}

static uint64_t take_class(struct object_memory *memory)
{
	static const char *const names[] = { "__module__" };
	static const char *const values[] = { "module" };
	const struct python_layout *layout = &memory->reader.layout;
	uint64_t address = take_type(memory, "Class", TYPE_HEAPTYPE);
	uint64_t mro = take(memory, layout->tuple_items + 8);

	object_memory_put(memory, address + layout->type_qualname,
			  object_memory_str(memory, "Outer.Class"));
	object_memory_put(memory, address + TYPE_DICT,
			  take_dict(memory, take_keys(memory, names, values, 1), 0));
	object_memory_put(memory, mro + OBJECT_SIZE, 1);
	object_memory_put(memory, mro + layout->tuple_items, address);
	object_memory_put(memory, address + TYPE_MRO, mro);
	return address;
}

static void put_dict(struct object_memory *memory, uint64_t class, uint64_t object)
{
	uint64_t keys = take_keys(memory, attribute_names, attribute_values, NR_ATTRIBUTES);

	object_memory_put(memory, class + TYPE_BASICSIZE, OBJECT_BYTES + 8);
	object_memory_put(memory, class + TYPE_DICTOFFSET, OBJECT_BYTES);
	object_memory_put(memory, object + OBJECT_BYTES, take_dict(memory, keys, 0));
}

static void put_values_only(struct object_memory *memory, uint64_t class, uint64_t object)
{
	const struct python_layout *layout = &memory->reader.layout;
	uint64_t keys = take_keys(memory, attribute_names, NULL, NR_ATTRIBUTES);
	uint64_t values = object + OBJECT_BYTES;
	uint64_t flags = TYPE_HEAPTYPE | TYPE_MANAGED_DICT;

	if (layout->managed_dict == NO_OFFSET) {
		values = take(memory, 8UL * NR_ATTRIBUTES);
		flags = TYPE_HEAPTYPE;
		object_memory_put(memory, class + TYPE_BASICSIZE, OBJECT_BYTES + 8);
		object_memory_put(memory, class + TYPE_DICTOFFSET, OBJECT_BYTES);
		object_memory_put(memory, object + OBJECT_BYTES, take_dict(memory, keys, values));
	} else if (layout->managed_values != NO_OFFSET) {
		object_memory_put(memory, object - layout->managed_values, values);
	} else if (layout->managed_tagged) {
		object_memory_put(memory, object - layout->managed_dict, values - 1);
	} else {
		flags |= TYPE_INLINE_VALUES;
	}
	object_memory_put(memory, class + TYPE_FLAGS, flags);
	object_memory_put(memory, class + layout->type_cached_keys, keys);
	put_values(memory, values);
}

static void put_slots(struct object_memory *memory, uint64_t class, uint64_t object)
{
	uint64_t members = take(memory, 40 * (NR_ATTRIBUTES + 1));

	object_memory_put(memory, class + TYPE_BASICSIZE, OBJECT_BYTES + 8 * NR_ATTRIBUTES);
	object_memory_put(memory, class + TYPE_MEMBERS, members);
	for (uint64_t i = 0; i < NR_ATTRIBUTES; i++) {
		uint64_t member = members + 40 * i;

		object_memory_put(memory, member, take_c_text(memory, attribute_names[i]));
		object_memory_put(memory, member + 8, 16); /* T_OBJECT_EX */
		object_memory_put(memory, member + 16, OBJECT_BYTES + 8 * i);
		object_memory_put(memory, object + OBJECT_BYTES + 8 * i,
				  object_memory_str(memory, attribute_values[i]));
	}
}

uint64_t object_memory_instance(struct object_memory *memory, enum object_memory_way way)
{
	static void (*const ways[OBJECT_NR_WAYS])(struct object_memory *, uint64_t, uint64_t) = {
		[OBJECT_DICT] = put_dict,
		[OBJECT_VALUES] = put_values_only,
		[OBJECT_SLOTS] = put_slots,
	};
	uint64_t class = take_class(memory);
	uint64_t object = take(memory,
			       BEFORE_BYTES + OBJECT_BYTES + 8 * NR_ATTRIBUTES + AFTER_BYTES);

	object += BEFORE_BYTES;
	object_memory_put(memory, object + OBJECT_TYPE, class);
	ways[way](memory, class, object);
	return object;
}
