/* SPDX-License-Identifier: BSD-2-Clause */
/* References of objects; see census_refs.h. */
#include "census_refs.h"

#include "memory.h"
#include "python_dict.h"

#define WORD 8
#define PART_WORDS 512 /* read at a time */
#define PART_ENTRIES 128
#define PARTS_A_LOOK 128 /* at the clock */

/* PyWeakReference: the object that it refers to, and others of it, are not held. */
#define WEAK_CALLBACK 24
#define WEAK_BYTES 56
#define DICT_BYTES 48
#define FLOAT_BYTES 24
#define ORDERED_FAST_END 80

/* PyModuleObject: { dict, definition, state }, from 3.15 on { dict, state, ..., its size }. */
enum {
	MODULE_DEFINITION = 24,
	MODULE_STATE = 32,
	DEFINITION_STATE_BYTES = 56,
	MODULE_STATE_315 = 24,
	MODULE_STATE_BYTES_315 = 56,
	MODULE_STATE_MAX = 65536,
};

/* PyArray_Descr.type_num, and one of its values: each item is a reference. */
#define DESCRIPTION_TYPE 28
#define NUMPY_OBJECT 17

#define MAX_ITEMS (1ULL << 40)

/* What is swapped out, or has gone: the object's references are not all told. One list may hold all
 * objects that there are, so the time is looked at here, too. */
static bool read_part(const struct census_refs *refs, uint64_t address, void *to, size_t size)
{
	struct census_reader *reader = refs->classes->reader;

	if (reader->nr_parts++ % PARTS_A_LOOK == 0 && heap_memory_is_late(reader->memory.heap))
		return false;
	if (census_memory_read(&reader->memory, address, to, size))
		return true;
	reader->nr_lost++;
	return false;
}

void census_refs_visit_words(const struct census_refs *refs, uint64_t address, uint64_t count,
			     uint64_t mask)
{
	uint64_t words[PART_WORDS];

	for (uint64_t at = 0; at < count; at += PART_WORDS) {
		uint64_t part = count - at < PART_WORDS ? count - at : PART_WORDS;

		if (!read_part(refs, address + at * WORD, words, part * WORD))
			return;
		for (uint64_t i = 0; i < part; i++)
			if (words[i])
				refs->see(refs->context, words[i] & ~mask, CENSUS_NO_NAME);
	}
}

/* ---- Dicts ---- */

static void see_entry(const struct census_refs *refs, uint64_t key, uint64_t value, bool is_names)
{
	if (!key || !value)
		return;
	refs->see(refs->context, key, CENSUS_NO_NAME);
	refs->see(refs->context, value,
		  is_names ? census_names_of(refs->names, key) : CENSUS_NO_NAME);
}

/* Where values stand apart, `values` holds one for each entry. */
static void visit_entries(const struct census_refs *refs, const struct python_keys *keys,
			  uint64_t values, bool is_names)
{
	uint8_t bytes[PART_ENTRIES * 24];
	uint64_t apart[PART_ENTRIES];

	for (uint64_t at = 0; at < keys->nr_entries; at += PART_ENTRIES) {
		uint64_t part = keys->nr_entries - at;

		if (part > PART_ENTRIES)
			part = PART_ENTRIES;
		if (!read_part(refs, keys->entries + at * keys->entry_bytes, bytes,
			       part * keys->entry_bytes) ||
		    (values && !read_part(refs, values + at * WORD, apart, part * WORD)))
			return;
		for (uint64_t i = 0; i < part; i++) {
			const uint8_t *end = bytes + (i + 1) * keys->entry_bytes;

			see_entry(refs, python_reader_load64(end - 16),
				  values ? apart[i] : python_reader_load64(end - 8), is_names);
		}
	}
}

static void visit_table(const struct census_refs *refs, const struct python_table *table,
			bool is_names)
{
	struct census_reader *reader = refs->classes->reader;
	struct python_keys keys;

	if (python_dict_read_keys(&reader->python, table->keys, &keys))
		return;
	if (table->values && keys.nr_entries > table->nr_values)
		keys.nr_entries = table->nr_values;
	visit_entries(refs, &keys, table->values, is_names);
}

void census_refs_visit_dict(const struct census_refs *refs, uint64_t dict, bool is_names)
{
	struct python_table table;

	if (!python_dict_open(&refs->classes->reader->python, dict, &table))
		visit_table(refs, &table, is_names);
}

