/* SPDX-License-Identifier: BSD-2-Clause */
/* FIRST_outer() takes pages in FIRST_inner(). With -DSECOND of other names, at other offsets. */
#include <sys/mman.h>

#define PAGE 4096

#ifdef SECOND
#define OUTER second_outer
#define INNER second_inner
__asm__(".text\n.skip 48, 0x90\n");
#else
#define OUTER first_outer
#define INNER first_inner
#endif

__attribute__((noinline)) char *INNER(long bytes)
{
	char *memory = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (long i = 0; i < bytes; i += PAGE)
		((volatile char *)memory)[i] = 1;
	return memory;
}

void OUTER(long bytes)
{
	volatile char room[512];

	room[0] = 1;
	munmap(INNER(bytes), bytes + room[0] - 1);
}
