// SPDX-License-Identifier: BSD-2-Clause
/*
 * Functions that Python calls by ctypes. Each touches so many pages of its own, which nobody has
 * touched before, and none is merged with another: whose memory it is, is known.
 */
#define _GNU_SOURCE
#include <alloca.h>
#include <signal.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FUNCTION __attribute__((noinline, noclone))
#define INLINE static inline __attribute__((always_inline))
#define PAGE 4096UL
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* What another function is called for is not the last that its caller does. */
#define KEEP_FRAME() asm volatile("" ::: "memory")

static char *last; /* for give_back() */
static size_t last_bytes;

FUNCTION static char *reserve(size_t pages)
{
	char *block = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	if (block == MAP_FAILED)
		abort();
	madvise(block, pages * PAGE, MADV_NOHUGEPAGE);
	last = block;
	last_bytes = pages * PAGE;
	return block;
}

INLINE void touch(char *block, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		*(volatile char *)(block + i * PAGE) = 1;
}

INLINE void take(size_t pages)
{
	touch(reserve(pages), pages);
}

/* ---- One in another ---- */

FUNCTION void inner(size_t pages)
{
	take(3 * pages);
	KEEP_FRAME();
}

FUNCTION void middle(size_t pages)
{
	take(2 * pages);
	inner(pages);
	KEEP_FRAME();
}

FUNCTION void outer(size_t pages)
{
	take(pages);
	middle(pages);
	KEEP_FRAME();
}

FUNCTION static void hidden(size_t pages)
{
	take(pages);
	KEEP_FRAME();
}

FUNCTION void calls_hidden(size_t pages)
{
	hidden(pages);
	KEEP_FRAME();
}

/* ---- Other ways to keep a frame ---- */

/* Its stack is aligned and has no fixed size. */
FUNCTION void realigned(size_t pages, size_t bytes)
{
	alignas(64) char aligned[128];
	char *room = alloca(bytes);

	memset(aligned, 1, sizeof(aligned));
	memset(room, 1, bytes);
	asm volatile("" ::"r"(aligned), "r"(room) : "memory");
	take(pages);
	inner(pages);
	KEEP_FRAME();
}

FUNCTION void of_any_size(size_t pages, size_t bytes)
{
	char room[bytes];

	memset(room, 1, bytes);
	asm volatile("" ::"r"(room) : "memory");
	take(pages);
	inner(pages);
	KEEP_FRAME();
}

__attribute__((noinline, noclone, optimize("no-omit-frame-pointer"))) void framed(size_t pages)
{
	take(pages);
	inner(pages);
	KEEP_FRAME();
}

/* All registers that a call keeps are pushed. */
FUNCTION void pushing(size_t pages)
{
	take(pages);
	asm volatile("" ::: "rbx", "r12", "r13", "r14", "r15", "memory");
	inner(pages);
	KEEP_FRAME();
}

FUNCTION void recursive(size_t levels, size_t pages)
{
	if (levels > 1)
		recursive(levels - 1, pages);
	else
		take(pages);
	KEEP_FRAME();
}

/* The last that a function does is a jump: it has no frame any more. */
FUNCTION void jumps(size_t pages)
{
	inner(pages);
}

/* ---- Others' code ---- */

void second_take(size_t pages);

FUNCTION void calls_second(size_t pages)
{
	second_take(pages);
	KEEP_FRAME();
}

FUNCTION void calls_back(void (*callback)(size_t pages), size_t pages)
{
	callback(pages);
	KEEP_FRAME();
}

static size_t pages_of_handler;

FUNCTION static void handler(int number)
{
	take(pages_of_handler);
	KEEP_FRAME();
}

FUNCTION void raises(size_t pages)
{
	struct sigaction action = { .sa_handler = handler }, before;

	pages_of_handler = pages;
	sigaction(SIGUSR2, &action, &before);
	raise(SIGUSR2);
	sigaction(SIGUSR2, &before, NULL);
}

/* Without call frame information: touches so many pages, in a frame of its own. */
void untold(char *block, size_t pages);
asm(".text\n.p2align 4\n.globl untold\n.type untold, @function\n"
    "untold:\n push %rbx\n sub $48, %rsp\n"
    "1: movb $1, (%rdi)\n add $4096, %rdi\n dec %rsi\n jnz 1b\n"
    "add $48, %rsp\n pop %rbx\n ret\n.size untold, . - untold\n");

FUNCTION void calls_untold(size_t pages)
{
	untold(reserve(pages), pages);
	KEEP_FRAME();
}

/* ---- System calls ---- */

FUNCTION void reads(int fd, size_t pages)
{
	if (read(fd, reserve(pages), pages * PAGE) != (ssize_t)(pages * PAGE))
		abort();
}

/* Returns whether the kernel knows how. */
FUNCTION int populates(size_t pages)
{
	return !madvise(reserve(pages), pages * PAGE, MADV_POPULATE_WRITE);
}

FUNCTION void gives_back(void)
{
	munmap(last, last_bytes);
	KEEP_FRAME();
}

FUNCTION void takes_and_gives_back(size_t pages)
{
	take(pages);
	gives_back();
	KEEP_FRAME();
}

/* A block that stays. */
FUNCTION void *keeps(size_t bytes)
{
	char *block = malloc(bytes);

	if (!block)
		abort();
	memset(block, 1, bytes);
	KEEP_FRAME();
	return block;
}