/* ---- Attributes ---- */

static void visit_values(const struct census_refs *refs, const struct census_class *class,
			 uint64_t values)
{
	struct python_table table;

	if (class->keys && values &&
	    !python_dict_open_values(&refs->classes->reader->python, class->keys, values, &table))
		visit_table(refs, &table, true);
}

/* The dict's address, or 0 where there are only values, which are told of. */
static uint64_t managed_dict(const struct census_refs *refs, const struct census_object_ref *object)
{
	struct census_reader *reader = refs->classes->reader;
	const struct python_layout *layout = &reader->python.layout;
	uint64_t dict = census_reader_word(reader, object->address - layout->managed_dict);
	uint64_t values = 0;
	uint8_t is_valid = 0;

	if (layout->managed_values != NO_OFFSET)
		values = census_reader_word(reader, object->address - layout->managed_values);
	if (layout->managed_tagged && dict & 1) {
		values = dict + 1;
		dict = 0;
	}
	if (layout->values_valid != NO_OFFSET && object->class->flags & TYPE_INLINE_VALUES &&
	    !dict) {
		values = object->address + object->class->basicsize;
		if (!census_memory_read(&reader->memory, values + layout->values_valid, &is_valid,
					1) ||
		    !is_valid)
			values = 0;
	}
	if (!values)
		return dict;
	visit_values(refs, object->class, values);
	return 0;
}

uint64_t census_refs_attributes(const struct census_refs *refs,
				const struct census_object_ref *object)
{
	struct census_reader *reader = refs->classes->reader;
	const struct census_class *class = object->class;
	int64_t offset = class->dictoffset, items = (int64_t)object->head.size;

	if (reader->python.layout.managed_dict != NO_OFFSET && class->flags & TYPE_MANAGED_DICT)
		return managed_dict(refs, object);
	if (offset < 0) { /* _PyObject_GetDictPtr(): from the end of what has items */
		if (class->kind == KIND_INT && reader->python.layout.long_tag != NO_OFFSET)
			items >>= 3;
		if (items < 0)
			items = -items;
		if ((uint64_t)items > MAX_ITEMS)
			return 0;
		offset += (class->basicsize + items * (int64_t) class->itemsize + WORD - 1) &
			  ~(int64_t)(WORD - 1);
	}
	return offset >= OBJECT_BYTES
		       ? census_reader_word(reader, object->address + (uint64_t)offset)
		       : 0;
}

static void visit_attributes(const struct census_refs *refs, const struct census_object_ref *object)
{
	uint64_t dict = census_refs_attributes(refs, object);

	if (dict)
		refs->see(refs->context, dict, CENSUS_IS_NAMES);
}

/* ---- Words ---- */

static uint32_t name_of_slot(const struct census_refs *refs, const struct census_class *class,
			     uint64_t offset)
{
	const struct census_slot *slots = refs->classes->slots + class->first_slot;

	for (uint32_t i = 0; i < class->nr_slots; i++)
		if (slots[i].offset == offset)
			return slots[i].name;
	return CENSUS_NO_NAME;
}

/* What belongs to the object itself from an offset on, but for its attributes' dict and the list of
 * its weak references. */
static void visit_body(const struct census_refs *refs, const struct census_object_ref *object,
		       uint64_t start, uint64_t end)
{
	const struct census_class *class = object->class;
	uint64_t words[PART_WORDS];

	for (uint64_t at = start; at + WORD <= end; at += sizeof(words)) {
		uint64_t size = end - at < sizeof(words) ? (end - at) & ~(uint64_t)7
							 : sizeof(words);

		if (!read_part(refs, object->address + at, words, size))
			return;
		for (uint64_t i = 0; i < size / WORD; i++) {
			uint64_t offset = at + i * WORD;

			if (words[i] && offset != class->weaklist &&
			    (int64_t)offset != class->dictoffset)
				refs->see(refs->context, words[i],
					  name_of_slot(refs, class, offset));
		}
	}
}

static void visit_plain(const struct census_refs *refs, const struct census_object_ref *object)
{
	const struct census_class *class = object->class;
	uint64_t items = object->head.size;

	visit_body(refs, object, OBJECT_BYTES, class->basicsize);
	if (class->itemsize == WORD && items <= MAX_ITEMS)
		census_refs_visit_words(refs, object->address + class->basicsize, items, 0);
}

