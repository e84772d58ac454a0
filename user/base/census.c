/* SPDX-License-Identifier: BSD-2-Clause */
/* A census as bytes and back; see census.h, and docs/format.md for the encoding. */
#include "census.h"

#include <errno.h>
#include <string.h>

#include "memory.h"

/* What a record takes at least, all its numbers being below 128. */
#define LEAST_TYPE 6
#define LEAST_HOLDER 6
#define LEAST_OBJECT 5

enum flag { FLAG_CUT = 1 };

#define MAX_TIME_NS (1ULL << 62)

static const struct total {
	size_t offset;
	uint64_t max;
} totals[] = {
	{ offsetof(struct census, objects), CENSUS_MAX_AMOUNT },
	{ offsetof(struct census, bytes), CENSUS_MAX_AMOUNT },
	{ offsetof(struct census, buffer_bytes), CENSUS_MAX_AMOUNT },
	{ offsetof(struct census, tracked), CENSUS_MAX_AMOUNT },
	{ offsetof(struct census, unreadable_objects), CENSUS_MAX_AMOUNT },
	{ offsetof(struct census, unreadable_bytes), CENSUS_MAX_AMOUNT },
	{ offsetof(struct census, frozen_ns), MAX_TIME_NS },
	{ offsetof(struct census, taken_ns), MAX_TIME_NS },
};

static uint64_t *total_at(const struct census *census, size_t index)
{
	return (uint64_t *)((uintptr_t)census + totals[index].offset);
}

void census_free(struct census *census)
{
	string_pool_free(&census->strings);
	free(census->types);
	free(census->holders);
	free(census->largest);
	*census = (struct census){ .refused = CENSUS_NONE };
}

void census_delete(struct census *census)
{
	if (!census)
		return;
	census_free(census);
	free(census);
}

/* ---- Writing ---- */

/* Only the strings that are written are; they get new numbers in the order of the first mention. */
struct writing {
	const struct census *census;
	struct packed_bytes *out;
	struct string_pool strings;
};

static uint64_t least_of(uint64_t first, uint64_t second)
{
	return first < second ? first : second;
}

/* A character of UTF-8 is not parted. */
static size_t cut_length(const char *text)
{
	size_t length = strnlen(text, CENSUS_MAX_TEXT + 1);

	if (length <= CENSUS_MAX_TEXT)
		return length;
	length = CENSUS_MAX_TEXT;
	while (length && ((uint8_t)text[length] & 0xc0) == 0x80)
		length--;
	return length;
}

static void put_string(struct writing *writing, uint32_t id)
{
	const char *text = string_pool_get(&writing->census->strings, id);

	id = string_pool_add_bytes(&writing->strings, text, cut_length(text));
	packed_bytes_put_unsigned(writing->out, id);
}

static void put_amount(struct writing *writing, uint64_t amount)
{
	packed_bytes_put_unsigned(writing->out, least_of(amount, CENSUS_MAX_AMOUNT));
}

/* An index below count, CENSUS_NONE as 0. */
static void put_index(struct writing *writing, uint32_t index, uint32_t count)
{
	packed_bytes_put_unsigned(writing->out, index < count ? index + 1 : 0);
}

static void put_head(struct writing *writing)
{
	const struct census *census = writing->census;
	bool is_refused = census->refused != CENSUS_NONE;

	packed_bytes_put_unsigned(writing->out, census->cut ? FLAG_CUT : 0);
	packed_bytes_put_unsigned(writing->out, is_refused);
	if (is_refused)
		put_string(writing, census->refused);
	packed_bytes_put_unsigned(writing->out, ARRAY_SIZE(totals));
	for (size_t i = 0; i < ARRAY_SIZE(totals); i++)
		packed_bytes_put_unsigned(writing->out,
					  least_of(*total_at(census, i), totals[i].max));
}

