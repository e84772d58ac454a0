/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a CPython begins to take its runtime down, in one interpreter file: places that a process
 * passes once when it ends in order, and never else.
 */
#ifndef MEMPROBE_RUNTIME_ENDS_H
#define MEMPROBE_RUNTIME_ENDS_H

#include <stdint.h>

#include "elf_file.h"

enum runtime_ends_doubt {
	RUNTIME_ENDS_SURE,
	RUNTIME_ENDS_DOUBTFUL, /* Py_RunMain was not seen to come to them */
	RUNTIME_ENDS_UNKNOWN,  /* there are none */
	NR_RUNTIME_ENDS_DOUBTS,
};

#define MAX_RUNTIME_ENDS 2

struct runtime_ends {
	/* In the file, of instructions in its code that can be probed (of x86-64, that the kernel
	 * emulates); 0 behind the last. No end passes two. */
	uint64_t offsets[MAX_RUNTIME_ENDS];
	uint32_t doubt; /* enum runtime_ends_doubt */
};

/* Functions by which programs end a runtime; a vaddr of 0: it is not there. */
struct runtime_enders {
	struct elf_symbol finalize; /* Py_FinalizeEx, 3.6+ */
	struct elf_symbol exit;	    /* Py_Exit, for sys.exit() */
	struct elf_symbol run_main; /* Py_RunMain, for all others of a program: 3.8+ */
};

/* version: major << 8 | minor. */
void runtime_ends_find(struct elf_file *file, const struct runtime_enders *enders, uint16_t version,
		       struct runtime_ends *ret);
/* For people; NULL where the ends are sure. */
const char *runtime_ends_reason(uint32_t doubt);

#endif
