/* SPDX-License-Identifier: BSD-2-Clause */
/* Sizes of objects; see census_size.h. */
#include "census_size.h"

#include "python_dict.h"

#define POOL_MAX 512	  /* larger blocks are malloc's */
#define GRAIN 16	  /* of pymalloc (8 in some 3.6 and 3.7) and of malloc */
#define MALLOC_HEAD 8	  /* of a chunk */
#define MALLOC_LEAST 32	  /* bytes of a chunk */
#define MEMBER_BYTES 40	  /* PyMemberDef: a type's slots */
#define DIGIT_BYTES 4	  /* of an int, in all 64-bit builds */
#define KEYS_MAX 255	  /* of what instances share: SHARED_KEYS_MAX_SIZE is 30 */
#define BYTES_HEAD 33	  /* of a bytes object, with the NUL at its end */
#define MAX_SLOTS 1048576 /* of a frame */
#define UNICODE_STATE_BYTES 4

static uint64_t round_to(uint64_t bytes, uint64_t grain)
{
	return (bytes + grain - 1) / grain * grain;
}

static uint64_t block_of(uint64_t bytes)
{
	uint64_t chunk;

	if (!bytes)
		return 0;
	if (bytes <= POOL_MAX)
		return round_to(bytes, GRAIN);
	chunk = round_to(bytes + MALLOC_HEAD, GRAIN);
	return chunk < MALLOC_LEAST ? MALLOC_LEAST : chunk;
}

/* Adds a buffer at an address; false: it is not all in one mapping. Such a size is a lie, or the
 * object changed while it was read. */
static bool add_buffer(struct census_reader *reader, uint64_t address, uint64_t bytes,
		       struct census_size *size)
{
	const struct heap_range *range;

	if (!bytes || !address)
		return true;
	range = heap_memory_range(reader->memory.heap, address);
	if (!range || bytes > range->end - address)
		return false;
	size->buffers += block_of(bytes);
	return true;
}

/* ---- Dicts, and values without one ---- */

/* 3.11 and 3.12: { prefix with the order of insertion, values }. */
static uint64_t values_bytes(const struct census_reader *reader, uint64_t capacity)
{
	uint16_t version = reader->python.wire.version;

	if (version <= 0x30a)
		return capacity * 8;
	if (version <= 0x30c)
		return round_to(capacity + 2, 8) + capacity * 8;
	return round_to(capacity, 8) + (capacity + 1) * 8;
}

/* 3.13 and later: values that belong to an object stand behind it (PyDictValues.embedded). */
static bool is_embedded(struct census_reader *reader, uint64_t values)
{
	const struct python_layout *layout = &reader->python.layout;
	uint8_t embedded = 0;

	if (layout->values_valid == NO_OFFSET)
		return false;
	census_memory_read(&reader->memory, values + layout->values_valid - 1, &embedded, 1);
	return embedded;
}

static bool add_dict(struct census_reader *reader, uint64_t dict, struct census_size *size)
{
	const struct python_layout *layout = &reader->python.layout;
	uint64_t address = census_reader_word(reader, dict + layout->dict_keys);
	uint64_t values = census_reader_word(reader, dict + layout->dict_values);
	struct python_keys keys;

	if (python_dict_read_keys(&reader->python, address, &keys))
		return false;
	if (keys.references == 1 && !add_buffer(reader, address, keys.bytes, size))
		return false;
	if (!values || is_embedded(reader, values))
		return true;
	return keys.capacity <= KEYS_MAX &&
	       add_buffer(reader, values, values_bytes(reader, keys.capacity), size);
}

static bool add_ordered_dict(struct census_reader *reader, uint64_t dict, struct census_size *size)
{
	uint64_t used = census_reader_word(reader, dict + OBJECT_SIZE);
	uint64_t nodes = census_reader_word(reader, dict + ORDERED_NR_FAST_NODES);

	if (!add_dict(reader, dict, size))
		return false;
	if (nodes > size->buffers || used > size->buffers)
		return false;
	size->buffers += used * ORDERED_NODE_BYTES;
	return add_buffer(reader, census_reader_word(reader, dict + ORDERED_FAST_NODES), nodes * 8,
			  size);
}

