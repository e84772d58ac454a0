/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a Python's memory from outside: through which function, laid out how, and what was
 * learned of that process so far. Nothing runs in the target, and nothing stops it, so that
 * everything read may be torn or garbage; who reads here bounds every length and every loop.
 * Strings are left to python_string.h, dicts to python_dict.h, objects to python_object.h.
 */
#ifndef MEMPROBE_PYTHON_READER_H
#define MEMPROBE_PYTHON_READER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <memprobe/wire.h>

#include "process_memory.h"

/* Offsets that are the same in all versions with the GIL (Include/object.h, cpython/object.h). */
enum {
	OBJECT_REFERENCES = 0, /* PyObject.ob_refcnt */
	OBJECT_TYPE = 8,       /* PyObject.ob_type */
	OBJECT_SIZE = 16,      /* PyVarObject.ob_size */
	OBJECT_BYTES = 16,
	TYPE_NAME = 24, /* PyTypeObject */
	TYPE_BASICSIZE = 32,
	TYPE_ITEMSIZE = 40,
	TYPE_FLAGS = 168,
	TYPE_WEAKLISTOFFSET = 208,
	TYPE_MEMBERS = 240,
	TYPE_DICT = 264,
	TYPE_DICTOFFSET = 288,
	TYPE_MRO = 344,
	TYPE_HEAD_BYTES = 352, /* up to what is read of it */
};

/* Bits of tp_flags, which kept their meaning since they came. */
#define TYPE_INLINE_VALUES (1UL << 2) /* 3.13+ */
#define TYPE_MANAGED_DICT (1UL << 4)  /* 3.11+ */
#define TYPE_HEAPTYPE (1UL << 9)
#define TYPE_LONG_SUBCLASS (1UL << 24)
#define TYPE_LIST_SUBCLASS (1UL << 25)
#define TYPE_UNICODE_SUBCLASS (1UL << 28)
#define TYPE_TYPE_SUBCLASS (1UL << 31)

/* What moves from version to version: python_reader.def. NO_OFFSET: the version has no such. */
struct python_layout {
	uint16_t tuple_items;
	uint16_t long_tag; /* lv_tag: number of digits << 3; before 3.12 ob_size is that number */
	uint16_t type_qualname;	   /* PyHeapTypeObject */
	uint16_t type_cached_keys; /* PyHeapTypeObject: keys of the instances' split tables */
	uint16_t dict_keys;
	uint16_t dict_values;
	uint16_t keys_size;	       /* dk_size, a number; later the next three */
	uint16_t keys_log2_size;       /* u8 */
	uint16_t keys_log2_indexbytes; /* u8 */
	uint16_t keys_kind;	       /* u8, 0: general entries */
	uint16_t keys_nentries;
	uint16_t keys_indices;	  /* entries come after these */
	uint16_t values_capacity; /* u8 of PyDictValues */
	uint16_t values_valid;	  /* u8 of PyDictValues */
	uint16_t values_items;	  /* in PyDictValues, or of the bare array */
	uint16_t managed_values;  /* before the object */
	uint16_t managed_dict;	  /* before the object */
	uint16_t managed_tagged;  /* 1: an odd managed_dict tells of values, not of a dict */
};

#define PYTHON_PAGE_BYTES 4096
#define PYTHON_PAGES 32

/* Reads that one question may cost: of garbage no more is read, and an object with 3,000 attributes
 * takes about as many at worst. */
#define PYTHON_READS_MAX 8192

/*
 * The pages that one question needs, read whole and once: a read costs a system call, and names and
 * objects that belong together lie together, as do several objects' classes. Forgotten when the
 * question is answered.
 */
struct python_pages {
	uint64_t addresses[PYTHON_PAGES]; /* 0: none */
	unsigned int next;		  /* to be replaced */
	unsigned int nr_reads;
	uint8_t bytes[PYTHON_PAGES][PYTHON_PAGE_BYTES];
};

struct python_reader {
	/* All `size` bytes (0), or -errno. */
	int (*read)(void *context, uint64_t address, void *to, size_t size);
	void *context;
	struct python_pages *pages; /* while a question is being answered, or NULL; not owned */
	struct wire_layout wire;
	struct python_layout layout;
	/* Learned on the way, to save reads; always confirmed before use. */
	uint64_t str_type;	/* a static type whose instances are str */
	uint64_t attribute_key; /* the str that the last attribute was found by */
	uint64_t module_key;
};

/* `wire` is the interpreter's, as interpreter_inspect() fills it in. -ENOTSUP: a version without
 * a column, or a free-threaded build. Owns nothing. */
int python_reader_init(struct python_reader *reader, const struct wire_layout *wire);

/* As above, and lets it read a process. Borrows `memory`. */
int python_reader_init_process(struct python_reader *reader, const struct wire_layout *wire,
			       struct process_memory *memory);

/* Keeps pages from here on, until python_reader_end(). */
void python_reader_begin(struct python_reader *reader, struct python_pages *pages);
void python_reader_end(struct python_reader *reader);

/* 0, or what the reader's function says. The address 0 is -EFAULT; -E2BIG: after PYTHON_READS_MAX.
 */
int python_reader_fetch(const struct python_reader *reader, uint64_t address, void *ret,
			size_t size);
int python_reader_u64(const struct python_reader *reader, uint64_t address, uint64_t *ret);

/*
 * Reads at least `least` bytes, and of *most_ret_size as many as lie in the same page: these cost
 * no further call and cannot fail for themselves. Leaves in *most_ret_size how many were read.
 */
int python_reader_peek(const struct python_reader *reader, uint64_t address, void *ret,
		       size_t least, size_t *most_ret_size);

/* The C string at an address, owned by the caller. -E2BIG: no end within `max` bytes. */
int python_reader_c_text(const struct python_reader *reader, uint64_t address, size_t max,
			 char **ret_text);

/* Little-endian numbers among bytes that were read. */
uint64_t python_reader_load64(const uint8_t *bytes);

#endif
