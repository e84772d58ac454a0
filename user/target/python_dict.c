/* SPDX-License-Identifier: BSD-2-Clause */
/* Python's dicts; see python_dict.h. */
#include "python_dict.h"

#include <errno.h>
#include <stdbool.h>

#include "memory.h"
#include "python_string.h"

/* Entries looked at. Comparing one costs one or two reads of the target. */
#define MAX_ENTRIES 4096

/* Entries read at a time, by bytes: 64 general ones or 96 with str keys. */
#define CHUNK_BYTES 1536

#define GENERAL_ENTRY_BYTES 24 /* { hash, key, value } */
#define UNICODE_ENTRY_BYTES 16 /* { key, value }, 3.11 and later */
#define MAX_LOG2_SIZE 32
#define KEYS_HEAD_BYTES 40

struct entry {
	uint64_t index;
	uint64_t address; /* of its value */
	uint64_t key;
	uint64_t value;
};

/* To 3.10: a size that is a power of two, and indices as wide as it needs. */
static int measure_old_keys(const struct python_reader *reader, const uint8_t *head,
			    uint64_t *ret_size, uint64_t *ret_index_bytes)
{
	uint64_t size = python_reader_load64(head + reader->layout.keys_size);

	if (!size || size & (size - 1) || size > 1ULL << MAX_LOG2_SIZE)
		return -EINVAL;
	*ret_size = size;
	if (size <= 0xff)
		*ret_index_bytes = size < 8 ? 8 : size; /* size 1: Py_EMPTY_KEYS */
	else
		*ret_index_bytes = size * (size <= 0xffff ? 2 : size <= 0xffffffff ? 4 : 8);
	return 0;
}

static int measure_keys(const struct python_reader *reader, const uint8_t *head, uint64_t *ret_size,
			uint64_t *ret_index_bytes)
{
	uint8_t log2_size, log2_bytes;

	if (reader->layout.keys_size != NO_OFFSET)
		return measure_old_keys(reader, head, ret_size, ret_index_bytes);
	log2_size = head[reader->layout.keys_log2_size];
	log2_bytes = head[reader->layout.keys_log2_indexbytes];
	if (log2_size > MAX_LOG2_SIZE || log2_bytes > MAX_LOG2_SIZE + 3)
		return -EINVAL;
	*ret_size = 1ULL << log2_size;
	*ret_index_bytes = 1ULL << log2_bytes;
	return 0;
}

/* USABLE_FRACTION() (Objects/dict-common.h, pycore_dict.h): the entries that a table has room for.
 */
static uint64_t usable_of(uint64_t size)
{
	return (size << 1) / 3;
}

int python_dict_read_keys(const struct python_reader *reader, uint64_t address,
			  struct python_keys *ret)
{
	const struct python_layout *layout = &reader->layout;
	bool is_general = true;
	uint8_t head[KEYS_HEAD_BYTES];
	uint64_t size, index_bytes;
	int err = python_reader_fetch(reader, address, head, layout->keys_indices);

	if (!err)
		err = measure_keys(reader, head, &size, &index_bytes);
	if (err)
		return err;
	if (layout->keys_kind != NO_OFFSET)
		is_general = head[layout->keys_kind] == 0;
	ret->entry_bytes = is_general ? GENERAL_ENTRY_BYTES : UNICODE_ENTRY_BYTES;
	ret->entries = address + layout->keys_indices + index_bytes;
	ret->nr_entries = python_reader_load64(head + layout->keys_nentries);
	/* dk_usable stands before dk_nentries in every version. */
	ret->capacity = ret->nr_entries +
			python_reader_load64(head + layout->keys_nentries - sizeof(uint64_t));
	ret->references = python_reader_load64(head);
	ret->bytes = layout->keys_indices + index_bytes + usable_of(size) * ret->entry_bytes;
	return ret->nr_entries <= size ? 0 : -EINVAL;
}

/* Whether a key is the wanted one. */
struct match {
	struct python_reader *reader;
	const char *name;
	uint64_t known; /* only this str; 0: any */
};