/* Instances without a dict: 3.11 and 3.12 keep the values elsewhere, 3.13 behind the object; they
 * are no part of what sys.getsizeof() says. */
static void add_values(struct census_reader *reader, const struct census_object_ref *object,
		       uint64_t *ret_behind, struct census_size *size)
{
	const struct python_layout *layout = &reader->python.layout;
	const struct census_class *class = object->class;
	struct python_keys keys;
	uint64_t values = 0;

	if (layout->values_valid != NO_OFFSET) {
		uint8_t capacity = 0;

		if (class->flags & TYPE_INLINE_VALUES &&
		    census_memory_read(&reader->memory, object->address + class->basicsize,
				       &capacity, 1))
			*ret_behind = values_bytes(reader, capacity);
		return;
	}
	if (layout->managed_values != NO_OFFSET)
		values = census_reader_word(reader, object->address - layout->managed_values);
	else if (layout->managed_tagged)
		values = census_reader_word(reader, object->address - layout->managed_dict);
	if (layout->managed_tagged)
		values = values & 1 ? values + 1 : 0;
	if (values && !python_dict_read_keys(&reader->python, class->keys, &keys) &&
	    keys.capacity <= KEYS_MAX)
		add_buffer(reader, values, values_bytes(reader, keys.capacity), size);
}

/* ---- Text and numbers ---- */

static bool size_str(struct census_reader *reader, const struct census_object_ref *object,
		     uint64_t *own, struct census_size *size)
{
	const struct wire_layout *wire = &reader->python.wire;
	uint64_t length = object->head.size, kind, utf8, head;
	uint32_t state = census_reader_u32(reader, object->address + wire->str_state);

	kind = (state & wire->str_kind_mask) >> wire->str_kind_shift;
	if (kind == 3 || kind > 4 || length > UINT64_MAX / 8)
		return false;
	if (state & wire->str_compact_mask && state & wire->str_ascii_mask) {
		*own = wire->str_ascii_data + length + 1;
		return kind == 1;
	}
	head = wire->str_compact_data;
	*own = head + (length + 1) * kind;
	if (!(state & wire->str_compact_mask)) {
		*own = object->class->basicsize;
		if (!add_buffer(reader, census_reader_word(reader, object->address + head),
				(length + 1) * kind, size))
			return false;
	}
	utf8 = census_reader_word(reader, object->address + wire->str_compact_data -
						  (wire->str_legacy_data == NO_OFFSET ? 8 : 16));
	if (utf8 == census_reader_word(reader, object->address + head))
		return true; /* ASCII that is not compact shares its characters */
	if (!heap_memory_range(reader->memory.heap, utf8))
		return true; /* of a str that is a constant of the interpreter, as is this */
	return add_buffer(reader, utf8,
			  1 + census_reader_word(reader, object->address + wire->str_ascii_data),
			  size);
}

static uint64_t size_int(const struct census_reader *reader, const struct census_object_ref *object)
{
	int64_t size = (int64_t)object->head.size;
	uint64_t digits = size < 0 ? -(uint64_t)size : (uint64_t)size;

	if (reader->python.layout.long_tag != NO_OFFSET)
		digits = object->head.size >> 3 ? object->head.size >> 3 : 1;
	return object->class->basicsize + digits * DIGIT_BYTES;
}

/* ---- Containers ---- */

static bool add_set(struct census_reader *reader, const struct census_object_ref *object,
		    struct census_size *size)
{
	uint64_t table = census_reader_word(reader, object->address + SET_TABLE);
	uint64_t mask = census_reader_word(reader, object->address + SET_MASK);

	if (table - object->address < object->class->basicsize)
		return true;
	return mask < UINT32_MAX && add_buffer(reader, table, (mask + 1) * SET_ENTRY_BYTES, size);
}

