/* SPDX-License-Identifier: BSD-2-Clause */
/* An allocator that hands all on to the C library. With MIXED its functions lie elsewhere, and are
 * longer: another build of the same file. */
#define _GNU_SOURCE
#include <stddef.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

#ifdef MIXED
static volatile long mixed;

__attribute__((noinline)) static void mix(size_t size)
{
	volatile long a = (long)size * 0x1234567, b = a * 3, c = b * 5, d = c ^ a;

	mixed += d;
}
#else
#define mix(size) (void)(size)
#endif

void *malloc(size_t size)
{
	mix(size);
	return __libc_malloc(size);
}

void free(void *block)
{
	mix(1);
	__libc_free(block);
}

void *calloc(size_t count, size_t size)
{
	mix(size);
	return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
	mix(size);
	return __libc_realloc(block, size);
}
