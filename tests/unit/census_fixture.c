/* SPDX-License-Identifier: BSD-2-Clause */
/* A small Python; see census_fixture.h. */
#include "census_fixture.h"

#include <errno.h>
#include <string.h>

#include "memory.h"
#include "offset_table.h"

#define HAVE_GC (1UL << 14)
#define READY (1UL << 12)
#define TYPE_BASE 256
#define NR_RANDOM 12 /* objects of each type */
#define INTERPRETER_BYTES 65536

static const struct {
	const char *name;
	uint64_t flags, basicsize, itemsize;
} types[FIXTURE_NR_TYPES] = {
	[FIXTURE_TYPE] = { "type", TYPE_TYPE_SUBCLASS | HAVE_GC, 880, 40 },
	[FIXTURE_STR] = { "str", TYPE_UNICODE_SUBCLASS, 80, 0 },
	[FIXTURE_INT] = { "int", TYPE_LONG_SUBCLASS, 24, 4 },
	[FIXTURE_LIST] = { "list", 1UL << 25 | HAVE_GC, 40, 0 },
	[FIXTURE_TUPLE] = { "tuple", 1UL << 26 | HAVE_GC, 24, 8 },
	[FIXTURE_DICT] = { "dict", 1UL << 29 | HAVE_GC, 48, 0 },
	[FIXTURE_SET] = { "set", HAVE_GC, 200, 0 },
	[FIXTURE_DEQUE] = { "collections.deque", HAVE_GC, 216, 0 },
	[FIXTURE_MODULE] = { "module", HAVE_GC, 56, 0 },
	[FIXTURE_GENERATOR] = { "generator", HAVE_GC, 152, 8 },
	[FIXTURE_FRAME] = { "frame", HAVE_GC, 120, 8 },
	[FIXTURE_ORDERED_DICT] = { "collections.OrderedDict", 1UL << 29 | HAVE_GC, 112, 0 },
	[FIXTURE_WEAKREF] = { "weakref", HAVE_GC, 64, 0 },
	[FIXTURE_NDARRAY] = { "numpy.ndarray", 0, 80, 0 },
	[FIXTURE_FLOAT] = { "float", 0, 24, 0 },
	[FIXTURE_INSTANCE] = { "Instance", TYPE_HEAPTYPE | TYPE_MANAGED_DICT | HAVE_GC, 40, 0 },
};

/* ---- Memory ---- */

static int read_bytes(void *context, uint64_t address, void *to, size_t size)
{
	struct census_fixture *fixture = context;
	uint64_t at = address - CENSUS_FIXTURE_BASE;

	fixture->nr_reads++;
	if (at >= CENSUS_FIXTURE_BYTES || size > CENSUS_FIXTURE_BYTES - at)
		return -EFAULT;
	memcpy(to, fixture->bytes + at, size);
	return 0;
}

static void look(void *context, uint64_t first_page, struct heap_pages *ret)
{
	const struct census_fixture *fixture = context;

	*ret = (struct heap_pages){ 0 };
	for (uint64_t i = 0; i < HEAP_WINDOW_PAGES; i++)
		if ((first_page + i) * HEAP_PAGE_BYTES - CENSUS_FIXTURE_BASE < CENSUS_FIXTURE_BYTES)
			ret->present[i / 64] |= 1ULL << i % 64;
	if (fixture->is_last_absent)
		ret->present[CENSUS_FIXTURE_LAST_PAGE / HEAP_PAGE_BYTES % HEAP_WINDOW_PAGES / 64] &=
			~(1ULL << CENSUS_FIXTURE_LAST_PAGE / HEAP_PAGE_BYTES % 64);
}

static int read_absent(void *context, uint64_t address, void *to, size_t size)
{
	struct census_fixture *fixture = context;

	if (!fixture->is_last_absent || address < CENSUS_FIXTURE_LAST_PAGE)
		return -ENXIO;
	return fixture->absent ? fixture->absent : read_bytes(context, address, to, size);
}

void census_fixture_put(struct census_fixture *fixture, uint64_t address, uint64_t value)
{
	uint64_t at = address - CENSUS_FIXTURE_BASE;

	if (at <= CENSUS_FIXTURE_BYTES - sizeof(value))
		memcpy(fixture->bytes + at, &value, sizeof(value));
}

static uint64_t take(struct census_fixture *fixture, size_t size)
{
	uint64_t address = CENSUS_FIXTURE_BASE + fixture->used;

	fixture->used += (size + 15) / 16 * 16;
	return address;
}

static uint64_t draw(struct census_fixture *fixture, uint64_t below)
{
	fixture->random = fixture->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (fixture->random >> 33) % below;
}