static uint32_t put_types(struct writing *writing)
{
	uint32_t count = (uint32_t)least_of(writing->census->nr_types, CENSUS_MAX_TYPES);

	packed_bytes_put_unsigned(writing->out, count);
	for (uint32_t i = 0; i < count; i++) {
		const struct census_type *type = &writing->census->types[i];

		put_string(writing, type->module);
		put_string(writing, type->name);
		put_amount(writing, type->objects);
		put_amount(writing, type->bytes);
		put_amount(writing, type->buffer_bytes);
		put_amount(writing, type->tracked);
	}
	return count;
}

static uint32_t put_holders(struct writing *writing)
{
	uint32_t count = (uint32_t)least_of(writing->census->nr_holders, CENSUS_MAX_HOLDERS);

	packed_bytes_put_unsigned(writing->out, count);
	for (uint32_t i = 0; i < count; i++) {
		const struct census_holder *holder = &writing->census->holders[i];

		put_index(writing, holder->parent, i);
		packed_bytes_put_unsigned(writing->out, holder->kind);
		put_string(writing, holder->name);
		put_amount(writing, holder->objects);
		put_amount(writing, holder->bytes);
		put_amount(writing, holder->shared_bytes);
	}
	return count;
}

static void put_largest(struct writing *writing, uint32_t nr_types, uint32_t nr_holders)
{
	uint32_t count = (uint32_t)least_of(writing->census->nr_largest, CENSUS_MAX_SINGLE);

	packed_bytes_put_unsigned(writing->out, count);
	for (uint32_t i = 0; i < count; i++) {
		const struct census_object *object = &writing->census->largest[i];

		put_index(writing, object->type, nr_types);
		put_amount(writing, object->bytes);
		packed_bytes_put_unsigned(writing->out, least_of(object->address, INT64_MAX));
		put_string(writing, object->look);
		put_index(writing, object->holder, nr_holders);
	}
}

static void put_strings(const struct string_pool *pool, struct packed_bytes *out)
{
	packed_bytes_put_unsigned(out, pool->count - 1);
	for (size_t id = 1; id < pool->count; id++)
		packed_bytes_put_counted(out, pool->strings[id], strlen(pool->strings[id]));
}

void census_write(const struct census *census, struct packed_bytes *out)
{
	struct packed_bytes records = { 0 };
	struct writing writing = { .census = census, .out = &records };
	uint32_t nr_types, nr_holders;

	string_pool_init(&writing.strings);
	put_head(&writing);
	nr_types = put_types(&writing);
	nr_holders = put_holders(&writing);
	put_largest(&writing, nr_types, nr_holders);
	put_strings(&writing.strings, out);
	packed_bytes_put(out, records.bytes, records.size);
	packed_bytes_free(&records);
	string_pool_free(&writing.strings);
}

/* ---- Reading ---- */

static uint32_t take_count(struct packed_cursor *from, size_t least_bytes, uint32_t most)
{
	uint64_t room = (uint64_t)(from->end - from->at) / least_bytes;

	return (uint32_t)packed_cursor_unsigned(from, least_of(room, most));
}

/* Each once, none empty: so no bytes make more of them than they are. */
static void take_strings(struct packed_cursor *from, struct string_pool *pool)
{
	uint32_t count = take_count(from, 2, CENSUS_MAX_STRINGS);

	for (uint32_t i = 0; i < count && !from->is_bad; i++) {
		size_t length;
		const char *text = packed_cursor_string(from, &length);

		if (length > CENSUS_MAX_TEXT || string_pool_add_bytes(pool, text, length) != i + 1)
			from->is_bad = true;
	}
}

static uint32_t take_string(struct packed_cursor *from, const struct census *census)
{
	return (uint32_t)packed_cursor_unsigned(from, census->strings.count - 1);
}

static uint64_t take_amount(struct packed_cursor *from)
{
	return packed_cursor_unsigned(from, CENSUS_MAX_AMOUNT);
}

