// SPDX-License-Identifier: BSD-2-Clause
/*
 * A library that another one calls, and that programs load, unload and replace: NAME is what its
 * function is called, so that two builds are alike but for that.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>

#ifndef NAME
#define NAME second_take
#endif
#define PAGE 4096UL

__attribute__((noinline, noclone)) void NAME(size_t pages)
{
	char *block = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	if (block == MAP_FAILED)
		abort();
	madvise(block, pages * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < pages; i++)
		*(volatile char *)(block + i * PAGE) = 1;
}
