/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions whose unwind tables lead astray, and one that takes pages below them. */
#include <sys/mman.h>

#define PAGE 4096

__attribute__((noinline)) void honest(long bytes)
{
	char *memory = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (long i = 0; i < bytes; i += PAGE)
		((volatile char *)memory)[i] = 1;
	munmap(memory, bytes);
}

/* Where honest() returns to, the rule is another than what holds there. */
#define LIE(name, rule)                                         \
	void name(long bytes)                                   \
	{                                                       \
		__asm__ volatile(".cfi_remember_state\n" rule); \
		honest(bytes);                                  \
		__asm__ volatile(".cfi_restore_state\n");       \
	}

LIE(stays, ".cfi_def_cfa rsp, 0\n")
LIE(goes_back, ".cfi_def_cfa rsp, -4096\n")
LIE(too_near, ".cfi_def_cfa rsp, 8\n")
LIE(between_words, ".cfi_def_cfa rsp, 17\n")
LIE(ends, ".cfi_undefined rip\n")
