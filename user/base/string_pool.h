/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Strings kept once and named by id. Id 0 is the empty string. Strings hold no NUL; they are
 * bytes as they came from outside, mostly UTF-8.
 */
#ifndef MEMPROBE_STRING_POOL_H
#define MEMPROBE_STRING_POOL_H

#include "hash_table.h"

struct string_pool {
	char **strings;
	size_t count, capacity;
	struct hash_table ids; /* by hash of the bytes; collisions probe hash + 1, ... */
};

void string_pool_init(struct string_pool *pool);
void string_pool_free(struct string_pool *pool);
uint32_t string_pool_add(struct string_pool *pool, const char *text);
uint32_t string_pool_add_bytes(struct string_pool *pool, const char *bytes, size_t length);
/* Valid until the pool is freed. The id must be one that the pool gave. */
const char *string_pool_get(const struct string_pool *pool, uint32_t id);

#endif