static bool matches(const struct match *match, uint64_t key)
{
	if (!key || (match->known && key != match->known))
		return false;
	return python_string_is(match->reader, key, match->name);
}

/* The first of the entries in `bytes`, which begin with entry ret->index, that matches. */
static bool search_chunk(const struct match *match, const struct python_keys *keys,
			 const uint8_t *bytes, size_t count, struct entry *ret)
{
	for (size_t i = 0; i < count; i++) {
		const uint8_t *end = bytes + (i + 1) * keys->entry_bytes;
		uint64_t key = python_reader_load64(end - 16);

		if (!matches(match, key))
			continue;
		ret->index += i;
		ret->address = keys->entries + (ret->index + 1) * keys->entry_bytes - 8;
		ret->key = key;
		ret->value = python_reader_load64(end - 8);
		return true;
	}
	return false;
}

static int search(const struct match *match, const struct python_keys *keys, struct entry *ret)
{
	uint64_t end = keys->nr_entries < MAX_ENTRIES ? keys->nr_entries : MAX_ENTRIES;
	size_t count = CHUNK_BYTES / keys->entry_bytes;
	uint8_t bytes[CHUNK_BYTES];

	for (uint64_t index = 0; index < end; index += count) {
		int err;

		if (count > end - index)
			count = end - index;
		ret->index = index;
		err = python_reader_fetch(match->reader, keys->entries + index * keys->entry_bytes,
					  bytes, count * keys->entry_bytes);
		if (err)
			return err;
		if (search_chunk(match, keys, bytes, count, ret))
			return 0;
	}
	return end < keys->nr_entries ? -E2BIG : -ENOENT;
}

static int read_slot(const struct python_reader *reader, const struct python_table *table,
		     const struct entry *entry, struct python_slot *ret)
{
	struct python_slot slot = { entry->address, entry->value };
	int err = 0;

	if (table->values) {
		if (entry->index >= table->nr_values)
			return -EINVAL;
		slot.address = table->values + entry->index * sizeof(uint64_t);
		err = python_reader_u64(reader, slot.address, &slot.value);
	}
	if (err)
		return err;
	if (!slot.value)
		return -ENOENT;
	*ret = slot;
	return 0;
}

int python_dict_find(struct python_reader *reader, const struct python_table *table,
		     const char *name, uint64_t *known_key, struct python_slot *ret)
{
	struct match match = { .reader = reader, .name = name, .known = *known_key };
	struct entry entry;
	struct python_keys keys;
	int err = python_dict_read_keys(reader, table->keys, &keys);

	if (err)
		return err;
	/* Names in programs are interned, so it is the same str nearly always. */
	err = match.known ? search(&match, &keys, &entry) : -ENOENT;
	if (err == -ENOENT || err == -E2BIG) {
		match.known = 0;
		err = search(&match, &keys, &entry);
	}
	if (err)
		return err;
	*known_key = entry.key;
	return read_slot(reader, table, &entry, ret);
}

int python_dict_open_values(const struct python_reader *reader, uint64_t keys, uint64_t values,
			    struct python_table *ret)
{
	const struct python_layout *layout = &reader->layout;
	uint8_t capacity;
	int err;

	*ret = (struct python_table){ keys, values + layout->values_items, UINT64_MAX };
	if (layout->values_capacity == NO_OFFSET)
		return 0;
	err = python_reader_fetch(reader, values + layout->values_capacity, &capacity, 1);
	if (!err)
		ret->nr_values = capacity;
	return err;
}

int python_dict_open(const struct python_reader *reader, uint64_t dict, struct python_table *ret)
{
	const struct python_layout *layout = &reader->layout;
	uint64_t keys, values;
	int err = python_reader_u64(reader, dict + layout->dict_keys, &keys);

	if (!err)
		err = python_reader_u64(reader, dict + layout->dict_values, &values);
	if (err)
		return err;
	if (values)
		return python_dict_open_values(reader, keys, values, ret);
	*ret = (struct python_table){ .keys = keys };
	return 0;
}
