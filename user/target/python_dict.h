/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Python's dicts, read from outside: a value by the text of its key, from combined tables, split
 * tables (keys shared by the instances of a class, values apart) and the values that objects keep
 * without a dict. The entries are compared in their order, never by hash: the target's hashes are
 * salted. Sources: Objects/dictobject.c, Objects/dict-common.h (to 3.10),
 * Include/internal/pycore_dict.h (3.11 and later).
 */
#ifndef MEMPROBE_PYTHON_DICT_H
#define MEMPROBE_PYTHON_DICT_H

#include <stdint.h>

#include "python_reader.h"

/* Keys and values of one dict or object. */
struct python_table {
	uint64_t keys;	    /* PyDictKeysObject */
	uint64_t values;    /* array of objects; 0: values stand in the entries of the keys */
	uint64_t nr_values; /* in that array, UINT64_MAX: unknown */
};

/* A PyDictKeysObject. Entries end with a key and, unless the values stand apart, its value. */
struct python_keys {
	uint64_t entries; /* address */
	uint64_t nr_entries;
	size_t entry_bytes;
	uint64_t capacity;   /* entries that it has or may yet take; not checked */
	uint64_t references; /* 1: of one dict; not checked */
	uint64_t bytes;	     /* that it takes, some 400 GB at most */
};

/* -EINVAL: no sense in it, or what reading failed with. */
int python_dict_read_keys(const struct python_reader *reader, uint64_t address,
			  struct python_keys *ret);

/* Where a value stands. */
struct python_slot {
	uint64_t address;
	uint64_t value; /* an object, not 0 */
};

/* The table of a dict; 0 or what reading failed with. */
int python_dict_open(const struct python_reader *reader, uint64_t dict, struct python_table *ret);

/* The table of keys and a PyDictValues (3.13 and later) or an array of values. */
int python_dict_open_values(const struct python_reader *reader, uint64_t keys, uint64_t values,
			    struct python_table *ret);

/*
 * The value of a key. *known_key (0: none) is the str that was found last by this name: looked for
 * first, confirmed by its text, and updated. -ENOENT: no such key, or without a value; -EINVAL: no
 * sense in it; -E2BIG: not among the first 4,096 entries; else what reading failed with.
 */
int python_dict_find(struct python_reader *reader, const struct python_table *table,
		     const char *name, uint64_t *known_key, struct python_slot *ret);

#endif
