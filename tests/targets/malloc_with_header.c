/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * To be preloaded: a malloc that asks the C library's for more and keeps 16 bytes in front of each
 * block. reallocarray() is left to the C library, which calls realloc() here.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *block);

struct header {
	void *base; /* as the C library knows the block */
	size_t bytes;
};

static void *fill(char *base, size_t before, size_t bytes)
{
	struct header *header = (struct header *)(base + before) - 1;

	if (!base)
		return NULL;
	*header = (struct header){ base, bytes };
	return header + 1;
}

void *malloc(size_t bytes)
{
	if (bytes > (size_t)-1 / 2)
		return NULL;
	return fill(__libc_malloc(bytes + sizeof(struct header)), sizeof(struct header), bytes);
}

void *calloc(size_t count, size_t bytes)
{
	size_t all;

	if (__builtin_mul_overflow(count, bytes, &all) || all > (size_t)-1 / 2)
		return NULL;
	return fill(__libc_calloc(1, all + sizeof(struct header)), sizeof(struct header), all);
}

void free(void *block)
{
	if (block)
		__libc_free(((struct header *)block - 1)->base);
}

void *realloc(void *block, size_t bytes)
{
	size_t before = block ? ((struct header *)block - 1)->bytes : 0;
	void *fresh = NULL;

	if (bytes || !block)
		fresh = malloc(bytes);
	if (fresh && before)
		memcpy(fresh, block, before < bytes ? before : bytes);
	if (fresh || !bytes)
		free(block);
	return fresh;
}

void *memalign(size_t alignment, size_t bytes)
{
	size_t before = alignment < sizeof(struct header) ? sizeof(struct header) : alignment;

	return fill(__libc_memalign(before, bytes + before), before, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return memalign(alignment, bytes);
}

int posix_memalign(void **ret, size_t alignment, size_t bytes)
{
	*ret = memalign(alignment, bytes);
	return *ret ? 0 : ENOMEM;
}

void *valloc(size_t bytes)
{
	return memalign(4096, bytes);
}