/* ---- Containers ---- */

static void visit_list(const struct census_refs *refs, const struct census_object_ref *object)
{
	if (object->head.size <= MAX_ITEMS)
		census_refs_visit_words(
			refs,
			census_reader_word(refs->classes->reader, object->address + LIST_ITEMS),
			object->head.size, 0);
}

static void visit_set(const struct census_refs *refs, const struct census_object_ref *object)
{
	struct census_reader *reader = refs->classes->reader;
	uint64_t table = census_reader_word(reader, object->address + SET_TABLE);
	uint64_t count = census_reader_word(reader, object->address + SET_MASK) + 1;
	uint64_t words[PART_WORDS];

	for (uint64_t at = 0; at < count && count <= MAX_ITEMS; at += PART_WORDS / 2) {
		uint64_t part = count - at < PART_WORDS / 2 ? count - at : PART_WORDS / 2;

		if (!read_part(refs, table + at * SET_ENTRY_BYTES, words, part * SET_ENTRY_BYTES))
			return;
		for (uint64_t i = 0; i < part; i++)
			if (words[2 * i])
				refs->see(refs->context, words[2 * i], CENSUS_NO_NAME);
	}
}

static void visit_deque(const struct census_refs *refs, const struct census_object_ref *object)
{
	struct census_reader *reader = refs->classes->reader;
	uint64_t block = census_reader_word(reader, object->address + DEQUE_LEFT_BLOCK);
	uint64_t first = census_reader_word(reader, object->address + DEQUE_LEFT_INDEX);
	uint64_t left = object->head.size;

	while (left && block && first < DEQUE_BLOCK_ITEMS && left <= MAX_ITEMS &&
	       !heap_memory_is_late(reader->memory.heap)) {
		uint64_t part = DEQUE_BLOCK_ITEMS - first;
		uint64_t next;

		if (part > left)
			part = left;
		if (!census_memory_u64(&reader->memory, block + DEQUE_BLOCK_BYTES - WORD, &next))
			return;
		census_refs_visit_words(refs, block + WORD + first * WORD, part, 0);
		left -= part;
		first = 0;
		block = next;
	}
}

static void visit_module(const struct census_refs *refs, const struct census_object_ref *object)
{
	struct census_reader *reader = refs->classes->reader;
	uint64_t at = object->address, size, state;

	if (reader->python.wire.version >= 0x30f) {
		state = census_reader_word(reader, at + MODULE_STATE_315);
		size = census_reader_word(reader, at + MODULE_STATE_BYTES_315);
	} else {
		state = census_reader_word(reader, at + MODULE_STATE);
		size = census_reader_word(
			reader, DEFINITION_STATE_BYTES +
					census_reader_word(reader, at + MODULE_DEFINITION));
	}
	visit_body(refs, object, OBJECT_BYTES, object->class->basicsize);
	if (state && size <= MODULE_STATE_MAX)
		census_refs_visit_words(refs, state, size / WORD, 0);
}

/* The frame's own fields, its locals by their names, and its stack. */
static void visit_locals(const struct census_refs *refs, uint64_t frame)
{
	struct census_reader *reader = refs->classes->reader;
	const struct wire_layout *wire = &reader->python.wire;
	uint64_t mask = ~(uint64_t)wire->tag_mask, locals = frame + wire->frame_locals;
	uint64_t slots = census_size_frame_slots(reader, frame), names, count;

	names = census_reader_word(reader, frame + wire->frame_code) & mask;
	names = census_reader_word(reader, names + wire->code_varnames);
	count = census_reader_word(reader, names + OBJECT_SIZE);
	if (count > slots)
		count = slots;
	census_refs_visit_words(refs, frame, wire->frame_locals / WORD, wire->tag_mask);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t word, name;

		if (!read_part(refs, locals + i * WORD, &word, WORD))
			return;
		name = census_reader_word(reader, names + wire->tuple_items + i * WORD);
		if (word & mask)
			refs->see(refs->context, word & mask, census_names_of(refs->names, name));
	}
	census_refs_visit_words(refs, locals + count * WORD, slots - count, wire->tag_mask);
}