/* An index below count, or CENSUS_NONE. */
static uint32_t take_index(struct packed_cursor *from, uint32_t count)
{
	return (uint32_t)packed_cursor_unsigned(from, count) - 1;
}

/* A later version may have more totals, which tell of what is not known here. */
static void take_head(struct packed_cursor *from, struct census *census)
{
	uint32_t count;

	census->cut = packed_cursor_unsigned(from, FLAG_CUT) & FLAG_CUT;
	census->refused = packed_cursor_unsigned(from, 1) ? take_string(from, census) : CENSUS_NONE;
	count = take_count(from, 1, UINT32_MAX);
	for (uint32_t i = 0; i < count && !from->is_bad; i++) {
		bool is_known = i < ARRAY_SIZE(totals);
		uint64_t total = packed_cursor_unsigned(from,
							is_known ? totals[i].max : UINT64_MAX);

		if (is_known)
			*total_at(census, i) = total;
	}
}

static void take_types(struct packed_cursor *from, struct census *census)
{
	census->nr_types = take_count(from, LEAST_TYPE, CENSUS_MAX_TYPES);
	census->types = xcalloc(census->nr_types, sizeof(*census->types));
	for (uint32_t i = 0; i < census->nr_types && !from->is_bad; i++)
		census->types[i] = (struct census_type){
			.module = take_string(from, census),
			.name = take_string(from, census),
			.objects = take_amount(from),
			.bytes = take_amount(from),
			.buffer_bytes = take_amount(from),
			.tracked = take_amount(from),
		};
}

static void take_holders(struct packed_cursor *from, struct census *census)
{
	census->nr_holders = take_count(from, LEAST_HOLDER, CENSUS_MAX_HOLDERS);
	census->holders = xcalloc(census->nr_holders, sizeof(*census->holders));
	for (uint32_t i = 0; i < census->nr_holders && !from->is_bad; i++)
		census->holders[i] = (struct census_holder){
			.parent = take_index(from, i),
			.kind = (enum census_holder_kind)packed_cursor_unsigned(
				from, NR_CENSUS_HOLDER_KINDS - 1),
			.name = take_string(from, census),
			.objects = take_amount(from),
			.bytes = take_amount(from),
			.shared_bytes = take_amount(from),
		};
}

static void take_largest(struct packed_cursor *from, struct census *census)
{
	census->nr_largest = take_count(from, LEAST_OBJECT, CENSUS_MAX_SINGLE);
	census->largest = xcalloc(census->nr_largest, sizeof(*census->largest));
	for (uint32_t i = 0; i < census->nr_largest && !from->is_bad; i++)
		census->largest[i] = (struct census_object){
			.type = take_index(from, census->nr_types),
			.bytes = take_amount(from),
			.address = packed_cursor_unsigned(from, INT64_MAX),
			.look = take_string(from, census),
			.holder = take_index(from, census->nr_holders),
		};
}

int census_read(const uint8_t *bytes, size_t size, struct census *ret)
{
	struct packed_cursor from = { .at = bytes, .end = bytes + size };
	struct census census = { .refused = CENSUS_NONE };

	string_pool_init(&census.strings);
	take_strings(&from, &census.strings);
	take_head(&from, &census);
	take_types(&from, &census);
	take_holders(&from, &census);
	take_largest(&from, &census);
	if (from.is_bad || from.at != from.end) {
		census_free(&census);
		return -EINVAL;
	}
	*ret = census;
	return 0;
}

struct census *census_copy(const struct census *census)
{
	struct census *copy = xcalloc(1, sizeof(*copy));
	struct packed_bytes bytes = { 0 };

	census_write(census, &bytes);
	/* What is written is read again (tests/fuzz/fuzz_census.c). */
	if (census_read(bytes.bytes, bytes.size, copy))
		string_pool_init(&copy->strings);
	packed_bytes_free(&bytes);
	return copy;
}