/* ---- Objects ---- */

static void track(struct census_fixture *fixture, uint64_t object)
{
	uint64_t head = fixture->generations, node = object - fixture->target.reader.layout.gc_head;

	census_fixture_put(fixture, fixture->last, node);
	census_fixture_put(fixture, node + 8, fixture->last);
	census_fixture_put(fixture, node, head);
	census_fixture_put(fixture, head + 8, node);
	fixture->last = node;
}

/* With room before it for what any version has there, and behind it. */
static uint64_t make(struct census_fixture *fixture, enum census_fixture_type type, size_t bytes)
{
	uint64_t object = take(fixture, 48 + bytes + 96) + 48;

	census_fixture_put(fixture, object, 1);
	census_fixture_put(fixture, object + OBJECT_TYPE, fixture->types[type]);
	if (types[type].flags & HAVE_GC)
		track(fixture, object);
	return object;
}

static uint64_t make_text(struct census_fixture *fixture, const char *text)
{
	uint64_t at = take(fixture, strlen(text) + 1);

	memcpy(fixture->bytes + (at - CENSUS_FIXTURE_BASE), text, strlen(text) + 1);
	return at;
}

static uint64_t make_str(struct census_fixture *fixture, const char *text)
{
	const struct wire_layout *wire = &fixture->target.reader.python.wire;
	uint64_t object = make(fixture, FIXTURE_STR, 64 + strlen(text) + 1);

	census_fixture_put(fixture, object + wire->str_length, strlen(text));
	census_fixture_put(fixture, object + wire->str_state,
			   1U << wire->str_kind_shift | wire->str_compact_mask |
				   wire->str_ascii_mask | 128);
	memcpy(fixture->bytes + (object + wire->str_ascii_data - CENSUS_FIXTURE_BASE), text,
	       strlen(text));
	return object;
}

static void fill_type(struct census_fixture *fixture, enum census_fixture_type type)
{
	uint64_t at = fixture->types[type];

	census_fixture_put(fixture, at, 100);
	census_fixture_put(fixture, at + OBJECT_TYPE, fixture->types[FIXTURE_TYPE]);
	census_fixture_put(fixture, at + TYPE_NAME, make_text(fixture, types[type].name));
	census_fixture_put(fixture, at + TYPE_BASICSIZE, types[type].basicsize);
	census_fixture_put(fixture, at + TYPE_ITEMSIZE, types[type].itemsize);
	census_fixture_put(fixture, at + TYPE_FLAGS, types[type].flags | READY);
}

/* One entry: an empty table of 8. */
static void fill_dict(struct census_fixture *fixture, uint64_t dict, uint64_t key, uint64_t value)
{
	const struct python_layout *layout = &fixture->target.reader.python.layout;
	uint64_t keys = take(fixture, layout->keys_indices + 8 + 5 * 24);

	census_fixture_put(fixture, dict + OBJECT_SIZE, 1);
	census_fixture_put(fixture, dict + layout->dict_keys, keys);
	census_fixture_put(fixture, keys, 1);
	census_fixture_put(fixture, keys + 8, layout->keys_size == NO_OFFSET ? 0x0303 : 8);
	census_fixture_put(fixture, keys + layout->keys_nentries, 1);
	census_fixture_put(fixture, keys + layout->keys_nentries - 8, 4);
	census_fixture_put(fixture, keys + layout->keys_indices + 8 + 8, key);
	census_fixture_put(fixture, keys + layout->keys_indices + 8 + 16, value);
}

static uint64_t make_dict(struct census_fixture *fixture, uint64_t key, uint64_t value)
{
	uint64_t dict = make(fixture, FIXTURE_DICT, 48);

	fill_dict(fixture, dict, key, value);
	return dict;
}

static uint64_t make_list(struct census_fixture *fixture, enum census_fixture_type of, size_t count)
{
	bool is_tagged = fixture->target.reader.python.layout.long_tag != NO_OFFSET;
	uint64_t items = take(fixture, count * 8), list;

	for (size_t i = 0; i < count; i++) {
		uint64_t item = make(fixture, of, 32);

		census_fixture_put(fixture, item + OBJECT_SIZE, is_tagged ? 1 << 3 : 1);
		census_fixture_put(fixture, items + i * 8, item);
	}
	list = make(fixture, FIXTURE_LIST, 40);
	census_fixture_put(fixture, list + OBJECT_SIZE, count);
	census_fixture_put(fixture, list + 24, items);
	census_fixture_put(fixture, list + 32, count);
	return list;
}

/* ---- Objects whose references are drawn ---- */

