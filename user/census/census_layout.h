/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where each version of CPython keeps what a census reads beyond the objects' attributes, which
 * python_reader.h knows: the collector's lists, the interpreter's state, frames and generators.
 */
#ifndef MEMPROBE_CENSUS_LAYOUT_H
#define MEMPROBE_CENSUS_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define CENSUS_NO_OFFSET UINT32_MAX

/* census_layout.def says where each number was measured. */
struct census_layout {
	uint32_t gc_head;	/* bytes of PyGC_Head, which stands before an object */
	uint32_t gc_generation; /* bytes of struct gc_generation, which begins with a list's head */
	uint32_t gc_generations; /* three of them */
	uint32_t gc_permanent;	 /* from the first one: what gc.freeze() put away */
	uint32_t interp_modules, interp_sysdict, interp_builtins;
	uint32_t interp_bytes, tstate_bytes;
	uint32_t code_stacksize, code_nlocalsplus;
	uint32_t gen_frame; /* the frame within a generator */
	uint32_t gen_state; /* i8 */
	uint32_t frame_object_frame, frame_object_data;
	uint32_t frame_stacktop; /* int; from 3.14 on a pointer */
	uint32_t type_bytes;	 /* sizeof(PyTypeObject): what a static type takes */
	uint32_t str_bytes;	 /* sizeof(PyUnicodeObject), a str that is not compact */
};

/* Versions as wire_layout has them, 3.6 to 3.15. -ENOTSUP: another. */
int census_layout_find(uint16_t version, struct census_layout *ret);

/* May these be the first 8 bytes of a live object? Free blocks hold a pointer there, and objects
 * on a free list 0. */
bool census_layout_is_refcount(uint16_t version, uint64_t word);

#endif