static void visit_frame(const struct census_refs *refs, const struct census_object_ref *object)
{
	struct census_reader *reader = refs->classes->reader;
	const struct census_layout *layout = &reader->layout;
	uint64_t data = object->address, end = object->class->basicsize;

	if (layout->gen_frame == CENSUS_NO_OFFSET) {
		visit_plain(refs, object);
		return;
	}
	data += object->class->kind == KIND_FRAME ? layout->frame_object_data : layout->gen_frame;
	if (end > data - object->address)
		end = data - object->address;
	visit_body(refs, object, OBJECT_BYTES, end);
	/* A frame that runs is elsewhere, what is here has no sense then. */
	if (object->class->kind == KIND_FRAME &&
	    census_reader_word(reader, object->address + layout->frame_object_frame) != data)
		return;
	visit_locals(refs, data);
}

static void visit_ndarray(const struct census_refs *refs, const struct census_object_ref *object)
{
	struct census_reader *reader = refs->classes->reader;
	uint64_t at = object->address, data = census_reader_word(reader, at + NDARRAY_DATA);
	uint64_t description = census_reader_word(reader, at + NDARRAY_DESCRIPTION);

	visit_body(refs, object, NDARRAY_BASE, object->class->basicsize);
	if (census_reader_u32(reader, description + DESCRIPTION_TYPE) == NUMPY_OBJECT)
		census_refs_visit_words(refs, data, census_size_ndarray(reader, at) / WORD, 0);
}

static void visit_type(const struct census_refs *refs, const struct census_object_ref *object)
{
	struct census_reader *reader = refs->classes->reader;
	uint64_t flags = census_reader_word(reader, object->address + TYPE_FLAGS), dict;
	uint64_t end = flags & TYPE_HEAPTYPE ? object->class->basicsize : reader->layout.type_bytes;

	dict = census_reader_word(reader, object->address + TYPE_DICT);
	if (dict)
		refs->see(refs->context, dict, CENSUS_IS_NAMES);
	visit_body(refs, object, OBJECT_BYTES, end);
}

/* What a subclass adds to a kind that is read in a way of its own. */
static void visit_added(const struct census_refs *refs, const struct census_object_ref *object,
			uint64_t start)
{
	if (!object->class->is_exact)
		visit_body(refs, object, start, object->class->basicsize);
}

static void visit_kind(const struct census_refs *refs, const struct census_object_ref *object,
		       bool is_names)
{
	struct census_reader *reader = refs->classes->reader;

	switch (object->class->kind) {
	case KIND_LEAF:
	case KIND_INT:
	case KIND_BYTEARRAY:
	case KIND_ARRAY:
		visit_added(refs, object, FLOAT_BYTES);
		break;
	case KIND_STR:
		visit_added(refs, object, reader->layout.str_bytes);
		break;
	case KIND_LIST:
		visit_list(refs, object);
		visit_added(refs, object, LIST_ALLOCATED + WORD);
		break;
	case KIND_ORDERED_DICT:
		visit_body(refs, object, ORDERED_FAST_END, object->class->basicsize);
		census_refs_visit_dict(refs, object->address, is_names);
		break;
	case KIND_DICT:
		census_refs_visit_dict(refs, object->address, is_names);
		visit_added(refs, object, DICT_BYTES);
		break;
	case KIND_SET:
		visit_set(refs, object);
		break;
	case KIND_DEQUE:
		visit_deque(refs, object);
		break;
	case KIND_MODULE:
		visit_module(refs, object);
		break;
	case KIND_WEAKREF:
		refs->see(refs->context,
			  census_reader_word(reader, object->address + WEAK_CALLBACK),
			  CENSUS_NO_NAME);
		visit_added(refs, object, WEAK_BYTES);
		break;
	case KIND_GENERATOR:
	case KIND_FRAME:
		visit_frame(refs, object);
		break;
	case KIND_NDARRAY:
		visit_ndarray(refs, object);
		break;
	case KIND_TYPE:
		visit_type(refs, object);
		break;
	default:
		visit_plain(refs, object);
		break;
	}
}

void census_refs_visit(const struct census_refs *refs, const struct census_object_ref *object,
		       bool is_names)
{
	if (object->class->flags & TYPE_HEAPTYPE)
		refs->see(refs->context, object->class->address, CENSUS_NO_NAME);
	visit_attributes(refs, object);
	visit_kind(refs, object, is_names);
}
