/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an object takes: its own block, with what stands before the object, and the buffers that
 * belong to it alone, both rounded as their allocators do. Together they are what sys.getsizeof()
 * says, or more where that leaves something out (values without a dict, an array's axes).
 */
#ifndef MEMPROBE_CENSUS_SIZE_H
#define MEMPROBE_CENSUS_SIZE_H

#include "census_class.h"

/* An object and what is known of it. */
struct census_object_ref {
	uint64_t address;
	struct census_head head;
	const struct census_class *class;
};

struct census_size {
	uint64_t own, buffers;
};

/* Every part lies in the process's mappings, else false: no sense in it, or it changed. */
bool census_size_of(struct census_reader *reader, const struct census_object_ref *object,
		    struct census_size *ret);

/* PyListObject, PySetObject, dequeobject, PyByteArrayObject, arrayobject, PyODictObject and
 * PyArrayObject_fields, which have been the same in 3.6 to 3.15 and numpy 1.x and 2.x. */
enum {
	LIST_ITEMS = 24,
	LIST_ALLOCATED = 32,
	SET_MASK = 32,
	SET_TABLE = 40,
	SET_ENTRY_BYTES = 16,
	DEQUE_LEFT_BLOCK = 24,
	DEQUE_LEFT_INDEX = 40,
	DEQUE_BLOCK_ITEMS = 64,
	DEQUE_BLOCK_BYTES = 528, /* { left, items, right } */
	BYTEARRAY_ALLOCATED = 24,
	BYTEARRAY_BYTES = 32,
	ARRAY_ITEMS = 24,
	ARRAY_ALLOCATED = 32,
	ARRAY_DESCRIPTION = 40,
	DESCRIPTION_ITEMSIZE = 4, /* int */
	ORDERED_FAST_NODES = 64,
	ORDERED_NR_FAST_NODES = 72,
	ORDERED_NODE_BYTES = 32,
	NDARRAY_DATA = 16,
	NDARRAY_NR_AXES = 24,
	NDARRAY_AXES = 32,
	NDARRAY_STRIDES = 40,
	NDARRAY_BASE = 48,
	NDARRAY_DESCRIPTION = 56,
	NDARRAY_FLAGS = 64,
	NDARRAY_OWNS_DATA = 4,
	NDARRAY_MAX_AXES = 64,
};

/* Frames of a generator or of a frame object from 3.11 on: how many words of locals and stack. */
uint64_t census_size_frame_slots(struct census_reader *reader, uint64_t frame);

/* The bytes of an ndarray's data, 0: it owns none or there is no sense in it. */
uint64_t census_size_ndarray(struct census_reader *reader, uint64_t array);

#endif
