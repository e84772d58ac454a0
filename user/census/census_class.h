/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types of a running Python, each looked at once: how its instances are laid out, what it is
 * called, and how many of them were counted. Whether a word is an object is decided here, too: it
 * points to something whose type is a type.
 */
#ifndef MEMPROBE_CENSUS_CLASS_H
#define MEMPROBE_CENSUS_CLASS_H

#include <stdbool.h>
#include <stdint.h>

#include "census_reader.h"
#include "hash_table.h"
#include "string_pool.h"

#define CENSUS_NO_CLASS UINT32_MAX

/* How instances are read. A subclass has the kind of its base. */
enum census_kind {
	KIND_PLAIN, /* its words, as far as basicsize and items go */
	KIND_LEAF,  /* refers to nothing */
	KIND_STR,
	KIND_INT,
	KIND_LIST,
	KIND_DICT,
	KIND_ORDERED_DICT,
	KIND_SET,
	KIND_DEQUE,
	KIND_BYTEARRAY,
	KIND_ARRAY, /* array.array */
	KIND_GENERATOR,
	KIND_FRAME,
	KIND_CODE,
	KIND_TYPE,
	KIND_MODULE,
	KIND_WEAKREF,
	KIND_NDARRAY,
};

/* A value that instances keep at an offset, by __slots__ or as a member of a type in C. */
struct census_slot {
	uint32_t offset, name;
};

/* One type. Sums are of instances that were counted. */
struct census_class {
	uint64_t address;
	uint64_t flags;
	uint64_t keys; /* of instances' split tables and inline values, 0: none */
	uint32_t basicsize, itemsize;
	int32_t dictoffset;
	uint32_t weaklist;     /* offset of the weak references, 0: none */
	uint32_t before;       /* bytes of its instances' blocks before the object */
	uint32_t module, name; /* ids in the pool */
	uint32_t first_slot, nr_slots;
	enum census_kind kind;
	bool is_exact;	/* the very type of its kind, no subclass */
	bool is_untold; /* a name that could tell another kind than KIND_PLAIN cannot be read */
	uint64_t objects, bytes, buffer_bytes, tracked;
};

struct census_classes {
	struct census_reader *reader; /* borrowed, as are the strings */
	struct string_pool *strings;
	struct census_class *classes;
	size_t count, capacity;
	struct census_slot *slots; /* of all types */
	size_t nr_slots, slots_capacity;
	struct hash_table ids; /* by address; CENSUS_NO_CLASS: it is none */
	uint64_t type_type;    /* PyType_Type */
};

void census_classes_init(struct census_classes *classes, struct census_reader *reader,
			 struct string_pool *strings);
void census_classes_clear(struct census_classes *classes);

/* Learns PyType_Type from an object: the type of types is its own type. */
bool census_classes_begin(struct census_classes *classes, uint64_t object);

/* The index of the type at this address, or CENSUS_NO_CLASS. */
uint32_t census_classes_find(struct census_classes *classes, uint64_t type);

/* The head of an object and the index of its type. false: it is no object. */
bool census_classes_object(struct census_classes *classes, uint64_t object,
			   struct census_head *ret_head, uint32_t *ret_class);

#endif