static void scatter(struct census_fixture *fixture, const uint64_t *objects, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t words = 2 + draw(fixture, 12);

		for (uint64_t at = 16; at < 16 + words * 8; at += 8) {
			uint64_t value = draw(fixture, 3) ? objects[draw(fixture, count)]
							  : draw(fixture, 9);

			census_fixture_put(fixture, objects[i] + at, value);
		}
	}
}

static void make_random(struct census_fixture *fixture)
{
	uint64_t objects[FIXTURE_NR_TYPES * NR_RANDOM];
	uint64_t key = make_str(fixture, "name");
	size_t count = 0;

	for (int type = 1; type < FIXTURE_NR_TYPES; type++)
		for (int i = 0; i < NR_RANDOM; i++)
			objects[count++] = make(fixture, (enum census_fixture_type)type, 160);
	scatter(fixture, objects, count);
	for (size_t i = 0; i < count; i++)
		if (draw(fixture, 2))
			fill_dict(fixture, objects[i], key, objects[draw(fixture, count)]);
}

/* ---- All of it ---- */

static void fill_interpreter(struct census_fixture *fixture, uint64_t interpreter)
{
	const struct census_layout *layout = &fixture->target.reader.layout;
	uint64_t module, held, inner;

	held = take(fixture, CENSUS_FIXTURE_LISTS * 8);
	for (uint64_t i = 0; i < CENSUS_FIXTURE_LISTS; i++)
		census_fixture_put(fixture, held + i * 8,
				   make_list(fixture, FIXTURE_INT, CENSUS_FIXTURE_ITEMS));
	inner = make(fixture, FIXTURE_LIST, 40);
	census_fixture_put(fixture, inner + OBJECT_SIZE, CENSUS_FIXTURE_LISTS);
	census_fixture_put(fixture, inner + 24, held);
	census_fixture_put(fixture, inner + 32, CENSUS_FIXTURE_LISTS);
	module = make(fixture, FIXTURE_MODULE, 56);
	fixture->module_dict = make_dict(fixture, make_str(fixture, "held"), inner);
	census_fixture_put(fixture, module + 16, fixture->module_dict);
	census_fixture_put(fixture, interpreter + layout->interp_modules,
			   make_dict(fixture, make_str(fixture, "fixture"), module));
	census_fixture_put(fixture, interpreter + layout->interp_sysdict, fixture->module_dict);
}

static void begin_target(struct census_fixture *fixture)
{
	const struct heap_source source = {
		.read = read_bytes,
		.read_absent = read_absent,
		.look = look,
		.context = fixture,
	};
	struct census_target *target = &fixture->target;
	struct offset_table table;

	offset_table_find(3U << 24 | fixture->minor << 16 | 0xf0, false, &table);
	target->process = PROCESS_MEMORY_NONE;
	target->heap = heap_memory_new(&source, UINT64_MAX);
	heap_memory_add(target->heap,
			(struct heap_range){ CENSUS_FIXTURE_BASE,
					     CENSUS_FIXTURE_BASE + CENSUS_FIXTURE_BYTES, false });
	census_reader_init(&target->reader, &table.layout, target->heap, 0);
	target->reader.python.wire.interp_threads = 8; /* 3.6 has none, see census_target.c */
	target->reader.layout.interp_bytes = 0;	       /* more than there is room for */
}

void census_fixture_init(struct census_fixture *fixture, unsigned int minor, uint64_t seed)
{
	uint64_t interpreter;

	memset(fixture, 0, sizeof(*fixture));
	fixture->minor = minor;
	fixture->random = seed;
	begin_target(fixture);
	fixture->used = 64;
	interpreter = take(fixture, 16384);
	fixture->generations = take(fixture, 512);
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t head = fixture->generations +
				i * fixture->target.reader.layout.gc_generation;

		census_fixture_put(fixture, head, head);
		census_fixture_put(fixture, head + 8, head);
	}
	fixture->last = fixture->generations;
	for (int i = 0; i < FIXTURE_NR_TYPES; i++)
		fixture->types[i] = take(fixture, 960);
	for (int i = 0; i < FIXTURE_NR_TYPES; i++)
		fill_type(fixture, (enum census_fixture_type)i);
	fill_interpreter(fixture, interpreter);
	if (seed)
		make_random(fixture);
	fixture->target.interpreters[0] = interpreter;
	fixture->target.generations[0] = fixture->generations;
	fixture->target.nr_interpreters = fixture->target.nr_generations = 1;
}

void census_fixture_clear(struct census_fixture *fixture)
{
	census_target_clear(&fixture->target);
}
