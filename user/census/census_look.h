/* SPDX-License-Identifier: BSD-2-Clause */
/* A short look at a large object, for a person to know it by: the beginning of a text, how many
 * items a container has, the axes of an array. */
#ifndef MEMPROBE_CENSUS_LOOK_H
#define MEMPROBE_CENSUS_LOOK_H

#include "census_class.h"

/* An id in `strings`, which owns the text: it is UTF-8 with nothing that moves a terminal. "" for
 * what has nothing to show. */
uint32_t census_look(struct census_reader *reader, const struct census_class *class,
		     uint64_t address, struct string_pool *strings);

#endif
