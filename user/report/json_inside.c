/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a process as members of an object; see report_inside.h. */
#include "heap_cure.h"
#include "memory.h"
#include "report_inside.h"

struct amount {
	const char *key;
	uint64_t bytes;
};

static const char *state_name(uint32_t state)
{
	static const char *const names[NR_HEAP_STATES] = {
		[HEAP_ABSENT] = "absent",
		[HEAP_READ] = "read",
		[HEAP_PARTLY] = "partly",
		[HEAP_UNKNOWN] = "unknown",
	};

	return names[state];
}

/* What was not read has no amounts, which is not the same as none. */
static void put_amounts(struct json_writer *json, uint32_t state, const struct amount *amounts,
			size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (state == HEAP_READ || state == HEAP_PARTLY)
			json_writer_member_integer(json, amounts[i].key, (int64_t)amounts[i].bytes);
		else
			json_writer_member_null(json, amounts[i].key);
	}
}

static void begin_allocator(struct json_writer *json, const char *key, uint32_t state)
{
	json_writer_key(json, key);
	json_writer_begin_object(json);
	json_writer_member_string(json, "state", state_name(state));
}

static void write_malloc(struct json_writer *json, const struct heap_inside *inside)
{
	const struct amount amounts[] = {
		{ "arenas", inside->nr_arenas },
		{ "used", inside->malloc_used },
		{ "mapped", inside->malloc_mapped },
		{ "free", inside->malloc_free },
		{ "free_absent", inside->malloc_free_absent },
		{ "free_pages", inside->malloc_free_pages },
		{ "free_threads", inside->malloc_free_threads },
	};

	begin_allocator(json, "malloc", inside->malloc_state);
	json_writer_member_string(json, "name", *inside->malloc_name ? inside->malloc_name : NULL);
	put_amounts(json, inside->malloc_state, amounts, ARRAY_SIZE(amounts));
	json_writer_end_object(json);
}

static void write_pymalloc(struct json_writer *json, const struct heap_inside *inside)
{
	const struct amount amounts[] = {
		{ "arenas", inside->pymalloc_nr_arenas },
		{ "used", inside->pymalloc_used },
		{ "free", inside->pymalloc_free },
		{ "free_pools", inside->pymalloc_free_pools },
		{ "free_arenas", inside->pymalloc_free_arenas },
	};

	begin_allocator(json, "pymalloc", inside->pymalloc_state);
	put_amounts(json, inside->pymalloc_state, amounts, ARRAY_SIZE(amounts));
	json_writer_end_object(json);
}

static void write_mimalloc(struct json_writer *json, const struct heap_inside *inside)
{
	const struct amount amounts[] = {
		{ "used", inside->mimalloc_used },
		{ "free", inside->mimalloc_free },
		{ "free_pages", inside->mimalloc_free_pages },
	};

	begin_allocator(json, "mimalloc", inside->mimalloc_state);
	put_amounts(json, inside->mimalloc_state, amounts, ARRAY_SIZE(amounts));
	json_writer_end_object(json);
}

void report_inside_members(const struct heap_inside *inside, struct json_writer *json)
{
	enum heap_cure cure = heap_inside_cure(inside);

	json_writer_member_integer(json, "rss", (int64_t)inside->rss);
	json_writer_member_integer(json, "rest", heap_inside_rest(inside));
	write_malloc(json, inside);
	write_pymalloc(json, inside);
	write_mimalloc(json, inside);
	json_writer_member_integer(json, "torn", (int64_t)inside->torn);
	json_writer_member_string(json, "cure", heap_cure_name(cure));
	json_writer_member_string(json, "advice", heap_cure_sentence(cure));
}
