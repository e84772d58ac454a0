/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one file knows of the CPython inside it: version, and where the walker finds everything.
 * The files are an executable or a shared libpython. Processes are left to python_place.c.
 */
#ifndef MEMPROBE_INTERPRETER_H
#define MEMPROBE_INTERPRETER_H

#include <stdbool.h>
#include <stdint.h>

#include <memprobe/wire.h>

#include "runtime_ends.h"

/* The largest that is opened: Pythons with all debug information take some 100 MB, libraries that
 * are looked into in vain 2 GB. */
#define INTERPRETER_MAX_BYTES (8ULL << 30)

struct interpreter {
	struct wire_layout layout;
	uint32_t version_hex; /* PY_VERSION_HEX where the file tells it, else major<<24|minor<<16 */
	char version[32];     /* "3.11.2", "3.11" when the release is unknown, "" when nothing is */
	uint64_t text_vaddr;  /* first executable segment */
	uint64_t text_offset;
	uint64_t text_bytes;
	struct runtime_ends ends;
	bool verified;	      /* false: taken from DebugOffsets of an unknown version */
	bool table_disagrees; /* DebugOffsets and offset_table.def differ; the former were taken */
	const char *reason;   /* why it cannot be walked, static text, NULL when it can */
};

enum interpreter_search {
	INTERPRETER_EXPORTED, /* look in .dynsym only: cheap on libraries that have no CPython */
	INTERPRETER_ANY,      /* .symtab too: an executable that exports nothing */
};

/*
 * 0; -ENOENT: no CPython inside; -E2BIG: none in what was read of it, the rest is more than is read
 * of a file; -ENOTSUP: a CPython that cannot be walked (version and reason are filled in); other
 * -errno. Borrows fd.
 */
int interpreter_inspect_by(int fd, enum interpreter_search search, struct interpreter *ret);
int interpreter_inspect(int fd, struct interpreter *ret); /* INTERPRETER_ANY */
/* The same of a file that is open, for whatever machine it is. */
int interpreter_inspect_in(struct elf_file *file, enum interpreter_search search,
			   struct interpreter *ret);

/* What to add to file addresses in a process that maps this file's code at `start`. -EINVAL when
 * that mapping does not show the first executable segment. */
int interpreter_bias(const struct interpreter *interpreter, uint64_t start, uint64_t pgoff,
		     uint64_t *ret_bias);

#endif