static bool add_deque(struct census_reader *reader, const struct census_object_ref *object,
		      struct census_size *size)
{
	uint64_t count = object->head.size;
	uint64_t left = census_reader_word(reader, object->address + DEQUE_LEFT_INDEX);

	if (count > UINT32_MAX || left > DEQUE_BLOCK_ITEMS)
		return false;
	count = count ? (left + count - 1) / DEQUE_BLOCK_ITEMS + 1 : 1;
	size->buffers += count * block_of(DEQUE_BLOCK_BYTES);
	return true;
}

/* From 3.15 on the bytes are those of a bytes object that nobody else sees. */
static bool add_bytearray(struct census_reader *reader, uint64_t array, struct census_size *size)
{
	uint64_t count = census_reader_word(reader, array + BYTEARRAY_ALLOCATED);
	uint64_t head = reader->python.wire.version >= 0x30f && count ? BYTES_HEAD : 0;

	return count < UINT64_MAX - head &&
	       add_buffer(reader, census_reader_word(reader, array + BYTEARRAY_BYTES), count + head,
			  size);
}

static bool add_array(struct census_reader *reader, uint64_t array, struct census_size *size)
{
	uint64_t count = census_reader_word(reader, array + ARRAY_ALLOCATED);
	uint64_t description = census_reader_word(reader, array + ARRAY_DESCRIPTION), bytes = 0;

	/* The table of item types is a constant of the module's file. */
	if (python_reader_u64(&reader->python, description, &bytes))
		return false;
	bytes >>= 8 * DESCRIPTION_ITEMSIZE;
	return bytes <= GRAIN && count < 1ULL << 48 &&
	       add_buffer(reader, census_reader_word(reader, array + ARRAY_ITEMS), count * bytes,
			  size);
}

/* ---- numpy ---- */

/* The furthest that any axis reaches is where the data end, in whatever order they are. */
uint64_t census_size_ndarray(struct census_reader *reader, uint64_t array)
{
	uint32_t nr_axes = census_reader_u32(reader, array + NDARRAY_NR_AXES);
	uint64_t axes = census_reader_word(reader, array + NDARRAY_AXES), most = 0;
	uint64_t strides = census_reader_word(reader, array + NDARRAY_STRIDES);

	if (!(census_reader_u32(reader, array + NDARRAY_FLAGS) & NDARRAY_OWNS_DATA) ||
	    nr_axes > NDARRAY_MAX_AXES)
		return 0;
	for (uint32_t i = 0; i < nr_axes; i++) {
		uint64_t length = census_reader_word(reader, axes + i * 8UL);
		uint64_t stride = census_reader_word(reader, strides + i * 8UL), bytes;

		if (!length)
			return 0;
		if (!__builtin_mul_overflow(length, stride, &bytes) && bytes > most)
			most = bytes;
	}
	return most;
}

static bool add_ndarray(struct census_reader *reader, uint64_t array, struct census_size *size)
{
	uint64_t axes = census_reader_word(reader, array + NDARRAY_AXES);
	uint32_t nr_axes = census_reader_u32(reader, array + NDARRAY_NR_AXES);

	if (nr_axes > NDARRAY_MAX_AXES || !add_buffer(reader, axes, 16UL * nr_axes, size))
		return false;
	return add_buffer(reader, census_reader_word(reader, array + NDARRAY_DATA),
			  census_size_ndarray(reader, array), size);
}

/* ---- Frames and types ---- */

uint64_t census_size_frame_slots(struct census_reader *reader, uint64_t frame)
{
	const struct wire_layout *wire = &reader->python.wire;
	uint64_t code = census_reader_word(reader, frame + wire->frame_code), slots;

	code &= ~(uint64_t)wire->tag_mask;
	if (!code)
		return 0;
	slots = (uint64_t)census_reader_u32(reader, code + reader->layout.code_nlocalsplus) +
		census_reader_u32(reader, code + reader->layout.code_stacksize);
	return slots <= MAX_SLOTS ? slots : 0;
}

