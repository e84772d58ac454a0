/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings kept once; see string_pool.h. */
#include "string_pool.h"

#include <string.h>

#include "memory.h"

void string_pool_init(struct string_pool *pool)
{
	*pool = (struct string_pool){ 0 };
	string_pool_add(pool, "");
}

void string_pool_free(struct string_pool *pool)
{
	for (size_t id = 0; id < pool->count; id++)
		free(pool->strings[id]);
	free(pool->strings);
	hash_table_free(&pool->ids);
}

static bool is_same(const char *text, const char *bytes, size_t length)
{
	return strlen(text) == length && !memcmp(text, bytes, length);
}

uint32_t string_pool_add_bytes(struct string_pool *pool, const char *bytes, size_t length)
{
	uint64_t hash;
	uint32_t id;

	length = strnlen(bytes, length);
	hash = hash_bytes(bytes, length, 0);
	while (hash_table_get(&pool->ids, hash, &id)) {
		if (is_same(pool->strings[id], bytes, length))
			return id;
		hash++;
	}
	pool->strings = array_reserve(pool->strings, &pool->capacity, pool->count + 1,
				      sizeof(*pool->strings));
	pool->strings[pool->count] = xstrndup(bytes, length);
	hash_table_put(&pool->ids, hash, pool->count);
	return pool->count++;
}

uint32_t string_pool_add(struct string_pool *pool, const char *text)
{
	return string_pool_add_bytes(pool, text, strlen(text));
}

const char *string_pool_get(const struct string_pool *pool, uint32_t id)
{
	return pool->strings[id];
}
