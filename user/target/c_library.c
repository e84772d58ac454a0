/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C library of one file; see c_library.h.
 *
 * A program names its loader (PT_INTERP: /lib/ld-musl-x86_64.so.1), a library what it needs
 * (DT_NEEDED: Alpine's libc.musl-x86_64.so.1, musl-gcc's libc.so, glibc's libc.so.6). A static
 * program has neither, but where it was not stripped musl's variable. What is still not known is
 * tried in turn: a thread state names its thread (bpf/thread_state.h).
 */
#include "c_library.h"

#include <elf.h>
#include <string.h>

#include "elf_file.h"
#include "memory.h"

enum library { LIBRARY_UNKNOWN, LIBRARY_GLIBC, LIBRARY_MUSL };

/*
 * glibc's struct pthread has specific_1stblock[32] of {seq, data} and then the addresses of all
 * blocks; musl's the address of tsd[128]. pthread_self() is the struct's address.
 */
#define GLIBC_SLOTS(at, below)                                                                    \
	{                                                                                         \
		.first_block = (at) - (below), .blocks = (at) + 0x200 - (below), .self = (below), \
		.block_keys = 32, .slot_bytes = 16                                                \
	}
#define MUSL_SLOTS(at, below)                                                             \
	{                                                                                 \
		.first_block = NO_FIRST_BLOCK, .blocks = (at) - (below), .self = (below), \
		.block_keys = 128, .slot_bytes = 8                                        \
	}

#ifdef __aarch64__
/* The thread pointer is at the end of struct pthread, whose size each version has its own of
 * (_thread_db_sizeof_pthread): 2.41 and 2.43; 2.36; 2.31. musl 1.2. */
#define GLIBCS GLIBC_SLOTS(0x110, 0x720), GLIBC_SLOTS(0x110, 0x740), GLIBC_SLOTS(0x110, 0x700)
#define MUSLS MUSL_SLOTS(0x70, 0xc8)
#else
/* It is at its begin: glibc 2.31 to 2.43; musl 1.2.2 to 1.2.6; 1.1.24. */
#define GLIBCS GLIBC_SLOTS(0x310, 0)
#define MUSLS MUSL_SLOTS(0x80, 0), MUSL_SLOTS(0x88, 0)
#endif

static const struct wire_slots ways[][NR_SLOT_WAYS] = {
	[LIBRARY_UNKNOWN] = { GLIBCS, MUSLS },
	[LIBRARY_GLIBC] = { GLIBCS },
	[LIBRARY_MUSL] = { MUSLS },
};

static bool begins_with(const char *text, const char *beginning)
{
	return !strncmp(text, beginning, strlen(beginning));
}

static enum library library_of_loader(const struct elf_file *file)
{
	char path[256];

	if (elf_file_loader(file, path, sizeof(path)))
		return LIBRARY_UNKNOWN;
	return strstr(path, "/ld-musl-") ? LIBRARY_MUSL : LIBRARY_GLIBC;
}

static void notice_library(int64_t tag, const char *text, void *context)
{
	enum library *library = context;

	if (tag != DT_NEEDED)
		return;
	if (!strcmp(text, "libc.so.6"))
		*library = LIBRARY_GLIBC;
	if (!strcmp(text, "libc.so") || begins_with(text, "libc.musl"))
		*library = LIBRARY_MUSL;
}

static enum library find_library(struct elf_file *file)
{
	struct elf_symbol variable = { .name = "__pthread_tsd_main" };
	enum library library = library_of_loader(file);

	if (library == LIBRARY_UNKNOWN)
		elf_file_visit_dynamic(file, notice_library, &library);
	if (library == LIBRARY_UNKNOWN && elf_file_find_symbols(file, ELF_SYMTAB, &variable, 1))
		library = LIBRARY_MUSL;
	return library;
}

void c_library_find(struct elf_file *file, struct wire_layout *layout)
{
	enum library library = find_library(file);

	memcpy(layout->slots, ways[library], sizeof(layout->slots));
	/* An entry is a block's address, in glibc also what is to be freed. */
	layout->dtv_bytes = library == LIBRARY_MUSL ? 8 : 16;
}