static uint64_t size_frame(struct census_reader *reader, const struct census_object_ref *object)
{
	const struct census_layout *layout = &reader->layout;
	uint64_t frame = object->address + layout->gen_frame, start = layout->gen_frame;

	if (layout->gen_frame == CENSUS_NO_OFFSET)
		return object->class->basicsize +
		       (object->head.size < MAX_SLOTS ? object->head.size * object->class->itemsize
						      : 0);
	if (object->class->kind == KIND_FRAME) {
		frame = census_reader_word(reader, object->address + layout->frame_object_frame);
		start = layout->frame_object_data;
	}
	return start + reader->python.wire.frame_locals +
	       8 * census_size_frame_slots(reader, frame);
}

static bool size_type(struct census_reader *reader, const struct census_object_ref *object,
		      uint64_t *own, struct census_size *size)
{
	uint64_t flags = census_reader_word(reader, object->address + TYPE_FLAGS), keys;
	struct python_keys table;

	if (!(flags & TYPE_HEAPTYPE)) {
		*own = reader->layout.type_bytes;
		size->own = 0; /* nothing before it */
		return true;
	}
	if (object->head.size > UINT16_MAX)
		return false;
	*own = object->class->basicsize + object->head.size * MEMBER_BYTES;
	keys = census_reader_word(reader, object->address + reader->python.layout.type_cached_keys);
	if (!keys)
		return true;
	return !python_dict_read_keys(&reader->python, keys, &table) &&
	       add_buffer(reader, keys, table.bytes, size);
}

/* ---- All of them ---- */

static bool size_plain(const struct census_object_ref *object, uint64_t *own)
{
	const struct census_class *class = object->class;
	int64_t items = class->itemsize ? (int64_t)object->head.size : 0;

	if (items < 0)
		items = -items;
	*own = class->basicsize;
	return (uint64_t)items < UINT64_MAX / 65536 &&
	       !__builtin_add_overflow(*own, (uint64_t)items * class->itemsize, own);
}

static bool add_parts(struct census_reader *reader, const struct census_object_ref *object,
		      uint64_t *own, struct census_size *size)
{
	uint64_t at = object->address;

	switch (object->class->kind) {
	case KIND_STR:
		return size_str(reader, object, own, size);
	case KIND_INT:
		*own = size_int(reader, object);
		return true;
	case KIND_LIST:
		return add_buffer(reader, census_reader_word(reader, at + LIST_ITEMS),
				  census_reader_word(reader, at + LIST_ALLOCATED) * 8, size);
	case KIND_DICT:
		return add_dict(reader, at, size);
	case KIND_ORDERED_DICT:
		return add_ordered_dict(reader, at, size);
	case KIND_SET:
		return add_set(reader, object, size);
	case KIND_DEQUE:
		return add_deque(reader, object, size);
	case KIND_BYTEARRAY:
		return add_bytearray(reader, at, size);
	case KIND_ARRAY:
		return add_array(reader, at, size);
	case KIND_GENERATOR:
	case KIND_FRAME:
		*own = size_frame(reader, object);
		return true;
	case KIND_TYPE:
		return size_type(reader, object, own, size);
	case KIND_NDARRAY:
		return add_ndarray(reader, at, size);
	default:
		return true;
	}
}

bool census_size_of(struct census_reader *reader, const struct census_object_ref *object,
		    struct census_size *ret)
{
	struct census_size size = { .own = object->class->before };
	const struct heap_range *range = heap_memory_range(reader->memory.heap, object->address);
	uint64_t own = object->class->basicsize, behind = 0;

	if (object->class->kind != KIND_GENERATOR && object->class->kind != KIND_FRAME &&
	    object->class->kind != KIND_INT && object->class->kind != KIND_TYPE &&
	    !size_plain(object, &own))
		return false;
	if (!add_parts(reader, object, &own, &size))
		return false;
	add_values(reader, object, &behind, &size);
	if (!range || own > range->end - object->address ||
	    behind > range->end - object->address - own)
		return false;
	own += size.own;
	size.own = block_of(own);
	size.buffers += block_of(own + behind) - size.own;
	*ret = size;
	return true;
}
