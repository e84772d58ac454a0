/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A malloc() before the C library's: every so often it takes pages, and writes into the file
 * NATIVE_CHAINS which functions it was called by, as libgcc unwinds them. A line: bytes, and
 * FILE+ADDRESS of each function, the innermost (malloc) first; ADDRESS is the symbols'.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define PART (32 * PAGE)
#define MAX_DEPTH 80
#define LEAST 200 /* what is asked for more often is no C function's own wish */
#define EVERY 37

struct dwarf_eh_bases { /* unwind-dw2-fde.h of GCC */
	void *text, *data, *function;
};

extern const void *_Unwind_Find_FDE(void *, struct dwarf_eh_bases *);

static void *(*next_malloc)(size_t);
static int out = -1;
static __thread int is_inside;
static __thread unsigned long turn;

__attribute__((noinline)) void take_pages(size_t bytes)
{
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);

	for (size_t i = 0; i < bytes; i += PAGE)
		((volatile char *)memory)[i] = 1;
	munmap(memory, bytes);
}

static int tell_function(char *to, size_t room, char *address)
{
	struct dwarf_eh_bases bases;
	struct link_map *map = NULL;
	Dl_info place;
	const char *name;

	if (!dladdr1(address, &place, (void **)&map, RTLD_DL_LINKMAP) ||
	    !_Unwind_Find_FDE(address - 1, &bases))
		return snprintf(to, room, " ?+0x0");
	name = strrchr(place.dli_fname, '/');
	return snprintf(to, room, " %s+0x%lx", name ? name + 1 : place.dli_fname,
			(unsigned long)bases.function - (unsigned long)map->l_addr);
}

__attribute__((noinline)) static void tell(size_t bytes)
{
	void *addresses[MAX_DEPTH];
	int depth = backtrace(addresses, MAX_DEPTH), length;
	char line[MAX_DEPTH * 100];

	length = snprintf(line, sizeof(line), "%zu", bytes);
	for (int i = 1; i < depth && length < (int)sizeof(line) - 100; i++)
		length += tell_function(line + length, 99, addresses[i]);
	line[length++] = '\n';
	if (write(out, line, length) != length)
		abort();
}

void *malloc(size_t bytes)
{
	if (!next_malloc)
		next_malloc = dlsym(RTLD_NEXT, "malloc");
	if (out >= 0 && !is_inside && bytes >= LEAST && ++turn % EVERY == 0) {
		is_inside = 1;
		take_pages(PART);
		tell(PART);
		is_inside = 0;
	}
	return next_malloc(bytes);
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("NATIVE_CHAINS");
	void *addresses[1];

	is_inside = 1;
	backtrace(addresses, 1); /* loads libgcc */
	if (path)
		out = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
	is_inside = 0;
}
