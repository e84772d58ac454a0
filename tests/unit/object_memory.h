/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A piece of memory with Python objects in it, as a reader of python_reader.h sees it: made by the
 * layout of any version, to be damaged by tests and fuzzers. That real interpreters are laid out
 * like this is test_target_objects.bash's matter.
 */
#ifndef MEMPROBE_OBJECT_MEMORY_H
#define MEMPROBE_OBJECT_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "python_reader.h"

#define OBJECT_MEMORY_BASE 0x10000
#define OBJECT_MEMORY_BYTES 16384
#define OBJECT_MEMORY_FIRST_MINOR 6
#define OBJECT_MEMORY_NR_VERSIONS 10

struct object_memory {
	uint8_t bytes[OBJECT_MEMORY_BYTES];
	size_t used;
	struct python_reader reader;
	size_t nr_reads;
	size_t failing;	  /* this read fails, 0: none */
	size_t replacing; /* before this read, `replacement` is put at `replaced` */
	uint64_t replaced, replacement;
	uint64_t type_type, str_type;
};

/* Empty memory of CPython 3.minor with two types, `type` and `str`. */
void object_memory_init(struct object_memory *memory, unsigned int minor);

/* Where its 8 bytes lie. */
uint64_t object_memory_get(const struct object_memory *memory, uint64_t address);
void object_memory_put(struct object_memory *memory, uint64_t address, uint64_t value);

uint64_t object_memory_str(struct object_memory *memory, const char *ascii);

enum object_memory_way {
	OBJECT_DICT,   /* a dict of its own, at tp_dictoffset */
	OBJECT_VALUES, /* values without a dict; before 3.11 a split dict */
	OBJECT_SLOTS,
	OBJECT_NR_WAYS,
};

/* An instance of class module.Class with attributes a0, pathname, a2. */
uint64_t object_memory_instance(struct object_memory *memory, enum object_memory_way way);

#endif
